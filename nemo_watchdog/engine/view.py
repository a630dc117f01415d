"""The engine's state as views for the API and the command line. Reads everything, changes nothing."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import replace
from functools import cache

from nemo_watchdog.engine import budget
from nemo_watchdog.engine.attempts import Ladder
from nemo_watchdog.engine.carried_over import still_under_way
from nemo_watchdog.engine.engine import Engine
from nemo_watchdog.engine.groups import Group, all_groups
from nemo_watchdog.engine.health import Tracker
from nemo_watchdog.engine.impact import impact_of
from nemo_watchdog.engine.maintenance import spell_of
from nemo_watchdog.engine.oncall_view import rotas
from nemo_watchdog.engine.pauses import Pause
from nemo_watchdog.engine.phases import Phase
from nemo_watchdog.engine.plan_view import plan_view
from nemo_watchdog.engine.reported import Acknowledgement, Declared
from nemo_watchdog.engine.severity import title_of
from nemo_watchdog.engine.state import Incident
from nemo_watchdog.engine.storm import in_force
from nemo_watchdog.engine.swapping import oncall_of
from nemo_watchdog.engine.told_view import told
from nemo_watchdog.engine.topology import named_by
from nemo_watchdog.engine.touches import taken_off
from nemo_watchdog.engine.view_proposals import proposals
from nemo_watchdog.engine.view_quiet import silences
from nemo_watchdog.engine.wall_clock import utc_of
from nemo_watchdog.model import Decision, Gate, Moment, Verdict
from nemo_watchdog.policy.policy import Budget
from nemo_watchdog.views import (
    AcknowledgementView,
    BudgetView,
    DeclaredView,
    DependencyView,
    GateView,
    GroupView,
    ImpactView,
    IncidentView,
    LadderView,
    MaintenanceView,
    PauseView,
    PolicyView,
    RetryView,
    StandingView,
    StartupView,
    StatusView,
    StormView,
    TroubleView,
    UnderWayView,
)


def status(
    engine: Engine, now: Moment, policy: PolicyView, version: str, troubles: tuple[TroubleView, ...] = ()
) -> StatusView:
    """Dependencies, open incidents, pauses and budgets now; what else is given is not the engine's to know."""
    dependencies = {name: dependency_view(engine, name, now) for name in engine.trackers}
    incidents = tuple(incident_view(engine, incident, now) for incident in engine.durable.open())
    return status_of(engine, now, dependencies, incidents, policy, version, troubles)


def status_of(
    engine: Engine,
    now: Moment,
    dependencies: Mapping[str, DependencyView],
    incidents: tuple[IncidentView, ...],
    policy: PolicyView,
    version: str,
    troubles: tuple[TroubleView, ...],
) -> StatusView:
    """With what was made before, piece by piece."""
    return StatusView(
        now=now.utc.isoformat(),
        autonomy=engine.policy.autonomy,
        journal=engine.journal_trouble or "ok",
        dependencies=dependencies,
        incidents=incidents,
        pauses=pauses(engine, now),
        budgets=dict(budgets(engine, now.monotonic)),
        policy=policy,
        version=version,
        groups=tuple(_group(engine, group) for group in all_groups(engine.policy)),
        storm=_storm(engine),
        troubles=troubles,
        declared=tuple(_declared(engine, declared, now) for declared in engine.durable.open_declared()),
        oncall=rotas(oncall_of(engine.volatile, engine.durable), now.utc),
        silences=silences(engine, now),
        proposals=proposals(engine),
    )


def under_way(engine: Engine, actions: Container[str], now: Moment) -> tuple[UnderWayView, ...]:
    """Those of the actions, by their ids, that still are."""
    return tuple(
        UnderWayView(name, ladder.action, utc_of(ladder.verify_until, now) if ladder.phase is Phase.VERIFYING else None)
        for name, ladder in still_under_way(engine.durable, actions)
    )


def _storm(engine: Engine) -> StormView | None:
    storm = in_force(engine.durable)
    if storm is None:
        return None
    failing = len(engine.volatile.together.failing)
    return StormView(failing, storm.of, storm.began.utc.isoformat(), storm.incident)


def pauses(engine: Engine, now: Moment) -> dict[str, PauseView]:
    """Those that hold, by scope."""
    shown = {}
    for scope, pause in engine.durable.pauses.items():
        if holding := [_pause(each, now) for each in pause.each(now.monotonic)]:
            shown[scope] = replace(holding[0], beside=tuple(holding[1:]))
    return shown


def _pause(pause: Pause, now: Moment) -> PauseView:
    return PauseView(pause.reason, pause.by, utc_of(pause.until, now))


def retried(engine: Engine, name: str, now: Moment) -> RetryView:
    """What is decided of it, now that it has begun anew; raises `KeyError` for what is in no open incident."""
    incident, decision = engine.durable.incident_of(name), engine.decision(name, now)
    if incident is None or decision is None:
        raise KeyError(name)
    return RetryView(name, incident.incident, gate_view(decision, now))


def budgets(engine: Engine, now: float) -> Iterator[tuple[str, BudgetView]]:
    """What each budget still allows; the scope is a dependency with a remedy, or `total`."""
    spends = engine.durable.spends
    total = engine.policy.limits.budget
    yield "total", _budget(total, [spend.at for spend in spends], now)
    for name, spec in engine.policy.dependencies.items():
        if spec.remedy is not None:
            own = engine.durable.spends_on(name, set(spec.targets.values()))
            yield name, _budget(engine.policy.remedies[spec.remedy].budget, own, now)


