"""What one policy says that another did not, in the operator's own keys and words: no secret is in it, and no default.

Entries of a list that have names are told by them, so that a rule which moved is one that moved, and not all between.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nemo_watchdog.policy.document import Path
from nemo_watchdog.policy.showing import format_path, is_name, is_secret, shown

_NAMED_BY = ("name", "key", "do")


def differences(old: Any, new: Any) -> tuple[str, ...]:
    """One line for each, as `dependencies.redis.interval: 10s -> 5s`, in the order of the files.

    Both are policies as plain values, as `Policy.document` has them.
    """
    return tuple(f"{format_path(path) or 'the policy'}: {what}" for path, what in _between(old, new, ()))


def _between(old: Any, new: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(old, dict) and isinstance(new, dict):
        yield from _entries(old, new, path)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _lists(old, new, path)
    elif type(old) is not type(new) or old != new:
        before, after = shown(old, path), shown(new, path)
        yield path, f"{before} -> {after}" if before != after else f"changed ({after})"


def _entries(old: Mapping[Any, Any], new: Mapping[Any, Any], path: Path) -> Iterator[tuple[Path, str]]:
    for key in (*old, *(key for key in new if key not in old)):
        below = (*path, key)
        if key not in new:
            yield below, f"removed{_what(old[key], below)}"
        elif key not in old:
            yield below, f"added{_what(new[key], below)}"
        else:
            yield from _between(old[key], new[key], below)


def _what(value: Any, path: Path) -> str:
    return "" if isinstance(value, dict | list) else f": {shown(value, path)}"


def _lists(old: Sequence[Any], new: Sequence[Any], path: Path) -> Iterator[tuple[Path, str]]:
    before, after = _by_name(old), _by_name(new)
    if before is not None and after is not None:
        yield from _entries(before, after, path)
        if [name for name in before if name in after] != [name for name in after if name in before]:
            yield path, f"another order: {', '.join(after)}"
    elif _are_words(old, path) and _are_words(new, path):
        gone = [f"{shown(each, path)} removed" for each in old if each not in new]
        come = [f"{shown(each, path)} added" for each in new if each not in old]
        if old != new:
            order = f"another order: {', '.join(shown(each, path) for each in new)}"
            yield path, ", ".join([*gone, *come]) or order
    else:
        yield from _entries(dict(enumerate(old)), dict(enumerate(new)), path)


def _are_words(values: Sequence[Any], path: Path) -> bool:
    """Words that may be shown and that are told apart by what is shown."""
    return not is_secret(path) and all(isinstance(each, str) and is_name(each) for each in values)


def _by_name(entries: Sequence[Any]) -> dict[str, Any] | None:
    """None where they are not all known by one name each."""
    for key in _NAMED_BY:
        named = [(str(entry.get(key, "")), entry) for entry in entries if isinstance(entry, dict)]
        known = {name: entry for name, entry in named if is_name(name)}
        if entries and len(known) == len(entries):
            return known
    return None
