"""Gates about what is seen: can it be seen at all, is it broken rather than busy, and is it the one that is broken."""

from __future__ import annotations

from collections.abc import Mapping

from nemo_watchdog.engine import busy, unseen_end
from nemo_watchdog.engine.along import is_seen
from nemo_watchdog.engine.condition_words import why_not
from nemo_watchdog.engine.conditions import Question
from nemo_watchdog.engine.gates.situation import Situation
from nemo_watchdog.engine.groups import said_of
from nemo_watchdog.engine.health import Tracker
from nemo_watchdog.engine.phases import Phase
from nemo_watchdog.engine.severity import scene_of
from nemo_watchdog.engine.topology import held_by, needs_of
from nemo_watchdog.model import CONTAINER, Category, Decision, Gate, Health, Reason, RunState, Target, Verdict
from nemo_watchdog.policy.policy import ActionStep, Policy

FAULTS = frozenset({Category.FAULT})

NEWS_FOR = 5.0
"""Seconds for which what a look has seen speaks for acting; longer where looks that confirm are further apart."""


def blind(s: Situation) -> Decision | None:
    """The container is asked for only where the next step acts on it: to tell a person, nobody needs Docker."""
    container, state = s.tracker.container, s.tracker.state
    if s.action is not None and s.action.target_kind == CONTAINER:
        if container is None or container.state is RunState.UNREACHABLE:
            detail = container.detail if container is not None else "Docker has not answered yet"
            return Decision(Verdict.WAIT, Gate.BLIND, f"cannot see the container: {detail}")
        if container.state in (RunState.MISSING, RunState.REMOVING):
            why = s.spec.unselected or f"there is no container {s.spec.container} to act on"
            return Decision(Verdict.WAIT, Gate.BLIND, why)
    for name in s.along:
        if not is_seen(s.trackers[name]):
            why = f"cannot see the container of {name}, {s.beside_how(name)}"
            return Decision(Verdict.WAIT, Gate.BLIND, why)
    if state.health is Health.UNKNOWN:
        if not s.tracker.proven and s.tracker.failure_threshold_met:
            what = f"`docker restart {s.spec.container}`" if s.spec.container else "a restart"
            advice = f"check its address and what is expected; if they are right, {what} is a person's to do"
            return Decision(Verdict.WAIT, Gate.BLIND, f"{state.detail}; {advice}")
        return Decision(Verdict.WAIT, Gate.BLIND, f"cannot judge it: {state.detail or state.reason}")
    return None


def verification(s: Situation) -> Decision | None:
    for ladder in (s.ladder, s.last_on_target):
        if ladder.phase is Phase.VERIFYING and s.now < s.verify_until(ladder) and not s.died:
            whose = "" if ladder.actor == s.name else f" on {ladder.target}, done for {ladder.actor}"
            return Decision(
                Verdict.WAIT, Gate.VERIFICATION, f"verifying {ladder.action}{whose}", s.verify_until(ladder)
            )
    if (decision := _verified_along(s)) is not None:
        return decision
    if (until := s.pending_until) is not None:
        what = f"nobody knows whether {s.last_on_target.action} was done: it may still happen"
        return Decision(Verdict.WAIT, Gate.VERIFICATION, what, until)
    if (seen := s.volatile.unattributed.get(s.spec.container or "")) is not None:
        unread = "why it ended is not known yet: Docker has not told its last words, and is asked again"
        what = unread if seen.last_words is None else "who ended the container cannot be said yet"
        return Decision(Verdict.WAIT, Gate.VERIFICATION, what)
    if (until := unseen_end.until(s.volatile, s.spec.container, s.now)) is not None:
        what = "its container has ended, and Docker has not told yet how it is now"
        return Decision(Verdict.WAIT, Gate.VERIFICATION, what, until)
    return None


def _verified_along(s: Situation) -> Decision | None:
    """What was done to one that would be restarted along is looked at first."""
    for other in s.of_each_along():
        target = Target(CONTAINER, other.spec.container or "")
        ladder = s.durable.ladder_on(target, s.now)
        until = s.durable.unclear_until(target, other.tracker.container, s.now)
        if ladder is not None and ladder.phase is Phase.VERIFYING:
            until = max(until or 0.0, other.verify_until(ladder))
        if until is not None and s.now < until:
            what = f"what was done to {other.name}, {s.beside_how(other.name)}, is looked at first"
            return Decision(Verdict.WAIT, Gate.VERIFICATION, what, until)
    return None


def upstream(s: Situation) -> Decision | None:
    began = s.tracker.failing_since
    held = held_by(s.policy, s.name, lambda name: _fails_its_child(s.trackers[name], began, s.tracker))
    for name, need in held.items():
        if len(need) == 1:
            return Decision(Verdict.WAIT, Gate.UPSTREAM, f"it needs {name}{_how(s.trackers[name], ', which')}")
        each = [f"{one}{_how(s.trackers[one], '')}" for one in need if one in held]
        return Decision(Verdict.WAIT, Gate.UPSTREAM, f"it needs {said_of(need)}; {', '.join(each)}")
    return None


def _fails_its_child(above: Tracker, began: float | None, child: Tracker) -> bool:
    """What takes connections, only not from here, does for a child that has exited: that one can be started."""
    if child.exited and above.state.reason is Reason.UNREACHABLE_FROM_HERE:
        return False
    return not above.serves_since(began)