def _budget(limit: Budget, spends: list[float], now: float) -> BudgetView:
    return BudgetView(budget.remaining(limit, spends, now), limit.count, limit.window)


def dependency_view(engine: Engine, name: str, now: Moment, *, explained: bool = True) -> DependencyView:
    """`explained`: with every gate's answer. Raises `KeyError` for what the policy does not name."""
    tracker = engine.trackers[name]
    state = tracker.state
    incident = engine.durable.incident_of(name)
    decision = engine.decision(name, now)
    hold = engine.durable.hold_on(name, tracker.spec.container, now.monotonic)
    spell = spell_of(engine.volatile, engine.durable, name, now)
    return DependencyView(
        health=state.health,
        category=state.category,
        reason=state.reason,
        detail=state.detail,
        since=tracker.since.utc.isoformat() if tracker.since else None,
        container=tracker.spec.container,
        container_state=tracker.container.state if tracker.container else None,
        needs=named_by(tracker.spec),
        needs_any=tracker.spec.needs_any,
        held=hold.what if hold is not None else taken_off(tracker.container) or None,
        latency=tracker.last.latency if tracker.last else None,
        incident=incident.incident if incident else None,
        decision=gate_view(decision, now) if decision else None,
        explain=tuple(gate_view(answer, now) for answer in engine.explanation(name, now)) if explained else (),
        maintenance=MaintenanceView(spell.names, spell.until.isoformat()) if spell else None,
        flapping=engine.durable.is_flapping(name),
        startup=_startup(engine, tracker) if tracker.spec.container else None,
        tags=tuple(sorted(tracker.spec.tags)),
    )


def _startup(engine: Engine, tracker: Tracker) -> StartupView:
    grace, configured = tracker.startup_grace, tracker.spec.startup_grace
    learned = engine.durable.seen.starts.learned(tracker.spec, tracker.image)
    if learned is None:
        return StartupView(grace, configured, None, 0)
    return StartupView(grace, configured, round(learned.grace, 3), learned.starts)


def gate_view(decision: Decision, now: Moment) -> GateView:
    """As it is told."""
    if decision.verdict is Verdict.OPEN:
        return _open(decision.gate)
    return GateView(decision.gate, decision.verdict, decision.value, utc_of(decision.until, now))


@cache
def _open(gate: Gate) -> GateView:
    """One value for all that a gate lets pass: most gates of most dependencies are open."""
    return GateView(gate, Verdict.OPEN, "", None)


def _group(engine: Engine, group: Group) -> GroupView:
    members = group.members.values()
    return GroupView(
        said=group.said,
        dependencies=tuple(name for names in members for name in names),
        serving=sum(all(engine.trackers[name].serves for name in names) for names in members),
        of=len(members),
        least=group.least,
    )


def incident_view(engine: Engine, incident: Incident, now: Moment) -> IncidentView:
    """An open one."""
    impact = impact_of(engine.volatile, incident.root, incident.members)
    began = incident.ill_since or incident.opened
    known = told(engine.volatile, engine.durable, incident, now)
    return IncidentView(
        id=incident.incident,
        root=incident.root,
        members=tuple(incident.members),
        severity=incident.severity,
        rule=incident.rule,
        category=incident.category,
        reason=incident.reason,
        opened=incident.opened.utc.isoformat(),
        age=round(now.monotonic - incident.opened.monotonic, 3),
        escalated=tuple(incident.escalated),
        ladders={
            name: LadderView(ladder.phase, ladder.tried.total(), ladder.backoff, ladder.ended)
            for name in incident.members
            for ladder in [incident.ladders.get(name) or Ladder()]
        },
        actions=incident.acted,
        impact=ImpactView(impact.affected, impact.core, impact.of_core, str(impact)),
        title=title_of(engine.policy, incident.severity, incident.rule),
        acknowledged=_acknowledged(incident.acknowledged, now),
        told=known,
        since=began.utc.isoformat(),
        lasted=round(now.monotonic - began.monotonic, 3),
        reopened=incident.reopened,
        plan=plan_view(engine.volatile, engine.durable, incident, known, now),
    )


def _declared(engine: Engine, declared: Declared, now: Moment) -> DeclaredView:
    return DeclaredView(
        id=declared.incident,
        text=declared.text,
        severity=declared.severity,
        title=title_of(engine.policy, declared.severity, ""),
        dependency=declared.dependency,
        opened=declared.opened.utc.isoformat(),
        age=round(now.monotonic - declared.opened.monotonic, 3),
        by=declared.by,
        acknowledged=_acknowledged(declared.acknowledged, now),
        told=told(engine.volatile, engine.durable, declared, now),
    )


def _acknowledged(given: Acknowledgement | None, now: Moment) -> AcknowledgementView | None:
    if given is None or not given.holds(now.monotonic):
        return None
    return AcknowledgementView(given.at.utc.isoformat(), given.by, utc_of(given.until, now))


def standing(engine: Engine, incident: str, now: Moment) -> StandingView:
    """How the incident of that id stands, whoever opened it; raises `KeyError` when it is not remembered."""
    durable = engine.durable
    one = durable.incidents.get(incident) or durable.declared[incident]
    return StandingView(incident, one.severity, one.resolved is None, _acknowledged(one.acknowledged, now))
