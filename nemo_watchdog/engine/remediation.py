"""Walks each ladder through the gates: judge the last attempt, decide, and act, escalate or suggest."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from nemo_watchdog import records as r
from nemo_watchdog.engine import busy, last_one, proposing, storm
from nemo_watchdog.engine.along import taken_along
from nemo_watchdog.engine.gates import work
from nemo_watchdog.engine.gates.evidence import FAULTS, is_news, is_seen_before_that
from nemo_watchdog.engine.gates.order import decide
from nemo_watchdog.engine.gates.situation import Situation
from nemo_watchdog.engine.ladder import next_contact
from nemo_watchdog.engine.pacing import gap, step_that_acted
from nemo_watchdog.engine.phases import Phase
from nemo_watchdog.engine.rearming import go_on_with_what_was_skipped
from nemo_watchdog.engine.serving import notice_new_trouble
from nemo_watchdog.engine.sharing import share
from nemo_watchdog.engine.state import Durable, Incident
from nemo_watchdog.engine.topology import upstreams
from nemo_watchdog.engine.turn import Turn
from nemo_watchdog.errors import EngineBug
from nemo_watchdog.model import (
    CONTAINER,
    ActionOutcome,
    ActionRequest,
    ActionResult,
    Decision,
    Gate,
    Health,
    Verdict,
)
from nemo_watchdog.policy.policy import ActionStep

NOTHING_TO_VERIFY = frozenset({ActionOutcome.FAILED, ActionOutcome.REFUSED})


def advance(turn: Turn, incident: Incident, name: str) -> None:
    """Does what comes next for a member of an open incident, if anything may be done."""
    tracker = turn.volatile.trackers.get(name)
    if tracker is None or tracker.state.health is Health.UP:
        return
    share(turn, incident, name)
    proposing.settle(turn, Situation(turn.volatile, turn.durable, incident, name, turn.now.monotonic))
    situation = Situation(turn.volatile, turn.durable, incident, name, turn.now.monotonic)
    _judge_attempt(turn, incident, situation)
    go_on_with_what_was_skipped(turn, situation)
    notice_new_trouble(turn, situation)
    decision = decide(situation)
    work.watch(turn, situation, decision)
    _write_down(turn, incident, name, decision)
    turn.wake(decision.until)
    busy.watch(turn, situation, decision)
    last_one.watch(turn, situation, decision)
    if decision.gate is Gate.UPSTREAM:
        turn.await_looks(upstreams(turn.volatile.policy, name), tracker.failing_since)
    elif decision.gate is Gate.STORM:
        storm.ask(turn, name)
    elif decision.gate is Gate.EVIDENCE:
        turn.await_looks(situation.not_looked_at, tracker.failing_since)
        if is_seen_before_that(situation):
            turn.look_soon(name)
    elif decision.gate is Gate.LAST_LOOK and not (
        tracker.last is not None and is_news(situation, tracker.last.at.monotonic)
    ):
        turn.look_soon(name)  # one that saw nothing is followed by the next at its own pace
    if decision.verdict is Verdict.ACT:
        _act(turn, incident, situation)
    elif decision.verdict is Verdict.ESCALATE:
        to = next_contact(situation.remedy, situation.ladder) if situation.remedy is not None else ""
        _write_skipped(turn, incident, situation)
        turn.record(r.Escalated(incident.incident, name, to, decision.value))
    elif decision.verdict is Verdict.ASK:
        proposing.propose(turn, situation)


def end_what_was_under_way(turn: Turn) -> None:
    """What was when the last process ended has an unknown result."""
    lost = ActionResult(ActionOutcome.UNKNOWN, "the watchdog stopped before it knew the result")
    for incident in turn.durable.open():
        for name, ladder in incident.ladders.items():
            if ladder.phase is Phase.ACTING and ladder.actor == name:
                end_action(turn, incident, name, lost)


def _judge_attempt(turn: Turn, incident: Incident, situation: Situation) -> None:
    """The symptom outlived the verification window, or the container died in it: that attempt failed."""
    name, ladder, tracker = situation.name, situation.ladder, situation.tracker
    step = step_that_acted(turn.volatile.policy, ladder)
    state = tracker.state
    mended = FAULTS.union(*(each.helps for each in (step, situation.action) if each is not None))
    if ladder.phase is not Phase.VERIFYING or state.category not in mended or not tracker.fresh_evidence:
        return
    if not situation.asks_for_help or situation.pending_until is not None:
        return
    if turn.now.monotonic < situation.verify_until(ladder) and not situation.died:
        return
    why = f"still {state.reason} after {ladder.action}"
    turn.record(r.AttemptFailed(incident.incident, name, ladder.action_id, why, gap(step, ladder)))
    turn.remember_use(ladder, None)


def _write_down(turn: Turn, incident: Incident, name: str, decision: Decision) -> None:
    """Every change of mind is a record; the same answer again is not."""
    if incident.decisions.get(name) != (decision.verdict, decision.gate):
        turn.record(r.DecisionMade(incident.incident, name, decision.verdict, decision.gate, decision.value))


def _write_skipped(turn: Turn, incident: Incident, situation: Situation) -> None:
    for key, why in situation.next.skipped if situation.next is not None else ():
        if situation.ladder.skipped.get(key) != why:
            turn.record(r.StepSkipped(incident.incident, situation.name, key, why))


def _act(turn: Turn, incident: Incident, situation: Situation) -> None:
    name, spec, ahead, step = situation.name, situation.spec, situation.next, situation.action
    target = proposing.target_of(situation)
    if ahead is None or step is None or target is None or spec.remedy is None:
        raise EngineBug(f"the gates let an action on {name} through that has no target")
    for index, key in ahead.passed:
        turn.record(r.StepExhausted(incident.incident, name, index, key))
    _write_skipped(turn, incident, situation)
    action_id = f"{incident.incident}/{name}/{situation.ladder.total + 1}"
    along = taken_along(situation.trackers, situation.along)
    reached = (spec.container or "") if step.reaches_container else ""
    granted = proposing.done(turn, situation, action_id)
    turn.record(
        r.ActionIntended(
            incident=incident.incident,
            action_id=action_id,
            dependency=name,
            remedy=spec.remedy,
            step=ahead.index,
            attempt=ahead.attempt,
            action=step.action,
            container=target.name if target.kind == CONTAINER else reached,
            verify_within=step.verify_within,
            target_kind=target.kind,
            target=target.name,
            step_key=step.key,
            moved=ahead.moved,
            reason=situation.tracker.state.reason or "",
            image=situation.tracker.image,
            options=step.digest,
            **asdict(step.footprint),
            by=granted.by if granted is not None else "",
            along=[each.container for each in along],
        )
    )
    container = situation.tracker.container if target.kind == CONTAINER else None
    if step.settles:
        judged = container.container_id if container is not None else ""
        owed = (target.kind, target.name, judged, step.timeout)
        turn.record(r.SettlingOwed(incident.incident, action_id, name, step.action, *owed))
    turn.order(
        ActionRequest(
            action_id=action_id,
            incident=incident.incident,
            dependency=name,
            action=step.action,
            target=target,
            options=step.options,
            expected_run=container,
            timeout=step.timeout * (1 + len(along)),
            severity=incident.severity,
            reason=situation.tracker.state.reason or "",
            destroys=step.destroys,
            by=granted.by if granted is not None and granted.at_once else "",
            container=reached,
            along=along,
            **_image(situation, step),
        )
    )


def _image(situation: Situation, step: ActionStep) -> dict[str, Any]:
    """What an action is told that goes back to an image which has proven itself."""
    proven = situation.durable.proven_images.get(situation.spec.container or "")
    if step.proves_after is None or proven is None:
        return {}
    keeps = any(situation.trackers[each].spec.keeps_data for each in (situation.name, *situation.beside))
    return {"image": proven.image, "image_name": proven.name, "keeps_data": keeps}


def end_action(turn: Turn, incident: Incident, name: str, result: ActionResult) -> None:
    """Writes down how the action that is under way ended."""
    ladder = incident.ladder(name)
    step = step_that_acted(turn.volatile.policy, ladder)
    to_verify = result.outcome not in NOTHING_TO_VERIFY
    refusals = ladder.refusals if result.outcome is ActionOutcome.REFUSED else 0
    turn.record(
        r.ActionEnded(
            incident=incident.incident,
            action_id=ladder.action_id,
            dependency=name,
            action=ladder.action,
            outcome=result.outcome,
            detail=result.detail,
            backoff=0.0 if to_verify else gap(step, ladder, refusals),
            verify_within=step.verify_within if step else 60.0,
            to_verify=to_verify,
            left=sorted(result.left),
        )
    )
    if result.outcome is ActionOutcome.FAILED:
        turn.remember_use(ladder, None)


def acting_incident(durable: Durable, request: ActionRequest) -> Incident | None:
    """The incident in which that action is under way: another one, when its own was merged meanwhile."""
    name = request.dependency
    for incident in (durable.incident_of(name), durable.incidents.get(request.incident)):
        ladder = incident.ladders.get(name) if incident is not None else None
        if ladder is not None and ladder.action_id == request.action_id and ladder.phase is Phase.ACTING:
            return incident
    return None