def _how(above: Tracker, which: str) -> str:
    """What keeps it from speaking for its child."""
    if not above.serves:
        seen = f" ({above.state.reason})" if above.state.reason else ""
        return f"{which} is {above.state.health}{seen}"
    return f"{which} may be failing too" if above.suspect else ": looking at that first"


def grace(s: Situation) -> Decision | None:
    tracker = s.tracker
    if tracker.exited:
        return None  # Docker says that nothing is starting there
    if (until := tracker.grace_until(s.now)) is not None:
        return Decision(Verdict.WAIT, Gate.GRACE, "it is in its start-up grace", until)
    if (until := recovering_until(s.policy, s.trackers, s.name, s.now)) is not None:
        return Decision(Verdict.WAIT, Gate.GRACE, "what it needs has just recovered", until)
    return None


def recovering_until(policy: Policy, trackers: Mapping[str, Tracker], name: str, now: float) -> float | None:
    """The end of a child's grace after the parent whose failure it began under; None outside of one."""
    recovered = recovered_under(policy, trackers, name)
    if recovered is None:
        return None
    until = recovered + trackers[name].startup_grace
    return until if now < until else None


def recovered_under(policy: Policy, trackers: Mapping[str, Tracker], name: str) -> float | None:
    """When what it needs recovered last, if it fails since before; else None."""
    began = trackers[name].failing_since
    recovered = _recovered_at(policy, trackers, name, {})
    return None if recovered is None or began is None or began > recovered else recovered


def is_seen_before_that(s: Situation) -> bool:
    """What it needs has recovered, and it was not looked at since: it may have recovered with that."""
    recovered, last = recovered_under(s.policy, s.trackers, s.name), s.tracker.last
    return not s.tracker.exited and recovered is not None and last is not None and last.began < recovered


def _recovered_at(
    policy: Policy, trackers: Mapping[str, Tracker], name: str, known: dict[str, float | None]
) -> float | None:
    """When the last of what it needs came back, of a group the first; None where nothing did.

    Of a group that is when one of it has served for the longest: a child that failed meanwhile failed by itself.
    """
    if name in known:
        return known[name]
    found: list[float | None] = []
    for need in needs_of(policy.dependencies[name]):
        serving = [each for each in need if len(need) == 1 or trackers[each].serves]
        back = [_latest(trackers[each].recovered_at, _recovered_at(policy, trackers, each, known)) for each in serving]
        found.append(None if None in back else min((at for at in back if at is not None), default=None))
    known[name] = _latest(*found)
    return known[name]


def _latest(*times: float | None) -> float | None:
    return max((at for at in times if at is not None), default=None)


def category(s: Situation) -> Decision | None:
    state = s.tracker.state
    if state.category is not None and state.category not in _helped(s):
        value = f"{state.category}: acting does not help ({state.detail or state.reason}){busy.in_words(s)}"
        return Decision(Verdict.WAIT, Gate.CATEGORY, value)
    if not s.asks_for_help:
        return Decision(Verdict.WAIT, Gate.CATEGORY, f"it is {state.health}, not down")
    for name in s.beside:
        careful = s.trackers[name].careful
        if careful is not None and careful.category not in _helped(s):
            said = f"{name}, {s.beside_how(name)}, is {careful.category} ({careful.detail or careful.reason})"
            return Decision(Verdict.WAIT, Gate.CATEGORY, f"{said}: acting does not help")
    return None


def _helped(s: Situation) -> frozenset[Category]:
    """What the next action can mend; a person is told of what the remedy is for.

    What is busy has its own bound: a remedy of whose actions none is for it tells nobody sooner.
    """
    if s.action is not None:
        return s.action.helps
    helped = (s.remedy.when.category if s.remedy is not None else FAULTS) or FAULTS
    acts = s.remedy is not None and any(isinstance(step, ActionStep) for step in s.remedy.steps)
    return helped - {Category.BUSY} if acts and not s.is_busy_and_can_be_helped else helped


def evidence(s: Situation) -> Decision | None:
    if s.tracker.unhealthy and not s.tracker.fresh_evidence:
        return Decision(Verdict.WAIT, Gate.EVIDENCE, "waiting for fresh looks at it")
    if is_seen_before_that(s):
        return Decision(Verdict.WAIT, Gate.EVIDENCE, "what it needs has recovered since the last look at it")
    if others := s.not_looked_at:
        return Decision(Verdict.WAIT, Gate.EVIDENCE, f"looking first at {', '.join(others)}, in the same container")
    return None


def condition(s: Situation) -> Decision | None:
    if s.remedy is None:
        return None
    scene = scene_of(s.volatile, s.durable, s.now)
    if why := why_not(Question(s.remedy.when, scene, s.name, about=False)):
        return Decision(Verdict.REFUSE, Gate.CONDITION, f"the condition of {s.remedy.name} does not hold: {why}")
    return None


def last_look(s: Situation) -> Decision | None:
    """A wait may end long after it was looked at: it may have recovered since, or a person may have mended it."""
    asked = s.action is not None and s.asks_for_help and not s.tracker.exited
    if not asked or is_news(s, s.tracker.last_seen_at):
        return None
    return Decision(Verdict.WAIT, Gate.LAST_LOOK, "looking at it once more before anything is done")


def is_news(s: Situation, at: float | None) -> bool:
    """What was seen then, in monotonic seconds, is what is so now."""
    return at is not None and s.now - at <= max(NEWS_FOR, s.spec.confirm_interval)
