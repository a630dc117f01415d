"""What packages offer through an entry-point group: found by its metadata, and imported when somebody asks for it.

Finding it costs a look at the metadata of what is installed. What is wrong with an offer is told with the name of its
distribution, and is a mistake of the policy only where the policy uses it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import Distribution, EntryPoint
from typing import Generic, TypeVar

from pydantic_core import PydanticCustomError

from nemo_watchdog.errors import PluginError

K = TypeVar("K")

_LONGEST_TEXT = 200


@dataclass(frozen=True, slots=True)
class Group(Generic[K]):
    """One thing that packages can offer, such as probes."""

    name: str
    """Of the entry points."""
    noun: str
    own: Mapping[str, K]
    """Those of this program, which keep their names."""
    check_name: Callable[[str], str]
    """Raises a pydantic error for a name that no policy can write."""
    adopt: Callable[[object, Offer[K]], K]
    """Makes what stands behind an offer safe to use, or raises `Unfit`."""


class Unfit(Exception):
    """What stands behind an entry point is not what its group is for; the message goes on from the offer's."""


class Offer(Generic[K]):
    """One entry point of one distribution."""

    def __init__(self, group: Group[K], entry: EntryPoint, distribution: str) -> None:
        self.name = entry.name
        self.where = entry.value
        self.distribution = distribution
        self._group = group
        self._entry = entry

    def __str__(self) -> str:
        return f"the plugin {self.distribution} offers the {self._group.noun} `{self.name}`"

    @cached_property
    def kind(self) -> K:
        """Imports it; raises `PluginError` when it cannot be used. A failed import is tried again the next time."""
        try:
            return self._group.adopt(self._entry.load(), self)
        except Unfit as error:
            raise PluginError(f"{self}, {error}") from None
        except (Exception, SystemExit) as error:  # noqa: BLE001 - other people's code must not end the watching
            text = " ".join(str(error).split())[:_LONGEST_TEXT]
            raise PluginError(f"{self}, which cannot be loaded: {type(error).__name__}: {text}") from None


class Contested(Generic[K]):
    """A name that several plugins offer: nobody knows which of them a policy means."""

    def __init__(self, *rivals: Offer[K] | Contested[K]) -> None:
        self.trouble = "; ".join(str(rival) for rival in rivals) + ": only one of them may be installed"
        self._first = " and ".join(str(rival) for rival in rivals)

    def __str__(self) -> str:
        return self._first

    @property
    def kind(self) -> K:
        raise PluginError(self.trouble)


class Kinds(Mapping[str, K]):
    """Our own and those that are offered, by name. Only asking for one imports it, and may raise `PluginError`.

    `warnings` are offers that cannot be had, whatever the policy says.
    """

    def __init__(self, group: Group[K], offers: Iterable[Offer[K]]) -> None:
        found: dict[str, Offer[K] | Contested[K]] = {}
        told = []
        for offer in offers:
            if offer.name in group.own:
                told.append(f"{offer}: a {group.noun} of this program has that name, and is the one that is used")
            elif wrong := _wrong_name(group, offer.name):
                told.append(f"{offer}: {wrong}")
            elif rival := found.get(offer.name):
                found[offer.name] = contested = Contested(rival, offer)
                told.append(contested.trouble)
            else:
                found[offer.name] = offer
        self.warnings = tuple(told)
        self._own = group.own
        self._offered = found

    def __getitem__(self, name: str) -> K:
        return self._own[name] if name in self._own else self._offered[name].kind

    def __iter__(self) -> Iterator[str]:
        yield from self._own
        yield from self._offered

    def __len__(self) -> int:
        return len(self._own) + len(self._offered)

    def __contains__(self, name: object) -> bool:
        return name in self._own or name in self._offered

    def usable(self) -> tuple[dict[str, K], list[str]]:
        """Every one that can be had, and what is wrong with the others. Imports them."""
        good: dict[str, K] = {}
        wrong = []
        for name in self:
            try:
                good[name] = self[name]
            except PluginError as error:
                wrong.append(str(error))
        return good, wrong


def discover(found: Iterable[Distribution], groups: Iterable[str]) -> tuple[list[tuple[EntryPoint, str]], list[str]]:
    """The entry points of these groups with their distribution's name; a warning for each that cannot be read."""
    wanted = frozenset(groups)
    entries: list[tuple[EntryPoint, str]] = []
    warnings = []
    seen: set[str] = set()
    for distribution in found:
        try:
            offered = [entry for entry in distribution.entry_points if entry.group in wanted]
            name = distribution.name if offered else ""
        except Exception as error:  # noqa: BLE001 - a broken file of a stranger must not end the watching
            where = getattr(distribution, "_path", "somewhere")  # its name may be what cannot be read
            warnings.append(f"the metadata of the distribution at {where} cannot be read: {type(error).__name__}")
            continue
        if offered and name not in seen:  # the first on the path hides the others, as for imports
            seen.add(name)
            entries += [(entry, name) for entry in offered]
    return entries, warnings


def offers_of(group: Group[K], entries: Iterable[tuple[EntryPoint, str]]) -> list[Offer[K]]:
    return [Offer(group, entry, distribution) for entry, distribution in entries if entry.group == group.name]


def _wrong_name(group: Group[K], name: str) -> str:
    try:
        group.check_name(name)
    except PydanticCustomError as error:
        return error.message()
    return ""
