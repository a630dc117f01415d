"""The durable half of the engine's memory: what must survive `kill -9`. Changed only by `apply`, one record at a time.

Everything here can be rebuilt by applying the journal's records in order; all times are monotonic seconds,
comparable with now because the journal translates them when it replays.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import singledispatch
from typing import Any

from nemo_watchdog import records as r
from nemo_watchdog.engine.phases import Move, Phase, after
from nemo_watchdog.engine.seen import Seen
from nemo_watchdog.engine.touches import Act, End, Hold, Initiator
from nemo_watchdog.errors import EngineBug, JournalError
from nemo_watchdog.model import CONTAINER, ActionOutcome, ContainerEvent, ContainerStatus, Moment, Severity, Target

UNNAMED = ""
"""The kind of target of a hold that an older version wrote down for a dependency, without its container."""

EVERYTHING = "*"
"""The pause scope that holds all dependencies."""

LONGEST_BUDGET_WINDOW = 31 * 86400.0
"""Seconds that a spent action is remembered; the policy refuses longer windows."""


@dataclass(slots=True)
class Ladder:
    """Where one dependency stands on its remedy in one incident: (remedy, step key, attempts)."""

    remedy: str = ""
    step_key: str = ""
    """Of the step that acted last; empty before the first, and where an older version did not write it down."""
    attempts: int = 0
    """In this step."""
    tried: Counter[str] = field(default_factory=Counter)
    """How often each action was ordered, whatever its step was called."""
    total: int = 0
    phase: Phase = Phase.IDLE
    action_id: str = ""
    action: str = ""
    target: Target | None = None
    """Of the last action."""
    not_before: float | None = None
    backoff: float = 0.0
    verify_until: float = 0.0
    ended: str = ""
    """Why nothing more will be tried; empty while something may."""
    suggested: bool = False
    decision: tuple[str, str] | None = None
    """Verdict and gate of the last decision that was written down."""


@dataclass(slots=True)
class Incident:
    incident: str
    root: str
    opened: Moment
    severity: Severity
    rule: str
    health: str
    category: str | None
    reason: str | None
    detail: str
    members: dict[str, None] = field(default_factory=dict)
    ladders: dict[str, Ladder] = field(default_factory=dict)
    escalated: list[str] = field(default_factory=list)
    ill_since: Moment | None = None
    """When it was opened, or reopened last."""
    resolved: Moment | None = None
    merged: bool = False

    def ladder(self, dependency: str) -> Ladder:
        return self.ladders.setdefault(dependency, Ladder())


@dataclass(frozen=True, slots=True)
class Spend:
    at: float
    dependency: str
    target: Target


@dataclass(frozen=True, slots=True)
class Heard:
    """The newest heartbeat of a job that is on disk, at monotonic seconds."""

    at: float
    well: bool
    said: str


@dataclass(frozen=True, slots=True)
class Pause:
    reason: str
    by: str
    until: float | None


@dataclass(slots=True)
class Durable:
    incidents: dict[str, Incident] = field(default_factory=dict)
    """Open ones, and resolved ones for as long as a recurrence would reopen them."""
    spends: list[Spend] = field(default_factory=list)
    pauses: dict[str, Pause] = field(default_factory=dict)
    holds: dict[Target, Hold] = field(default_factory=dict)
    """What people did to a target that is left alone for it."""
    outlived: dict[Target, datetime] = field(default_factory=dict)
    """Until when (UTC) the signals to a target are known to have ended nothing: it has answered again since."""
    ends: dict[Target, End] = field(default_factory=dict)
    """The last end of a target that was nobody's doing, known also when Docker has forgotten it."""
    heartbeats: dict[str, Heard] = field(default_factory=dict)
    seen: Seen = field(default_factory=Seen)
    _homes: dict[str, Incident] = field(init=False, repr=False, default_factory=dict)
    """The open incident of each member of one."""
    acts: dict[Target, Act] = field(default_factory=dict)

    def open(self) -> list[Incident]:
        return [incident for incident in self.incidents.values() if incident.resolved is None]

    def incident_of(self, dependency: str) -> Incident | None:
        """The open incident that this dependency is part of."""
        return self._homes.get(dependency)

    def join(self, incident: Incident, dependency: str) -> None:
        incident.members[dependency] = None
        self._homes[dependency] = incident

    def reopen(self, incident: Incident, dependency: str, at: Moment) -> None:
        """A recurrence at `dependency`. Members that another open incident has by now stay there."""
        incident.resolved, incident.ill_since = None, at
        free = [name for name in incident.members if name not in self._homes]
        incident.members = {}
        for name in [*free, dependency]:
            self.join(incident, name)
        if incident.root not in incident.members:
            incident.root = dependency

    def close(self, incident: Incident, at: Moment) -> None:
        incident.resolved = at
        for name in incident.members:
            del self._homes[name]

    def merge(self, source: Incident, target: Incident, at: Moment) -> None:
        """The members move with their ladders; attempts go on counting from the higher number, so no id comes twice."""
        self.close(source, at)
        source.merged = True
        for name in source.members:
            self.join(target, name)
            if ladder := source.ladders.get(name):
                ladder.total = max(ladder.total, target.ladder(name).total)
                target.ladders[name] = ladder

    def spends_on(self, dependency: str, targets: Collection[Target]) -> list[float]:
        """Monotonic times of what was spent on it. A new name for the same target does not make that unspent."""
        return [spend.at for spend in self.spends if spend.dependency == dependency or spend.target in targets]

    def hold_on(self, dependency: str, container: str | None, now: float) -> Hold | None:
        """For what it is left alone at monotonic seconds `now`; None when nobody did anything."""
        held = self.holds.get(Target(CONTAINER, container)) if container else None
        held = held or self.holds.get(Target(UNNAMED, dependency))
        return held if held is not None and held.holds(now) else None

    def acting(self) -> int:
        """How many actions are under way."""
        return sum(act.under_way for act in self.acts.values())

    def is_acting_on(self, target: Target) -> bool:
        act = self.acts.get(target)
        return act is not None and act.under_way

    def unclear_until(self, target: Target, status: ContainerStatus | None, now: float) -> float | None:
        """Monotonic seconds until which an action of ours, whose result nobody knows, explains the end of that run."""
        act = self.acts.get(target)
        return None if act is None else act.explains_until(status, now)

    def initiator_of(self, status: ContainerStatus, sent: ContainerEvent) -> Initiator:
        """Who sent a signal to a run of a container."""
        act = self.acts.get(Target(CONTAINER, sent.container))
        return Initiator.THEIRS if act is None else act.initiator_of(status, sent)

    def intend(self, action_id: str, dependency: str, target: Target, at: Moment) -> None:
        """Spent from now on, whatever comes of it."""
        self.spends.append(Spend(at.monotonic, dependency, target))
        self.acts[target] = Act(action_id, at.utc)

    def end(self, action_id: str, outcome: str, at: Moment, looks_for: float) -> None:
        """`looks_for` in seconds: an action whose result is unknown may still do its work for so long."""
        for target, act in list(self.acts.items()):
            if act.action_id != action_id:
                continue
            act.end(outcome, at, looks_for)
            if outcome == ActionOutcome.REFUSED:
                del self.acts[target]

    def forget_old(self, now: float, keep_resolved: float) -> None:
        """Drops what no rule can ask for any more. `keep_resolved` in seconds."""
        self.holds = {target: hold for target, hold in self.holds.items() if hold.holds(now)}
        self.spends = [spend for spend in self.spends if now - spend.at < LONGEST_BUDGET_WINDOW]
        for name, incident in list(self.incidents.items()):
            if incident.resolved is None or now - incident.resolved.monotonic < keep_resolved:
                continue
            if all(ladder.phase is not Phase.ACTING for ladder in incident.ladders.values()):
                del self.incidents[name]


