"""What people order by hand of what is down: a proposal approved, a step done now, a remedy begun anew. No gate is
opened but those that a person may open, and what he opened is on record before the intent.
"""

from __future__ import annotations

from collections.abc import Collection

from nemo_watchdog import records as r
from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine import proposing, rearming
from nemo_watchdog.engine.gates.situation import Situation
from nemo_watchdog.engine.listing import listed
from nemo_watchdog.engine.proposals import CHANGED, MAY_BE_OVERRIDDEN, Grant
from nemo_watchdog.engine.state import Durable
from nemo_watchdog.engine.step_fit import why_skipped
from nemo_watchdog.engine.turn import Turn
from nemo_watchdog.engine.volatile import Volatile
from nemo_watchdog.model import Gate
from nemo_watchdog.policy.policy import ActionStep


def hear(turn: Turn, asked: ev.ByHand) -> None:
    """Writes it down; what cannot be so changes nothing."""
    match asked:
        case ev.RetryAsked():
            rearming.retry(turn, asked.dependency, asked.reason, asked.by)
        case ev.ActAsked():
            _act(turn, asked)
        case _:
            proposing.hear(turn, asked)


def why_not_acted(volatile: Volatile, durable: Durable, asked: ev.ActAsked, now: float) -> str:
    """Which gate refuses it, or what else is in its way; empty when it is done now, or after a look at it."""
    said, gate = what_is_in_its_way(volatile, durable, asked, now)
    if gate is None:
        return said
    if gate in MAY_BE_OVERRIDDEN:
        return f"{said}; `--override {gate} --reason …` has it done all the same"
    return f"{said}; a person can override only {_named()}"


def what_is_in_its_way(volatile: Volatile, durable: Durable, asked: ev.ActAsked, now: float) -> tuple[str, Gate | None]:
    """In words, empty for nothing; and the gate, where it is one."""
    why = _why_not_asked(volatile, durable, asked, now)
    if why:
        return why, None
    s = _situation(volatile, durable, asked, now)
    held = proposing.holding(s)
    if held is None:
        return "", None
    # Where attempts are left, it was the budget that ended it.
    return proposing.held_by(s, held), Gate.BUDGET if held.gate is Gate.REMEDY and s.action is not None else held.gate


def _why_not_asked(volatile: Volatile, durable: Durable, asked: ev.ActAsked, now: float) -> str:
    """What of it cannot be meant; empty where it can."""
    name, overrides = asked.dependency, asked.overrides
    if unknown := [gate for gate in overrides if gate not in MAY_BE_OVERRIDDEN]:
        return f"the gate {unknown[0]} cannot be overridden; these can: {_named()}"
    if overrides and not asked.reason:
        return f"to override {listed(list(overrides))} a reason must be given: it is written down"
    s = _situation(volatile, durable, asked, now)
    if why := proposing.nothing_to_act_on(s):
        return why
    if s.remedy is None:
        return f"the policy names no remedy for {name}: nothing to do"
    keys = [step.key for step in s.remedy.steps if isinstance(step, ActionStep)]
    if asked.step and asked.step not in keys:
        return f"the remedy {s.remedy.name} has no step {asked.step} that acts; there are: {', '.join(keys) or 'none'}"
    if asked.step and s.action is not None and (why := why_skipped(s.action, s.tracker, s.durable)):
        return f"the step {asked.step} is not for it: {why}"
    return ""


def what_is_done(volatile: Volatile, durable: Durable, asked: ev.ActAsked, now: float) -> str:
    """What exactly it would do, in one phrase; empty where there is nothing that it could do."""
    s = _situation(volatile, durable, asked, now)
    return proposing.what_of(s) if s.remedy is not None and s.action is not None else ""


def _act(turn: Turn, asked: ev.ActAsked) -> None:
    name, durable = asked.dependency, turn.durable
    if name not in turn.volatile.trackers:
        return
    if why_not_acted(turn.volatile, durable, asked, turn.now.monotonic):
        return
    s = _situation(turn.volatile, durable, asked, turn.now.monotonic)
    step, target = s.action, proposing.target_of(s)
    if s.incident is None or step is None or target is None:
        return
    if (before := durable.proposals.open_of(name)) is not None:
        said = f"{asked.by} acts by hand"
        turn.record(r.ProposalOver(s.incident.incident, before.identity, name, CHANGED, said))
    run = proposing.run_of(s, target)
    turn.record(
        r.ActedByHand(
            incident=s.incident.incident,
            dependency=name,
            by=asked.by,
            reason=asked.reason,
            overrides=list(asked.overrides),
            step=asked.step,
            proposal=durable.proposals.next_of(s.incident.incident, name),
            step_key=step.key,
            action=step.action,
            target_kind=target.kind,
            target=target.name,
            what=proposing.what_of(s),
            holds=proposing.APPROVAL_HOLDS,
            container_id=run.container_id,
            run=run.started,
            begun=s.ladder.begun,
        )
    )


def _situation(volatile: Volatile, durable: Durable, asked: ev.ActAsked, now: float) -> Situation:
    """As it would be with what he allows."""
    grant = Grant(asked.by, _gates(asked.overrides), asked.step, at_once=True)
    return Situation(volatile, durable, durable.incident_of(asked.dependency), asked.dependency, now, grant)


def _gates(overrides: Collection[str]) -> frozenset[Gate]:
    return frozenset(gate for gate in MAY_BE_OVERRIDDEN if gate in overrides)


def _named() -> str:
    return listed(list(map(str, MAY_BE_OVERRIDDEN)))
