"""What comes next for a member of an incident, as people read it: a decision, without the words of gates. Pure."""

from __future__ import annotations

from nemo_watchdog.durations import duration
from nemo_watchdog.engine.gates.order import decide
from nemo_watchdog.engine.gates.situation import Situation
from nemo_watchdog.engine.state import Incident
from nemo_watchdog.engine.turn import Turn
from nemo_watchdog.engine.volatile import Volatile
from nemo_watchdog.model import Decision, Gate, Health, Verdict
from nemo_watchdog.policy.policy import ActionStep, EscalateStep

_ABOUT_TO = {
    Gate.IN_FLIGHT: "{value}, and looks must confirm it",
    Gate.VERIFICATION: "{value}: looks must confirm that it helped",
    Gate.BACKOFF: "the next attempt{wait}",
    Gate.CONCURRENCY: "its turn comes when what is done elsewhere has ended",
    Gate.EVIDENCE: "it is looked at once more, and then acted on",
    Gate.LAST_LOOK: "it is looked at once more, and then acted on",
}
"""Of the gates behind which an action is a matter of moments."""

_OF_A_CATEGORY = {
    "integrity": "nothing is done, a person must look",
    "blind": "nothing is done while nobody can see how it is",
    "busy": "it is left alone, it needs time",
}
"""Of what an action does not help."""


def failing_of(volatile: Volatile, incident: Incident) -> str:
    """The root while it fails, or else the first member that does; empty when none does that is watched."""
    names = (name for name in (incident.root, *incident.members) if name in volatile.trackers)
    return next((name for name in names if volatile.trackers[name].state.health is not Health.UP), "")


def plan(name: str, incident: Incident, turn: Turn) -> str:
    """Without a full stop. Of what the policy does not name any more, that of what fails with it."""
    if name not in turn.volatile.trackers:
        name = failing_of(turn.volatile, incident)
    if not name:
        return "nothing is done: it is not watched any more"
    return plan_of(Situation(turn.volatile, turn.durable, incident, name, turn.now.monotonic))


def plan_of(situation: Situation) -> str:
    decision, now = decide(situation), situation.now
    wait = "" if decision.until is None else f" in {duration(max(1, round(decision.until - now)))}"
    return plan_said(decision, wait)


def step_said(s: Situation) -> str:
    """The next step of its remedy, and who is told when that does not help."""
    ahead = s.next
    if ahead is None or ahead.step is None:
        return "nothing is left to try"
    if isinstance(ahead.step, EscalateStep):
        return f"the contact {ahead.step.to} is told, and nothing more is tried"
    target = s.spec.targets.get(ahead.step.key)
    of = f" of {target}" if target is not None else ""
    return f"{ahead.step.action}{of}, attempt {ahead.attempt} of {ahead.step.attempts}{_after(s, ahead.step)}"


def _after(s: Situation, step: ActionStep) -> str:
    steps = s.remedy.steps if s.remedy is not None else ()
    follows = steps[steps.index(step) + 1 :]
    return f"; after that {follows[0].to} is told" if follows and isinstance(follows[0], EscalateStep) else ""


def plan_said(decision: Decision, wait: str = "") -> str:
    """What follows from it; `wait` is how long that takes, as ` in 40s`."""
    match decision.verdict:
        case Verdict.ACT:
            return "acting now"
        case Verdict.ASK:
            return f"a person must act: {decision.value}"
        case Verdict.REFUSE | Verdict.ESCALATE:
            return f"nothing is done: {decision.value}; a person must look"
        case _:
            pass
    if (words := _ABOUT_TO.get(decision.gate)) is not None:
        return words.format(value=decision.value, wait=wait)
    if decision.gate is Gate.CATEGORY:
        return f"{_OF_A_CATEGORY.get(decision.value.partition(':')[0], 'nothing for now')}: {decision.value}"
    again = f"; that is asked again{wait}" if decision.until is not None else ""
    return f"nothing for now: {decision.value}{again}"
