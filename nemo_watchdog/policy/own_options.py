"""The second phase of an entry: what it says beyond the keys that all of its kind share, by the kind that it names.

A dependency names a probe, a step names an action; the keys that are left are checked by the options model of that
one. What is wrong with a plugin is a problem of the policy that uses it, and nothing of it gets out as an exception.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel

from nemo_watchdog.errors import PluginError
from nemo_watchdog.policy.document import Path
from nemo_watchdog.policy.problems import Problems, did_you_mean


class HasOptions(Protocol):
    @property
    def options(self) -> type[BaseModel]: ...


Kind = TypeVar("Kind", bound=HasOptions)


def shared(value: Mapping[str, Any], keys: Collection[str]) -> dict[str, Any]:
    """The first phase: the keys that every such entry may have."""
    return {key: item for key, item in value.items() if key in keys}


def own(value: Mapping[str, Any], keys: Collection[str]) -> dict[str, Any]:
    """All the others."""
    return {key: item for key, item in value.items() if key not in keys}


def missing(what: str, kinds: Iterable[str]) -> str:
    """The problem of an entry that names no kind."""
    return f"missing: say {what}, one of {', '.join(sorted(kinds))}"


def find(kinds: Mapping[str, Kind], noun: str, value: Any, path: Path, problems: Problems, *more: str) -> Kind | None:
    """The kind that stands at `path`; `more` are names that may stand there and are none of `kinds`."""
    if not isinstance(value, str):
        return None
    if value not in kinds:
        hint = did_you_mean(value, [*kinds, *more])
        problems.at_value(path, f"there is no {noun} {problems.name(path, value)}{hint}")
        return None
    try:
        return kinds[value]
    except PluginError as error:
        problems.at_value(path, str(error))
    return None


def ask(question: Callable[[], Any], noun: str, path: Path, problems: Problems) -> Any:
    """What a kind answers; None where it raised, which is told at `path`, the place of its name."""
    try:
        return question()
    except PluginError as error:
        problems.at_value(path, str(error))
    except Exception as error:  # noqa: BLE001 - a plugin's validators are code that we did not write
        name = type(error).__name__
        problems.at_value(path, f"its options cannot be checked, a bug in the {noun}: {name}")
    return None
