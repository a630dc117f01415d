"""In how much of a day each component worked, as looks saw it. Pure.

Time in which nobody looked, or could not see, counts neither way. What was planned counts as what users saw of it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from nemo_watchdog.engine.published import Component, Published, Shown, worst
from nemo_watchdog.model import Category, Outcome, Reason
from nemo_watchdog.policy.policy import Dependency
from nemo_watchdog.stores import LookRun

Stretch = tuple[datetime, datetime, Shown]
"""From when until when it was seen to be so."""

BLIND = frozenset(reason.value for reason in Reason if reason.category is Category.BLIND)
LEAST_REACH = timedelta(minutes=1)


def reach_of(spec: Dependency) -> timedelta:
    """For how long what a look saw is taken to be so while no other comes."""
    return max(LEAST_REACH, timedelta(seconds=3 * spec.interval + spec.timeout))


def uptime_of(
    published: Published,
    component: Component,
    looks: Mapping[str, Sequence[LookRun]],
    begin: datetime,
    end: datetime,
) -> float | None:
    """From 0 to 1; None where nothing was seen. `looks` are of all that `Published.looked_at` names, oldest first."""
    names = published.looked_at(component)
    stretches = {name: _joined(_stretches(published, name, looks.get(name, ()), begin, end)) for name in names}
    borders = sorted({border for each in stretches.values() for stretch in each for border in stretch[:2]})
    places = dict.fromkeys(names, 0)
    known: dict[tuple[Shown, ...], Shown] = {}
    good = bad = timedelta(0)
    for since, until in pairwise(borders):
        states = tuple(_at(stretches[name], places, name, since) for name in names)
        if (shown := known.get(states)) is None:
            by_name = dict(zip(names, states, strict=True))
            shown = known[states] = worst(published.part(name, by_name) for name in component.parts)
        if shown is Shown.OUTAGE:
            bad += until - since
        elif shown is not Shown.UNKNOWN:
            good += until - since
    return round(good / (good + bad), 6) if good + bad else None


def _at(stretches: Sequence[Stretch], places: dict[str, int], name: str, at: datetime) -> Shown:
    """How it was seen from then on; asked in the order of time."""
    place = places[name]
    while place < len(stretches) and stretches[place][1] <= at:
        place += 1
    places[name] = place
    return stretches[place][2] if place < len(stretches) and stretches[place][0] <= at else Shown.UNKNOWN


def _stretches(
    published: Published, name: str, runs: Sequence[LookRun], begin: datetime, end: datetime
) -> Iterator[Stretch]:
    """Those between the two times. What was seen holds until the next look, if that comes soon enough."""
    reach = reach_of(published.policy.dependencies[name])
    first = bisect_left(runs, begin - reach, key=lambda run: run.last)
    for place in range(first, bisect_left(runs, end, key=lambda run: run.first)):
        run = runs[place]
        following = runs[place + 1].first if place + 1 < len(runs) else end
        since, until = max(run.first, begin), min(following if following - run.last <= reach else run.last, end)
        if since < until:
            yield since, until, _shown(run)


def _joined(stretches: Iterable[Stretch]) -> list[Stretch]:
    """Those that follow each other and are alike are one: of a good day it is one, however often somebody looked."""
    made: list[Stretch] = []
    for since, until, shown in stretches:
        if made and made[-1][1:] == (since, shown):
            made[-1] = (made[-1][0], until, shown)
        else:
            made.append((since, until, shown))
    return made


def _shown(run: LookRun) -> Shown:
    if run.outcome != Outcome.FAILED:
        return Shown.OPERATIONAL
    return Shown.UNKNOWN if run.reason in BLIND else Shown.OUTAGE
