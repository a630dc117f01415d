"""What a person is asked to allow: made once, done once when he approves it, and over as soon as it is not the same."""

from __future__ import annotations

from collections.abc import Iterable

from nemo_watchdog import records as r
from nemo_watchdog.durations import duration
from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine.gate_words import OPENED_BY_A_LOOK
from nemo_watchdog.engine.gates.order import apart_from
from nemo_watchdog.engine.gates.situation import Situation
from nemo_watchdog.engine.listing import listed
from nemo_watchdog.engine.paging_words import when
from nemo_watchdog.engine.proposals import CHANGED, DONE, EXPIRED, REJECTED, UNNEEDED, Grant, Over, Proposal, Run
from nemo_watchdog.engine.state import Durable
from nemo_watchdog.engine.step_fit import why_skipped
from nemo_watchdog.engine.turn import Turn
from nemo_watchdog.engine.volatile import Volatile
from nemo_watchdog.model import CONTAINER, Decision, Health, Target

APPROVAL_HOLDS = 300.0
"""Seconds within which what was approved is done: a look at it first takes moments, a restart of the daemon longer."""


def propose(turn: Turn, s: Situation) -> None:
    """Asks a person for the next step, unless he is asked already."""
    incident, step, target = s.incident, s.action, target_of(s)
    if incident is None or step is None or target is None or s.durable.proposals.open_of(s.name) is not None:
        return
    run, expires = run_of(s, target), s.policy.suggestions.expire
    turn.record(
        r.Proposed(
            incident=incident.incident,
            proposal=s.durable.proposals.next_of(incident.incident, s.name),
            dependency=s.name,
            step_key=step.key,
            action=step.action,
            target_kind=target.kind,
            target=target.name,
            what=what_of(s),
            reason=s.tracker.state.reason or "",
            expires=expires,
            container_id=run.container_id,
            run=run.started,
            begun=s.ladder.begun,
            again=s.name in incident.suggested,
        )
    )
    turn.wake(s.now + expires)


def settle(turn: Turn, s: Situation) -> None:
    """Ends what is open for this member and cannot be done any more as it was asked for."""
    one = s.durable.proposals.open_of(s.name)
    if one is None or s.incident is None:
        return
    if over := _why_over(s, one):
        turn.record(r.ProposalOver(s.incident.incident, one.identity, s.name, *over))
    else:
        turn.wake(one.until)


def end_unneeded(turn: Turn, incident: str, names: Iterable[str]) -> None:
    """Of what serves again, or is not watched any more."""
    for name in names:
        one, tracker = turn.durable.proposals.open_of(name), turn.volatile.trackers.get(name)
        if one is not None and (tracker is None or tracker.state.health is Health.UP):
            why = "it is up again" if tracker is not None else "the policy does not name it any more"
            turn.record(r.ProposalOver(incident, one.identity, name, UNNEEDED, why))


def done(turn: Turn, s: Situation, action_id: str) -> Grant | None:
    """Right before the intent: nobody has it done once more. What a person has allowed for it, if anybody did."""
    one, granted = s.durable.proposals.open_of(s.name), s.granted
    if one is not None and s.incident is not None:
        turn.record(r.ProposalOver(s.incident.incident, one.identity, s.name, DONE, action_id))
    return granted


def hear(turn: Turn, asked: ev.ApproveAsked | ev.RejectAsked) -> None:
    """Writes down what a person says of one; what cannot be so changes nothing."""
    one = turn.durable.proposals.known.get(asked.proposal)
    incident = turn.durable.incident_of(one.dependency) if one is not None else None
    if one is None or incident is None or one.over is not None:
        return
    which = (incident.incident, one.identity, one.dependency)
    if isinstance(asked, ev.RejectAsked):
        turn.record(r.ProposalRejected(*which, asked.by, asked.reason, asked.holds))
    elif one.grant is None and not why_not_approved(turn.volatile, turn.durable, one, turn.now.monotonic):
        turn.record(r.ProposalApproved(*which, asked.by, APPROVAL_HOLDS))


def why_not_approved(volatile: Volatile, durable: Durable, one: Proposal, now: float) -> str:
    """Why it would not be done now, by which gate, if a person approved it; empty when it would."""
    name = one.dependency
    if one.over is not None or name not in volatile.trackers:
        return what_became_of(one, volatile, newer=durable.proposals.open_of(name))
    s = Situation(volatile, durable, durable.incident_of(name), name, now, Grant("a person"))
    if over := _why_over(s, one):
        return f"{one.identity} is over: {over[1]}"
    held = holding(s)
    return nothing_to_act_on(s) or (held_by(s, held) if held is not None else "")


