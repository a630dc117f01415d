"""What a container's own labels say of the dependency that it is: `nemo-watchdog.KEY=VALUE`.

Labels are all that this knows: whether a probe has such a key, and may have such a value, the loader says of the policy
that the entry is put into. Expansions such as `${NAME}` stay as they are written, for that policy to expand.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from pydantic_core import PydanticCustomError

from nemo_watchdog.policy.document import read_document
from nemo_watchdog.policy.fields import check_name

PREFIX = "nemo-watchdog."
NAME = f"{PREFIX}name"
WATCH = f"{PREFIX}watch"

LONGEST_NAME = 63

_CONTAINER = f"{PREFIX}container"
_LISTS = frozenset({"needs", "tags"})
"""Keys whose value may be names with commas between them, as labels mostly have lists."""

_NOTHING = frozenset({"null", "Null", "NULL", "~"})
_KEY = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class LabelProblem:
    """What is wrong with one label; the message never repeats its value."""

    label: str
    message: str

    def __str__(self) -> str:
        return f"label {self.label}: {self.message}"


@dataclass(frozen=True, slots=True)
class Labelled:
    """`entry` is as the dependency has it in a policy, key by key.

    `name` is what it is called there and `watch` whether it is watched at all; None where no label says so.
    """

    entry: Mapping[str, Any] = field(default_factory=dict)
    name: str | None = None
    watch: bool | None = None
    problems: tuple[LabelProblem, ...] = ()


def valid_name(text: str) -> str:
    """A name as a policy takes it, as much like the text as can be."""
    name = re.sub(r"[^a-z0-9_-]+", "-", text.lower()).strip("-_")
    return name[:LONGEST_NAME].rstrip("-_") or "container"


def free_name(name: str, used: Collection[str]) -> str:
    """That name, or where it is used one with a number behind it."""
    if name not in used:
        return name
    ends = (f"-{number}" for number in count(2))
    return next(each for end in ends if (each := name[: LONGEST_NAME - len(end)] + end) not in used)


def label_of(key: str) -> str:
    """The label that gives this key of the dependency."""
    return f"{PREFIX}{key}"


def read_labels(labels: Mapping[str, str]) -> Labelled:
    """What those of them say that begin with `nemo-watchdog.`; a label with a problem says nothing else."""
    entry: dict[str, Any] = {}
    name: str | None = None
    watch: bool | None = None
    problems = []
    for label, text in sorted(labels.items()):
        if not label.startswith(PREFIX):
            continue
        try:
            if label == NAME:
                name = _name(text)
            elif label == WATCH:
                watch = _switch(text)
            else:
                entry[_key(label)] = _value(label, text)
        except _Wrong as wrong:
            problems.append(LabelProblem(label, str(wrong)))
    return Labelled(entry, name, watch, tuple(problems))


class _Wrong(Exception):
    """One label that cannot be used."""


def _name(text: str) -> str:
    """Text as it stands: a name such as `1e3` is none that YAML should read."""
    try:
        return check_name(text.strip())
    except PydanticCustomError as error:
        raise _Wrong(error.message()) from None


def _switch(text: str) -> bool:
    value = _yaml(text)
    if not isinstance(value, bool):
        raise _Wrong("expected true or false")
    return value


def _key(label: str) -> str:
    key = label.removeprefix(PREFIX)
    above, dot, below = key.partition(".")
    if dot and _KEY.fullmatch(above):
        raise _Wrong(f"a label has no keys within keys: write {label_of(above)}={{{below}: ...}}")
    if not _KEY.fullmatch(key):
        raise _Wrong("after `nemo-watchdog.` comes a key of a dependency: letters a-z, digits and `_`")
    if label == _CONTAINER:
        raise _Wrong("its container is the one that carries the label: leave this label out")
    return key


def _value(label: str, text: str) -> Any:
    if label.removeprefix(PREFIX) in _LISTS and not text.lstrip().startswith(("[", "{")):
        return [word for word in (each.strip() for each in text.split(",")) if word]
    if all(line.startswith("#") for each in text.split("\n") if (line := each.strip())):
        raise _Wrong("it is empty: give it a value, or leave the label out")
    return _yaml(text)


def _yaml(text: str) -> Any:
    document = read_document(text, None)
    if document.value is None and text.strip() in _NOTHING:
        return None
    if document.issues:
        raise _Wrong(document.issues[0].message)
    return _plain(document.value)


def _plain(value: Any) -> Any:
    """Without what the document adds to its texts."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, str) else value
