"""What ended may begin again: a person says so, or a changed policy grants more than the one under which it ended."""

from __future__ import annotations

from nemo_watchdog import records as r
from nemo_watchdog.engine.attempts import Ladder
from nemo_watchdog.engine.budget import remaining
from nemo_watchdog.engine.gates.situation import Situation
from nemo_watchdog.engine.gates.spacing import budget
from nemo_watchdog.engine.ladder import attempts_left
from nemo_watchdog.engine.phases import Phase
from nemo_watchdog.engine.state import Durable
from nemo_watchdog.engine.turn import Turn
from nemo_watchdog.policy.policy import Policy


def why_not(durable: Durable, policy: Policy, name: str) -> str:
    """Why a person's `retry` would change nothing; empty when it would."""
    incident = durable.incident_of(name)
    if incident is None:
        return f"{name} is in no open incident: there is nothing to retry"
    if policy.dependencies[name].remedy is None:
        return f"the policy names no remedy for {name}: there is nothing to retry"
    ladder = incident.ladders.get(name) or Ladder()
    if ladder.phase is Phase.ACTING:
        return f"{ladder.action} is under way for {name}"
    if ladder.phase is Phase.VERIFYING:
        return f"{ladder.action} was done for {name}, and is being verified"
    return ""


def retry(turn: Turn, name: str, reason: str, by: str) -> None:
    """The ladder begins anew and waits for no backoff; every other gate holds as before, and so do the budgets."""
    incident = turn.durable.incident_of(name)
    if (
        incident is not None
        and name in turn.volatile.trackers
        and not why_not(turn.durable, turn.volatile.policy, name)
    ):
        turn.record(r.LadderRearmed(incident.incident, name, reason, by, anew=True))


def go_on_with_what_was_skipped(turn: Turn, situation: Situation) -> None:
    """The ladder has ended past a step that was not for the trouble of then, and is for that of now."""
    incident, ladder, step = situation.incident, situation.ladder, situation.action
    if incident is None or not ladder.ended or step is None or step.key not in ladder.skipped:
        return
    if budget(situation) is None:
        why = f"{step.key} is for {situation.tracker.state.reason or 'what is so now'}"
        turn.record(r.LadderRearmed(incident.incident, situation.name, why, "the policy", anew=False))


def rearm_where_more_is_granted(turn: Turn, before: Policy) -> None:
    """A ladder that has ended goes on where it stood; what was tried stays tried, and what was spent stays spent."""
    for incident in turn.durable.open():
        for name, ladder in incident.ladders.items():
            if ladder.ended and (why := _granted(turn, before, name, ladder)):
                turn.record(r.LadderRearmed(incident.incident, name, why, "the policy", anew=False))


def _granted(turn: Turn, before: Policy, name: str, ladder: Ladder) -> str:
    """What the policy grants that the one before did not; empty when nothing, or when nothing can come of it."""
    policy, now = turn.volatile.policy, turn.now.monotonic
    spec, old = policy.dependencies.get(name), before.dependencies.get(name)
    if spec is None or spec.remedy is None:
        return ""
    remedy = policy.remedies[spec.remedy]
    was = before.remedies[old.remedy] if old is not None and old.remedy is not None else None
    own = turn.durable.spends_on(name, set(spec.targets.values()))
    left, room = attempts_left(remedy, ladder), remaining(remedy.budget, own, now)
    if not left or not room:
        return ""
    if was is None or left > attempts_left(was, ladder):
        return "the policy grants more attempts"
    if room > remaining(was.budget, own, now):
        return f"the policy grants a larger budget ({remedy.budget})"
    everyone = [spend.at for spend in turn.durable.spends]
    if remaining(policy.limits.budget, everyone, now) > remaining(before.limits.budget, everyone, now):
        return f"the policy grants a larger budget of all actions ({policy.limits.budget})"
    return ""