def nothing_to_act_on(s: Situation) -> str:
    """Why nobody may do anything to it: the watchdog acts on failures; empty where it may be acted on."""
    health = s.tracker.state.health
    if s.incident is None or health is Health.UP:
        return f"{s.name} is {health}{'' if health is Health.UP else ', and in no open incident'}: nothing to act on"
    return ""


def holding(s: Situation) -> Decision | None:
    """What holds the next action back though a person allows it; None when nothing does, or a look at it first."""
    return apart_from(s, OPENED_BY_A_LOOK)


def held_by(s: Situation, decision: Decision) -> str:
    """In words, with its value."""
    until = "" if decision.until is None else f", until {when(s.volatile.moment(decision.until).utc, s.policy)}"
    return f"the gate {decision.gate} holds it back: {decision.value}{until}"


def what_became_of(one: Proposal, volatile: Volatile, newer: Proposal | None = None) -> str:
    """One sentence for people, without its full stop; `newer` is what is open for the same dependency now."""
    policy = volatile.policy
    by = one.grant.by if one.grant is not None else ""
    approved = f"{by} approved it at {when(one.granted_at.utc, policy)}" if one.granted_at is not None else ""
    over = one.over
    if over is None:
        until = when(volatile.moment(one.until).utc, policy)
        waits = f"it waits for an answer until {until}"
        said = f"{approved}: it is looked at first, and then done, by {until} at the latest" if approved else waits
    else:
        said = _ended(over, approved, when(over.at.utc, policy))
    also = f"; {newer.identity} is open now" if newer is not None and newer is not one else ""
    return f"{one.identity}, {one.what}: {said}{also}"


def _ended(over: Over, approved: str, at: str) -> str:
    said = {
        DONE: f"{approved}, and it was done at {at}" if approved else f"the watchdog did it by itself at {at}",
        REJECTED: f"{over.by} rejected it at {at}: {over.detail}",
        UNNEEDED: f"its trouble is over since {at}: {over.detail}",
        EXPIRED: f"it expired at {at}: {over.detail}",
    }
    return said.get(over.why, f"it is over since {at}: {over.detail}")


def what_of(s: Situation) -> str:
    """What exactly would be done, in one phrase."""
    step, target, container = s.action, target_of(s), s.tracker.container
    how = ""
    if target is not None and target.kind == CONTAINER and container is not None:
        if s.tracker.exited and container.finished_at is not None:
            how = f", which ended at {when(container.finished_at, s.policy)}"
        elif container.started_at is not None:
            how = f", which runs since {when(container.started_at, s.policy)}"
    along = [str(s.trackers[each].spec.container) for each in s.along]
    how += f", and then of {listed(along)}" if along else ""
    takes = f"; it may take {duration(step.timeout * (1 + len(along)))}" if step is not None else ""
    return f"{step.action if step is not None else 'nothing'} of {target}{how}{takes}"


def target_of(s: Situation) -> Target | None:
    return s.spec.targets.get(s.action.key) if s.action is not None else None


def run_of(s: Situation, target: Target | None) -> Run:
    container = s.tracker.container
    if target is None or target.kind != CONTAINER or container is None or not container.container_id:
        return Run()
    return Run(container.container_id, container.started_at.isoformat() if container.started_at else "")


def _why_over(s: Situation, one: Proposal) -> tuple[str, str] | None:
    """Word and sentence."""
    if s.now >= one.until:
        if one.grant is None:
            return EXPIRED, "nobody had answered"
        _, gate = s.incident.decisions.get(s.name, ("", "")) if s.incident is not None else ("", "")
        held = f", held back by the gate {gate}" if gate else ""
        return EXPIRED, f"{one.grant.by} had it done, and it could not be within {duration(APPROVAL_HOLDS)}{held}"
    changed = _what_changed(s, one)
    return (CHANGED, changed) if changed else None


def _what_changed(s: Situation, one: Proposal) -> str:
    """Since a person was asked; empty while it is the same, or nobody can see whether it is."""
    if s.ladder.begun != one.begun:
        return "its remedy has begun anew"
    step = s.action
    if step is None or step.key != one.step_key or target_of(s) != one.target:
        return f"{one.action} of {one.target} is not the next step of its remedy any more"
    if why := why_skipped(step, s.tracker, s.durable):
        return f"{step.key} is not for it: {why}"
    now = run_of(s, one.target)
    if not now.container_id or not one.run.container_id:
        return ""
    if now.container_id != one.run.container_id:
        return f"{one.target} is another container now"
    if now.started != one.run.started and s.tracker.container is not None:
        at = s.tracker.container.started_at
        return f"{one.target} was started anew{f' at {when(at, s.policy)}' if at is not None else ''}"
    return ""
