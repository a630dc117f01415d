"""The engine's state as plain data for the API and the command line. Reads everything, changes nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from nemo_watchdog.engine import budget
from nemo_watchdog.engine.engine import Engine
from nemo_watchdog.engine.state import Incident
from nemo_watchdog.model import Decision, Moment
from nemo_watchdog.policy.policy import Budget


def status(engine: Engine, now: Moment) -> dict[str, Any]:
    """Dependencies, open incidents, pauses and budgets now; times in UTC (ISO 8601), durations in seconds."""
    return {
        "now": now.utc.isoformat(),
        "autonomy": engine.policy.autonomy,
        "journal": engine.journal_trouble or "ok",
        "dependencies": {name: _dependency(engine, name, now) for name in engine.trackers},
        "incidents": [_incident(incident, now) for incident in engine.durable.open()],
        "pauses": {
            scope: {"reason": pause.reason, "by": pause.by, "until": _utc(pause.until, now)}
            for scope, pause in engine.durable.pauses.items()
            if pause.until is None or now.monotonic < pause.until
        },
        "budgets": budgets(engine, now.monotonic),
    }


def budgets(engine: Engine, now: float) -> dict[str, dict[str, Any]]:
    """What each budget still allows; the scope is a dependency with a remedy, or `total`."""
    spends = engine.durable.spends
    total = engine.policy.limits.budget
    found = {"total": _budget(total, [spend.at for spend in spends], now)}
    for name, spec in engine.policy.dependencies.items():
        if spec.remedy is not None:
            own = engine.durable.spends_on(name, set(spec.targets.values()))
            found[name] = _budget(engine.policy.remedies[spec.remedy].budget, own, now)
    return found


def _budget(limit: Budget, spends: list[float], now: float) -> dict[str, Any]:
    return {"remaining": budget.remaining(limit, spends, now), "of": limit.count, "window": limit.window}


def _dependency(engine: Engine, name: str, now: Moment) -> dict[str, Any]:
    tracker = engine.trackers[name]
    state = tracker.state
    incident = engine.durable.incident_of(name)
    decision = engine.decision(name, now)
    return {
        "health": state.health,
        "category": state.category,
        "reason": state.reason,
        "detail": state.detail,
        "since": tracker.since.utc.isoformat() if tracker.since else None,
        "container": tracker.spec.container,
        "container_state": tracker.container.state if tracker.container else None,
        "needs": list(tracker.spec.needs),
        "held": engine.durable.hold_on(name, tracker.spec.container),
        "latency": tracker.last.latency if tracker.last else None,
        "incident": incident.incident if incident else None,
        "decision": _decision(decision, now) if decision else None,
    }


def _decision(decision: Decision, now: Moment) -> dict[str, Any]:
    return {
        "verdict": decision.verdict,
        "gate": decision.gate,
        "value": decision.value,
        "until": _utc(decision.until, now),
    }


def _incident(incident: Incident, now: Moment) -> dict[str, Any]:
    return {
        "id": incident.incident,
        "root": incident.root,
        "members": list(incident.members),
        "severity": incident.severity,
        "rule": incident.rule,
        "category": incident.category,
        "reason": incident.reason,
        "opened": incident.opened.utc.isoformat(),
        "age": round(now.monotonic - incident.opened.monotonic, 3),
        "escalated": incident.escalated,
        "ladders": {
            name: {"phase": ladder.phase, "attempts": ladder.total, "backoff": ladder.backoff, "ended": ladder.ended}
            for name, ladder in incident.ladders.items()
        },
    }


def _utc(at: float | None, now: Moment) -> str | None:
    return None if at is None else (now.utc + timedelta(seconds=at - now.monotonic)).isoformat()
