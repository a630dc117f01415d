"""Who has a rota at a moment: whom a swap names, else whom its calendar names, else whose turn it is. Pure.

Turns go by the wall clock of the rota's zone, and nothing of them is kept: policy and clock give the same answer after
every start. The first of its people begins with the first such day of the week of Monday, 2024-01-01.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

from nemo_watchdog.engine.listing import listed
from nemo_watchdog.policy.people import Contact, Rota

_FIRST_MONDAY = date(2024, 1, 1)
_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)

_MOST_BORDERS = 60
"""How many moments at which another may have it are looked at for the next who does."""


@dataclass(frozen=True, slots=True)
class Swap:
    """`person` has the rota instead, until then (aware). That it has begun does not depend on a clock that is set."""

    person: str
    until: datetime
    reason: str
    by: str

    def holds(self, at: datetime) -> bool:
        return at < self.until


@dataclass(frozen=True, slots=True)
class Shift:
    """An event of a calendar; `said` is its SUMMARY. Moments are aware."""

    start: datetime
    end: datetime
    said: str


class Because(StrEnum):
    """Why somebody has it."""

    SWAP = "swap"
    CALENDAR = "calendar"
    TURN = "turn"


@dataclass(frozen=True, slots=True)
class Has:
    people: tuple[str, ...]
    because: Because
    swap: Swap | None = None


@dataclass(frozen=True, slots=True)
class Oncall:
    """All that says who has which rota; `swaps` the oldest first."""

    contacts: Mapping[str, Contact]
    swaps: Mapping[str, Sequence[Swap]]
    calendars: Mapping[str, Sequence[Shift]]

    def people_of(self, contact: str, at: datetime) -> list[str]:
        """Who is told what is for that contact: who has it, where it is a rota; else itself."""
        return list(self.has(contact, at).people) if self._rota(contact) is not None else [contact]

    def may_be(self, contact: str) -> set[str]:
        """Whoever is told what is for that contact, now or at another time."""
        if (rota := self._rota(contact)) is None:
            return {contact}
        swapped = {swap.person for swap in self.swaps.get(contact, ())}
        named = {self._person(shift.said) for shift in self.calendars.get(contact, ())}
        return {*rota.people, *swapped, *named} & self.contacts.keys()

    def rotas(self) -> dict[str, Rota]:
        return {name: each.rota for name, each in self.contacts.items() if each.rota is not None}

    def has(self, name: str, at: datetime) -> Has:
        """Raises `KeyError` for what is no rota."""
        rota = self.rotas()[name]
        for swap in reversed(self.swaps.get(name, ())):
            if swap.holds(at) and self._person(swap.person):
                return Has((swap.person,), Because.SWAP, swap)
        if rota.calendar and (named := self._named(name, at)):
            return Has(named, Because.CALENDAR)
        return Has((rota.people[_turn(rota, at) % len(rota.people)],), Because.TURN)

    def until(self, name: str, at: datetime) -> datetime | None:
        """When somebody else has it; None when nobody else is in sight."""
        now, border = self.has(name, at).people, at
        for _ in range(_MOST_BORDERS):
            border = min(self._borders(name, border))
            if self.has(name, border).people != now:
                return border
        return None

    def names_nobody(self, shifts: Sequence[Shift]) -> str:
        """Why a calendar says of no time who has a rota; empty where it does of some."""
        if not shifts:
            return "it has no event in the weeks ahead"
        if any(self._person(shift.said) for shift in shifts):
            return ""
        said = listed([f"`{each}`" for each in dict.fromkeys(shift.said for shift in shifts)])
        return f"no SUMMARY of its events is the name of a contact who could have it: it says {said}"

    def _borders(self, name: str, after: datetime) -> Iterator[datetime]:
        """Moments at which another may have it: a turn begins always."""
        rota = self.rotas()[name]
        yield _begin(rota, _turn(rota, after) + 1)
        ends = [swap.until for swap in self.swaps.get(name, ())]
        sides = [side for shift in self.calendars.get(name, ()) for side in (shift.start, shift.end)]
        yield from (each for each in (*ends, *sides) if each > after)

    def _named(self, name: str, at: datetime) -> tuple[str, ...]:
        """Several, where events overlap."""
        there = [shift.said for shift in self.calendars.get(name, ()) if shift.start <= at < shift.end]
        return tuple(sorted({person for said in there if (person := self._person(said))}))

    def _person(self, said: str) -> str:
        """The contact of that name who is no rota; empty when there is none. Calendars write names as they like."""
        wanted = said.strip().casefold()
        return next((name for name in self.contacts if name.casefold() == wanted and self._rota(name) is None), "")

    def _rota(self, contact: str) -> Rota | None:
        known = self.contacts.get(contact)
        return None if known is None else known.rota


def only_itself(contact: str) -> Sequence[str]:
    """Where nobody takes turns."""
    return (contact,)


def _turn(rota: Rota, at: datetime) -> int:
    """How many turns have begun since the first one; negative before it."""
    turn = (at.astimezone(rota.zone).date() - _first(rota)).days // _length(rota)
    return turn if _begin(rota, turn) <= at else turn - 1


def _begin(rota: Rota, turn: int) -> datetime:
    """In UTC. A time that does not exist is when the clock goes on; of one that exists twice it is the first."""
    day = _first(rota) + turn * _length(rota) * _DAY
    wall = datetime.combine(day, time(*divmod(rota.minute, 60)), rota.zone)
    at = wall.astimezone(UTC)
    if at.astimezone(rota.zone).replace(tzinfo=None) == wall.replace(tzinfo=None):
        return at
    goes_on = wall.replace(fold=1)
    at, offset = goes_on.astimezone(UTC), goes_on.utcoffset()
    while at.astimezone(rota.zone).utcoffset() != offset:
        at += _MINUTE
    return at


def _first(rota: Rota) -> date:
    return _FIRST_MONDAY + (rota.weekday or 0) * _DAY


def _length(rota: Rota) -> int:
    """Days."""
    return 1 if rota.weekday is None else 7
