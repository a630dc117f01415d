"""Ends what an action has left behind, once its verdict is known: an order of its own, again when it fails.

What helped loses the old one; what did not, or of which nobody knows, is put back. While that is so nothing else is
done to the target, and nothing is done while people have their hands on it.
"""

from __future__ import annotations

from typing import Any

from nemo_watchdog import records as r
from nemo_watchdog.engine.events import ActionFinished
from nemo_watchdog.engine.gates import people
from nemo_watchdog.engine.gates.situation import Situation
from nemo_watchdog.engine.ladder import next_contact
from nemo_watchdog.engine.left_behind import Helped, Settling
from nemo_watchdog.engine.phases import Phase
from nemo_watchdog.engine.turn import Turn
from nemo_watchdog.model import CONTAINER, ActionOutcome, ActionRequest, ContainerStatus, RunState
from nemo_watchdog.policy.policy import ActionStep

AGAIN_AFTER = (5.0, 30.0, 120.0, 300.0)
"""Seconds from one order that failed to the next; after so many and one more a person is told."""

HOLDING = (people.bug, people.stopping, people.journal, people.pause, people.human_hold)


def watch(turn: Turn) -> None:
    """At the end of a step: what it has said of such actions, and what is due now."""
    for settling in list(turn.durable.settlings.values()):
        if settling.helped is Helped.AWAITED and (helped := _verdict(turn, settling)) is not Helped.AWAITED:
            _judge(turn, settling, helped, settling.made)
        if settling.helped is Helped.NO and not settling.tries and _serves_after_all(turn, settling):
            _judge(turn, settling, Helped.YES, settling.made)
        if settling.helped.is_to_be_settled and not settling.under_way:
            _order_when_due(turn, settling)


def end_what_was_under_way(turn: Turn) -> None:
    """What was when the last process ended is ordered anew: again is no harm."""
    for settling in list(turn.durable.settlings.values()):
        if settling.under_way:
            name, lost = settling.dependency, "the watchdog stopped before it knew the result"
            ended = (settling.under_way, ActionOutcome.UNKNOWN, lost, 0.0)
            turn.record(r.SettlingEnded(_incident(turn, settling), settling.action_id, name, *ended))


def learn(turn: Turn, event: ActionFinished) -> None:
    """What the action has made: a verdict is awaited with that."""
    settling = turn.durable.settlings.get(event.request.action_id)
    if settling is not None and event.result.made:
        _judge(turn, settling, Helped.AWAITED, event.result.made)


def end(turn: Turn, event: ActionFinished) -> bool:
    """An order of ours has ended; whether it was under way."""
    request, result = event.request, event.result
    settling = turn.durable.settlings.get(request.settles)
    if settling is None or settling.under_way != request.action_id:
        return False
    done = result.outcome is ActionOutcome.SUCCEEDED
    again_in = AGAIN_AFTER[settling.tries - 1] if not done and settling.tries <= len(AGAIN_AFTER) else None
    incident, name = _incident(turn, settling), settling.dependency
    ended = (request.action_id, result.outcome, result.detail, again_in)
    turn.record(r.SettlingEnded(incident, settling.action_id, name, *ended))
    if not done and again_in is None:
        why = f"what {settling.action} has left over on {settling.target} could not be ended: {result.detail}"
        turn.record(r.LeftOver(incident, name, _whom(turn, settling), why))
    return True


def _judge(turn: Turn, settling: Settling, helped: Helped, made: str) -> None:
    incident = _incident(turn, settling)
    turn.record(r.SettlingJudged(incident, settling.action_id, settling.dependency, helped, made))


def _verdict(turn: Turn, settling: Settling) -> Helped:
    """By the records of this step; where its ladder is none any more, nobody knows."""
    for record in turn.effects.records:
        match record:
            case r.ActionEnded(action_id=settling.action_id, outcome=(ActionOutcome.REFUSED | ActionOutcome.FAILED)):
                return Helped.NOTHING_LEFT
            case r.ActionEnded(action_id=settling.action_id, outcome=(ActionOutcome.TIMED_OUT | ActionOutcome.UNKNOWN)):
                return Helped.UNKNOWN
            case r.MemberRecovered(action_id=settling.action_id, over=True):
                return Helped.YES
            case r.AttemptFailed(action_id=settling.action_id):
                return Helped.NO
            case _:
                continue
    ladders = (ladder for incident in turn.durable.open() for ladder in incident.ladders.values())
    goes_on = any(each.action_id == settling.action_id and each.phase is not Phase.IDLE for each in ladders)
    return Helped.AWAITED if goes_on else Helped.UNKNOWN


def _serves_after_all(turn: Turn, settling: Settling) -> bool:
    """People had their hands on it, and it serves since: nothing is taken back from it."""
    name = settling.dependency
    return any(isinstance(each, r.MemberRecovered) and each.dependency == name for each in turn.effects.records)


def _order_when_due(turn: Turn, settling: Settling) -> None:
    if settling.not_before is not None and turn.now.monotonic < settling.not_before:
        turn.wake(settling.not_before)
        return
    if _is_held(turn, settling):
        return
    order = f"{settling.action_id}/settle/{settling.tries + 1}"
    incident, name, target = _incident(turn, settling), settling.dependency, settling.target
    turn.record(r.SettlingBegan(incident, settling.action_id, name, order, settling.helped))
    judged = ContainerStatus(RunState.RUNNING, settling.judged) if target.kind == CONTAINER else None
    turn.order(
        ActionRequest(
            action_id=order,
            incident=incident,
            dependency=name,
            action=settling.action,
            target=target,
            options=_options(turn, settling),
            expected_run=judged,
            timeout=settling.timeout,
            destroys=False,
            settles=settling.action_id,
            helped=settling.helped.told,
            made=settling.made,
        )
    )


def _is_held(turn: Turn, settling: Settling) -> bool:
    """By people, or because nothing may be ordered at all."""
    name = settling.dependency
    if name not in turn.volatile.trackers:
        return bool(turn.volatile.bug or turn.volatile.is_stopping or turn.volatile.journal_trouble)
    situation = Situation(turn.volatile, turn.durable, turn.durable.incident_of(name), name, turn.now.monotonic)
    holding = [held for gate in HOLDING if (held := gate(situation)) is not None]
    for each in holding:
        turn.wake(each.until)
    return bool(holding)


def _options(turn: Turn, settling: Settling) -> Any:
    """Of the step that does it; None when the policy has no such step for it any more."""
    policy = turn.volatile.policy
    spec = policy.dependencies.get(settling.dependency)
    steps = policy.remedies[spec.remedy].steps if spec is not None and spec.remedy else ()
    return next((s.options for s in steps if isinstance(s, ActionStep) and s.action == settling.action), None)


def _whom(turn: Turn, settling: Settling) -> str:
    name = settling.dependency
    if name not in turn.volatile.trackers:
        return ""
    situation = Situation(turn.volatile, turn.durable, turn.durable.incident_of(name), name, turn.now.monotonic)
    return next_contact(situation.remedy, situation.ladder) if situation.remedy is not None else ""


def _incident(turn: Turn, settling: Settling) -> str:
    """The one that its own has become a part of, if any."""
    own = turn.durable.incidents.get(settling.incident)
    return own.merged_into if own is not None and own.merged_into else settling.incident