def rebuild(history: Sequence[tuple[Moment, Mapping[str, Any]]]) -> Durable:
    """The state that the journal's records leave behind. Raises `JournalError` for a record that cannot be read."""
    state = Durable()
    for at, body in history:
        record = r.from_body(body)
        try:
            apply(record, state, at)
        except (EngineBug, ValueError, TypeError) as error:
            raise JournalError(f"a {record.TYPE} record in the journal cannot be read: {error}") from error
    return state


@singledispatch
def apply(record: r.Record, state: Durable, at: Moment) -> None:
    """Changes `state` by one fact that became true at `at`. Facts without an effect on the state are for people."""


@apply.register
def _(record: r.HealthChanged, state: Durable, at: Moment) -> None:
    state.seen.change(record, at)


@apply.register
def _(record: r.SeenUp, state: Durable, at: Moment) -> None:
    state.seen.up[record.dependency] = record.digest


@apply.register
def _(record: r.BusyTooLong, state: Durable, at: Moment) -> None:
    state.seen.told(record.dependency, at)
    if incident := state.incidents.get(record.incident):
        incident.escalated.append(record.to)


@apply.register
def _(record: r.IncidentOpened, state: Durable, at: Moment) -> None:
    incident = state.incidents[record.incident] = Incident(
        incident=record.incident,
        root=record.root,
        opened=at,
        severity=Severity(record.severity),
        rule=record.rule,
        health=record.health,
        category=record.category,
        reason=record.reason,
        detail=record.detail,
        ill_since=at,
    )
    state.join(incident, record.root)


@apply.register
def _(record: r.IncidentReopened, state: Durable, at: Moment) -> None:
    if incident := state.incidents.get(record.incident):
        incident.reason, incident.detail = record.reason, record.detail
        state.reopen(incident, record.dependency, at)


