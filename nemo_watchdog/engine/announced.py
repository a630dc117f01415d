"""What work users are told of: windows of the policy that say so, a week ahead, and what a person announces. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from nemo_watchdog.engine.published import Published
from nemo_watchdog.engine.quiet import Maintenance
from nemo_watchdog.model import Moment
from nemo_watchdog.policy.windows import MaintenanceWindow

AHEAD = timedelta(days=7)

MOST_OF_ONE = 8
"""Times of one window that are told: of the nightly all in the week; nobody reads what is so each hour."""

_MOST_OVERLAPS = 60
"""Starts of one time, each before the end of the one before, that are followed."""

Beside = Mapping[str, tuple[str, ...]]
"""Of each dependency, those that look at the same container."""


@dataclass(frozen=True, slots=True)
class Announced:
    """`identity` is its own, and for nobody else. `text` may be empty."""

    identity: str
    components: tuple[str, ...]
    """Those that it may make worse."""
    text: str
    begins: datetime
    ends: datetime


def announced(
    published: Published, by_hand: Iterable[Maintenance], beside: Beside, now: Moment
) -> tuple[Announced, ...]:
    """The first to begin first. What concerns no component and says nothing is left out.

    `by_hand` are those in force. It asks schedules, which may take some milliseconds.
    """
    policy = published.policy
    found = [each for window in policy.maintenance for each in _times(published, window, beside, now.utc)]
    for work in by_hand:
        if work.window or work.public is None or not work.holds(now.monotonic):
            continue
        names = (name for name in policy.dependencies if work.scope.has(name, policy))
        begins = now.utc - timedelta(seconds=now.monotonic - work.began.monotonic)
        ends = now.utc + timedelta(seconds=work.end - now.monotonic)
        components = _concerned(published, names, beside)
        found.append(Announced(work.identity, components, work.public, _whole(begins), _whole(ends)))
    found.sort(key=lambda each: (each.begins, each.ends, each.identity))
    return tuple(each for each in found if each.components or each.text)


def _times(published: Published, window: MaintenanceWindow, beside: Beside, now: datetime) -> Iterator[Announced]:
    """The one that is open, and those of the next days."""
    if window.public is None:
        return
    components = _concerned(published, window.dependencies, beside)
    begins = window.schedule.last(now) if window.is_open(now) else window.schedule.next(now)
    for _ in range(MOST_OF_ONE):
        if begins is None or begins > now + AHEAD:
            return
        ends, following = _end(window, begins)
        yield Announced(f"{window.name} {begins.isoformat()}", components, window.public, begins, ends)
        begins = following


def _end(window: MaintenanceWindow, begins: datetime) -> tuple[datetime, datetime | None]:
    """When what begins then ends, with what begins before that; and what begins next."""
    lasts = timedelta(seconds=window.duration)
    ends, following = begins + lasts, window.schedule.next(begins)
    for _ in range(_MOST_OVERLAPS):
        if following is None or following > ends:
            break
        ends, following = following + lasts, window.schedule.next(following)
    return ends, following


def _concerned(published: Published, names: Iterable[str], beside: Beside) -> tuple[str, ...]:
    """The components, in the order of the policy, that work on these, or on their containers, may make worse."""
    touched = {each for name in names for each in (name, *beside.get(name, ()))}
    near = {component.name for name in touched for component in published.concerns.get(name, ())}
    return tuple(each.name for each in published.components if each.name in near)


def _whole(at: datetime) -> datetime:
    """To the second: the two clocks are read one after the other, and what is told is not to change by that."""
    return (at + timedelta(microseconds=500_000)).replace(microsecond=0)
