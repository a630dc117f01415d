"""What is done to a machine, a step at a time: each says what it does, and where nothing is to do there is no step."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Step:
    """`words` say what it will do: `write /etc/…`."""

    words: str
    do: Callable[[], None]


def write(path: Path, text: str, mode: int = 0o644) -> Iterator[Step]:
    """At once, so that nobody reads half of it; a file that says the same stays."""
    if not path.is_file() or path.read_text(encoding="utf-8", errors="replace") != text:
        yield Step(f"{'replace' if path.exists() else 'write'} {path}", lambda: _write(path, text, mode))


def write_once(path: Path, text: str, mode: int = 0o644) -> Iterator[Step]:
    """What is there is the operator's."""
    if not path.exists():
        yield from write(path, text, mode)


def link(path: Path, target: Path) -> Iterator[Step]:
    if not path.is_symlink() or path.readlink() != target:
        yield Step(f"link {path} to {target}", lambda: _link(path, target))


def remove(*paths: Path) -> Iterator[Step]:
    for path in paths:
        if path.is_symlink() or path.exists():
            yield Step(f"remove {path}", lambda path=path: _remove(path))  # type: ignore[misc]


def carry_out(steps: Iterable[Step], say: Callable[[str], None], *, only_say: bool) -> None:
    """Raises what a step raises: `OSError`, mostly."""
    for step in steps:
        say(f"would {step.words}" if only_say else step.words)
        if not only_say:
            step.do()


def _write(path: Path, text: str, mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            os.fchmod(file.fileno(), mode)
        Path(beside).replace(path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise


def _link(path: Path, target: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.new")
    beside.unlink(missing_ok=True)
    beside.symlink_to(target)
    beside.replace(path)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
