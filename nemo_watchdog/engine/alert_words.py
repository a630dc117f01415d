"""An incident for Alertmanager: labels say which one it is and never change, annotations say how it is now. Pure.

Alertmanager knows an alert by its labels: one that changed would be a new alert, and the end of the old one, in the
middle of the outage. So they hold what was so when the incident opened, which the journal knows after every start.

It refuses an alert that ends before it starts, and takes one that ends in the future for firing: of a clock that was
set back, no time is told that it has not reached again.
"""

from __future__ import annotations

from nemo_watchdog.durations import duration
from nemo_watchdog.engine.alert_labels import labels_of
from nemo_watchdog.engine.declared_words import reported
from nemo_watchdog.engine.gates.situation import Situation
from nemo_watchdog.engine.impact import impact_of
from nemo_watchdog.engine.listing import listed
from nemo_watchdog.engine.paging_words import root_of, since, when
from nemo_watchdog.engine.plan_words import failing_of, plan_of
from nemo_watchdog.engine.reported import DECLARED, Declared
from nemo_watchdog.engine.severity import title_of
from nemo_watchdog.engine.state import Durable, Incident
from nemo_watchdog.engine.volatile import Volatile
from nemo_watchdog.model import Alert, Health, Moment
from nemo_watchdog.policy.policy import Policy

INCIDENT = "/api/v1/incidents/"
"""Where the daemon tells of one."""


def of_incident(volatile: Volatile, durable: Durable, incident: Incident, now: Moment) -> Alert:
    """The alert of one that was merged ends, and says where it goes on."""
    if incident.merged_into:
        said = _merged(durable, incident)
    elif incident.resolved is not None:
        said = _over(volatile, incident)
    else:
        said = _going_on(volatile, durable, incident, now)
    return _alert(volatile.policy, incident, {"dependency": incident.root, "rule": incident.rule, **said}, now)


def of_declared(policy: Policy, declared: Declared, now: Moment) -> Alert:
    """What a person declared: firing until a person resolves it."""
    named = {"dependency": declared.dependency} if declared.dependency else {}
    said = {**named, "rule": DECLARED, "summary": declared.text, "description": reported(declared)}
    if declared.resolved is None:
        said["next"] = "the watchdog does nothing about it; a person says when it is over"
    return _alert(policy, declared, said, now)


def _alert(policy: Policy, one: Incident | Declared, said: dict[str, str], now: Moment) -> Alert:
    rule = one.rule if isinstance(one, Incident) else ""
    annotations = {
        "severity": str(one.severity),
        "title": title_of(policy, one.severity, rule),
        "since": when(since(one), policy),
        **said,
    }
    if one.acknowledged is not None and one.acknowledged.holds(now.monotonic):
        annotations["acknowledged_by"] = one.acknowledged.by
    if one.resolved is None:
        annotations["runbook"] = _answer(policy, one)
    link = policy.telling.link.rstrip("/")
    ended = min(one.resolved.utc, now.utc) if one.resolved else None
    return Alert(
        incident=one.incident,
        labels=labels_of(one),
        annotations=annotations,
        starts_at=min(one.opened.utc, ended or now.utc),
        ends_at=ended,
        link=f"{link}{INCIDENT}{one.incident}" if link else "",
    )


def _answer(policy: Policy, one: Incident | Declared) -> str:
    spec = policy.severities.get(one.severity)
    respond = f"Respond within {duration(spec.respond_within)}. " if spec else ""
    return (
        f"{respond}Take it: `nemo-watchdog ack {one.incident}`. "
        f"All that is known: `nemo-watchdog incident {one.incident}`."
    )


def _going_on(volatile: Volatile, durable: Durable, incident: Incident, now: Moment) -> dict[str, str]:
    failing = failing_of(volatile, incident)
    name = failing or incident.root
    health, reason, detail = _state(volatile, incident, name)
    if failing:
        following = plan_of(Situation(volatile, durable, incident, name, now.monotonic))
    else:
        following = "it is over when all of it has been seen to serve"
    affected = impact_of(volatile, incident.root, incident.members)
    sentences = [
        detail or f"{name} is {health}",
        f"Affected: {affected}",
        f"Rule: {incident.rule}",
        f"Actions so far: {incident.acted}",
    ]
    return {
        "summary": f"{name} is {health} ({reason or incident.rule})",
        "description": f"{'. '.join(sentences)}.",
        "next": f"{following} (as of {when(now.utc, volatile.policy)})",
    }


def _state(volatile: Volatile, incident: Incident, name: str) -> tuple[str, str | None, str]:
    """As it is, or as it was seen last by who watches it no more."""
    if name in volatile.trackers:
        state = volatile.trackers[name].state
        return state.health, state.reason, state.detail
    return incident.last.get(name, (Health.UNKNOWN, None, ""))


def _merged(durable: Durable, incident: Incident) -> dict[str, str]:
    into = durable.incidents.get(incident.merged_into)
    where = f" of {into.root}" if into is not None else ""
    return {
        "summary": f"not over: {incident.root} is part of the trouble{where}",
        "description": f"It is no incident of its own any more: {incident.merged_into} tells of it.",
    }


def _over(volatile: Volatile, incident: Incident) -> dict[str, str]:
    gone = [name for name in incident.members if name not in volatile.trackers]
    took = duration(round(_seconds(incident), 3))
    acted = f"actions taken: {incident.acted}"
    unwatched = f" {listed(gone)} not watched any more: the policy does not name it." if gone else ""
    return {
        "summary": f"{root_of(incident)} is {'not watched any more' if incident.root in gone else 'up again'}",
        "description": f"Over after {took}; {acted}.{unwatched}",
    }


def _seconds(incident: Incident) -> float:
    began = incident.ill_since or incident.opened
    return 0.0 if incident.resolved is None else incident.resolved.monotonic - began.monotonic