@apply.register
def _(record: r.MemberJoined, state: Durable, at: Moment) -> None:
    if incident := state.incidents.get(record.incident):
        state.join(incident, record.dependency)


@apply.register
def _(record: r.RootChanged, state: Durable, at: Moment) -> None:
    if incident := state.incidents.get(record.incident):
        incident.root = record.root
        state.join(incident, record.root)


@apply.register
def _(record: r.IncidentMerged, state: Durable, at: Moment) -> None:
    source, target = state.incidents.get(record.incident), state.incidents.get(record.into)
    if source is None or target is None:
        return
    state.merge(source, target, at)


@apply.register
def _(record: r.SeverityRaised, state: Durable, at: Moment) -> None:
    if incident := state.incidents.get(record.incident):
        incident.severity, incident.rule = Severity(record.severity), record.rule


@apply.register
def _(record: r.ActionIntended, state: Durable, at: Moment) -> None:
    target = Target(record.target_kind or CONTAINER, record.target or record.container)
    if incident := state.incidents.get(record.incident):
        ladder = incident.ladder(record.dependency)
        ladder.phase = after(ladder.phase, Move.INTENDED)
        ladder.action_id, ladder.action, ladder.target = record.action_id, record.action, target
        ladder.remedy, ladder.step_key, ladder.attempts = record.remedy, record.step_key, record.attempt
        ladder.tried[record.action] += 1
        ladder.total += 1
        ladder.verify_until = at.monotonic + record.verify_within
    state.intend(record.action_id, record.dependency, target, at)


@apply.register
def _(record: r.ActionEnded, state: Durable, at: Moment) -> None:
    if incident := state.incidents.get(record.incident):
        ladder = incident.ladder(record.dependency)
        ladder.phase = after(ladder.phase, Move.ENDED if record.to_verify else Move.ENDED_FOR_NOTHING)
        ladder.backoff = record.backoff
        ladder.not_before = at.monotonic + record.backoff
        ladder.verify_until = at.monotonic + record.verify_within
    state.end(record.action_id, record.outcome, at, record.verify_within)


@apply.register
def _(record: r.AttemptFailed, state: Durable, at: Moment) -> None:
    if incident := state.incidents.get(record.incident):
        ladder = incident.ladder(record.dependency)
        ladder.phase = after(ladder.phase, Move.ATTEMPT_FAILED)


@apply.register
def _(record: r.Escalated, state: Durable, at: Moment) -> None:
    if incident := state.incidents.get(record.incident):
        incident.ladder(record.dependency).ended = record.why
        incident.escalated.append(record.to)


@apply.register
def _(record: r.Suggested, state: Durable, at: Moment) -> None:
    if incident := state.incidents.get(record.incident):
        incident.ladder(record.dependency).suggested = True


@apply.register
def _(record: r.DecisionMade, state: Durable, at: Moment) -> None:
    if incident := state.incidents.get(record.incident):
        incident.ladder(record.dependency).decision = (record.verdict, record.gate)


@apply.register
def _(record: r.IncidentResolved, state: Durable, at: Moment) -> None:
    if incident := state.incidents.get(record.incident):
        phases = {name: after(ladder.phase, Move.RESOLVED) for name, ladder in incident.ladders.items()}
        state.close(incident, at)
        for name, ladder in incident.ladders.items():
            ladder.phase, ladder.decision = phases[name], None


@apply.register
def _(record: r.HoldPlaced, state: Durable, at: Moment) -> None:
    until = None if record.lasts is None else at.monotonic + record.lasts
    state.holds[_held(record)] = Hold(record.what, at.utc, until, record.quiet and at.monotonic + record.quiet)


@apply.register
def _(record: r.HoldReleased, state: Durable, at: Moment) -> None:
    for target in (_held(record), Target(UNNAMED, record.dependency)):
        hold = state.holds.pop(target, None)
        if hold is not None and hold.until is not None:
            state.outlived[target] = at.utc


@apply.register
def _(record: r.EndedByItself, state: Durable, at: Moment) -> None:
    state.ends[Target(record.target_kind, record.target)] = End(record.finished, record.reason, record.by)


def _held(record: r.HoldPlaced | r.HoldReleased) -> Target:
    return Target(record.target_kind, record.target) if record.target else Target(UNNAMED, record.dependency)


@apply.register
def _(record: r.Paused, state: Durable, at: Moment) -> None:
    until = None if record.duration is None else at.monotonic + record.duration
    state.pauses[record.scope] = Pause(record.reason, record.by, until)


@apply.register
def _(record: r.Resumed, state: Durable, at: Moment) -> None:
    state.pauses.pop(record.scope, None)


@apply.register
def _(record: r.HeartbeatHeard, state: Durable, at: Moment) -> None:
    state.heartbeats[record.dependency] = Heard(at.monotonic, record.well, record.said)
