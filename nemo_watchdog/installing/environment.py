"""An environment of its own for each version: neither other programs nor the next version disturb it."""

from __future__ import annotations

import json
import shutil
import stat
import sys
import tempfile
import zipfile
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from urllib.parse import unquote, urlsplit

from nemo_watchdog import __version__
from nemo_watchdog.installing.layout import NAME, Layout
from nemo_watchdog.installing.programs import ProgramFailed, Run
from nemo_watchdog.shipped import CONSTRAINTS, IN_THE_WHEEL, constraints

_OF_THE_SYSTEM = "/usr/bin/python3"
_PIP = ("-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input", "install")


def own(layout: Layout) -> Path | None:
    """The environment of this process, where it is one of the installation's; else None."""
    here = Path(sys.prefix)
    return here if here.parent == layout.versions else None


def origin() -> str:
    """What pip is to install for the program that runs: the file or folder it came from, else its name and version."""
    try:
        told = distribution(NAME).read_text("direct_url.json")
    except PackageNotFoundError:
        told = None
    url = urlsplit(json.loads(told)["url"]) if told else urlsplit("")
    path = Path(unquote(url.path))
    return str(path) if url.scheme == "file" and path.exists() else f"{NAME}=={__version__}"


def python() -> str:
    """One that the service's own user may run: this one, unless it lies in a folder that is somebody's alone."""
    mine = Path(sys.executable).resolve()
    return str(mine) if all(folder.stat().st_mode & stat.S_IXOTH for folder in mine.parents) else _OF_THE_SYSTEM


def free_place(layout: Layout) -> Path:
    """A name that no environment has: one in use is never written over."""
    base = layout.versions / "environment"
    number = 1
    while (place := base.with_name(f"{base.name}-{number}")).exists():
        number += 1
    return place


def make(place: Path, source: str, run: Run) -> None:
    """With the versions that it was tested with. Raises `ProgramFailed`, and then nothing is left of it."""
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as constraints:
            constraints.write(_constraints_of(source))
            constraints.flush()
            run(python(), "-m", "venv", str(place))
            run(str(place / "bin" / "python"), *_PIP, "-c", constraints.name, source)
    except ProgramFailed:
        shutil.rmtree(place, ignore_errors=True)
        raise


def _constraints_of(source: str) -> str:
    """The exact versions that a wheel, a clone, or this version itself names; empty where none are named."""
    path = Path(source)
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as wheel, suppress(KeyError):
            return wheel.read(f"{IN_THE_WHEEL}/{CONSTRAINTS}").decode()
        return ""
    if path.is_dir():
        file = path / CONSTRAINTS
        return file.read_text(encoding="utf-8") if file.is_file() else ""
    return constraints()
