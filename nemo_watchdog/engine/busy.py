"""What is busy is not restarted, and not left alone for ever either: every busy has a bound, and then a person is told.

The bound moves on with what can be seen to get done: a number that is larger than ever, so that what begins again and
again is not taken for progress. A first number counts as progress: nobody knows what there was before.
"""

from __future__ import annotations

from dataclasses import dataclass

from nemo_watchdog import records as r
from nemo_watchdog.durations import duration
from nemo_watchdog.engine.gates.situation import Situation
from nemo_watchdog.engine.ladder import next_contact
from nemo_watchdog.engine.turn import Turn
from nemo_watchdog.model import BUSY_FOR, Category, Decision, Gate

HELD_BY_NOTHING_ELSE = frozenset({Gate.CATEGORY, Gate.REMEDY, Gate.CONDITION, Gate.AUTONOMY})
"""What answers for something that is only busy; at other gates somebody has it in hand, or it is not to blame."""


@dataclass(frozen=True, slots=True)
class Bound:
    """`longest` in seconds, the others in monotonic seconds."""

    longest: float
    since: float
    until: float
    told: bool


def bound_of(s: Situation) -> Bound | None:
    """None when it is not busy."""
    state, spell = s.tracker.state, s.durable.seen.busy.get(s.name)
    if state.category is not Category.BUSY or state.reason is None or spell is None:
        return None
    longest = BUSY_FOR[state.reason] if s.spec.busy_for is None else s.spec.busy_for
    return Bound(longest, spell.since, max(spell.since, s.tracker.moved_at or spell.since) + longest, spell.told)


def in_words(s: Situation) -> str:
    """What follows from its being busy; empty when it is not."""
    bound = bound_of(s)
    if bound is None:
        return ""
    longest = duration(bound.longest)
    if bound.told:
        return "; a person was told that it takes too long"
    if s.now >= bound.until:
        return f"; it takes longer than {longest}"
    if s.now >= bound.since + bound.longest:
        return f"; it moves on: a person is told when it has not for {longest}"
    return f"; a person is told when it takes longer than {longest}"


def watch(turn: Turn, s: Situation, decision: Decision) -> None:
    """Tells a person once for each spell of busy that lasts too long; what is tried later stays to be tried."""
    bound = bound_of(s)
    if bound is None or bound.told or s.incident is None or s.ladder.ended:
        return
    if decision.gate not in HELD_BY_NOTHING_ELSE:
        return
    if turn.now.monotonic < bound.until:
        turn.wake(bound.until)
        return
    to = next_contact(s.remedy, s.ladder) if s.remedy is not None else ""
    busy, longest = duration(round(turn.now.monotonic - bound.since)), duration(bound.longest)
    moved = "" if s.tracker.moved_at is None else ", and it does not move on"
    turn.record(r.BusyTooLong(s.incident.incident, s.name, to, f"busy for {busy}, longer than {longest}{moved}"))
