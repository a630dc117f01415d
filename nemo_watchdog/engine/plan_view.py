"""What comes next in an open incident, and when, as `status` shows it. Reads everything, changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from nemo_watchdog.durations import duration
from nemo_watchdog.engine.busy import HELD_BY_NOTHING_ELSE, bound_of
from nemo_watchdog.engine.gates.order import decide
from nemo_watchdog.engine.gates.situation import Situation
from nemo_watchdog.engine.phases import Phase
from nemo_watchdog.engine.plan_words import failing_of, plan_said, step_said
from nemo_watchdog.engine.state import Durable, Incident
from nemo_watchdog.engine.volatile import Volatile
from nemo_watchdog.engine.wall_clock import utc_of
from nemo_watchdog.model import Decision, Gate, Health, Moment, Verdict
from nemo_watchdog.people_views import ToldView
from nemo_watchdog.views import PlanView

MOST = 8
"""Members of one incident of which it is said: those for which something is done come first."""

ACTION, VERIFICATION, PROPOSAL, NOTHING = "action", "verification", "proposal", "nothing"
ESCALATION, ACKNOWLEDGEMENT = "escalation", "acknowledgement"

_DONE = frozenset({Gate.IN_FLIGHT, Gate.VERIFICATION})


def plan_view(
    volatile: Volatile, durable: Durable, incident: Incident, told: ToldView, now: Moment
) -> tuple[PlanView, ...]:
    """First for what fails, and then for people; `told` is who was told of it."""
    lines = [line for name in _members(volatile, incident) for line in _of_one(volatile, durable, incident, name, now)]
    return (*lines, *_of_people(incident, told, now))


def _members(volatile: Volatile, incident: Incident) -> Iterator[str]:
    """That which fails at the root, and others that have a plan of their own: what waits for the root has none."""
    trackers, first = volatile.trackers, failing_of(volatile, incident)
    begun = [name for name in incident.members if name in incident.ladders]
    named = dict.fromkeys((first, *begun, *incident.members))
    failing = (name for name in named if name in trackers and trackers[name].state.health is not Health.UP)
    return islice((name for name in failing if name == first or not _waits_above(incident, name)), MOST)


def _waits_above(incident: Incident, name: str) -> bool:
    return incident.decisions.get(name, ("", ""))[1] == Gate.UPSTREAM


def _of_one(volatile: Volatile, durable: Durable, incident: Incident, name: str, now: Moment) -> Iterator[PlanView]:
    s = Situation(volatile, durable, incident, name, now.monotonic)
    asked, decision = durable.proposals.open_of(name), decide(s)
    if asked is not None and asked.grant is None:
        until = utc_of(asked.until, now)
        yield PlanView(PROPOSAL, name, f"a person must approve or reject it: {asked.what}", until)
        if decision.gate is Gate.AUTONOMY:
            return
    yield PlanView(_kind(decision), name, _said(s, decision), utc_of(decision.until, now))
    bound = bound_of(s)
    if bound is not None and not bound.told and not s.ladder.ended and decision.gate in HELD_BY_NOTHING_ELSE:
        longest = f"a person is told unless it has moved on: it is busy, and may be for {duration(bound.longest)}"
        yield PlanView(ESCALATION, name, longest, utc_of(max(bound.until, s.now), now))


def _kind(decision: Decision) -> str:
    if decision.gate is Gate.VERIFICATION:
        return VERIFICATION
    if decision.verdict is Verdict.ASK:
        return PROPOSAL
    return NOTHING if decision.verdict in (Verdict.REFUSE, Verdict.ESCALATE) else ACTION


def _said(s: Situation, decision: Decision) -> str:
    said = plan_said(decision)
    if decision.verdict is Verdict.ACT or decision.gate is Gate.BACKOFF:
        return f"{said}: {step_said(s)}"
    own = decision.gate in _DONE and s.ladder.phase is not Phase.IDLE
    return f"{said}; if that has not helped: {step_said(s)}" if own and s.next is not None else said


def _of_people(incident: Incident, told: ToldView, now: Moment) -> Iterator[PlanView]:
    if told.next and told.next_at:
        yield PlanView(ESCALATION, "", f"{told.next} is told, unless somebody takes it", told.next_at)
    elif not told.page and told.next_at:
        yield PlanView(ESCALATION, "", "people are told, unless it is over by then", told.next_at)
    taken = incident.acknowledged
    if taken is not None and taken.until is not None and taken.holds(now.monotonic):
        said = f"{taken.by} has it until then, and afterwards it is nobody's again"
        yield PlanView(ACKNOWLEDGEMENT, "", said, utc_of(taken.until, now))
