"""Open incidents as alerts: pushed when something changes, again while they fire, and once more when they are over."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import structlog

from nemo_watchdog.engine.state import Incident
from nemo_watchdog.metrics import Metrics
from nemo_watchdog.model import Alert
from nemo_watchdog.policy.policy import Policy
from nemo_watchdog.ports import Delivery
from nemo_watchdog.runtime.core import Core

log = structlog.get_logger("nemo_watchdog")

RESEND_EVERY = 60.0
"""Seconds; well inside Alertmanager's resolve_timeout of five minutes."""

GATHER = 0.5
"""Seconds; what changes together is pushed together."""


class AlertSink(Protocol):
    async def push(self, alerts: Sequence[Alert]) -> Mapping[str, Delivery]: ...


def alerts_of(policy: Policy, incidents: Iterable[Incident]) -> list[Alert]:
    """One alert an incident. A severity that rises makes a new alert; the old one runs out at Alertmanager."""
    alerts = []
    for incident in incidents:
        if incident.merged:
            continue
        spec = policy.severities.get(incident.severity)
        alerts.append(
            Alert(
                incident=incident.incident,
                labels={
                    "alertname": "NemoWatchdogIncident",
                    "incident": incident.incident,
                    "dependency": incident.root,
                    "severity": incident.severity,
                },
                annotations={
                    "summary": f"{incident.root} is {incident.health} ({incident.reason or incident.rule})",
                    "description": _description(incident),
                    "title": spec.title if spec else "",
                },
                starts_at=incident.opened.utc,
                ends_at=incident.resolved.utc if incident.resolved else None,
            )
        )
    return alerts


def _description(incident: Incident) -> str:
    actions = sum(ladder.total for ladder in incident.ladders.values())
    affected = ", ".join(incident.members)
    return f"{incident.detail}. Affected: {affected}. Rule: {incident.rule}. Actions so far: {actions}."


class Alerting:
    """Keeps Alertmanager informed. Its failures are counted and logged, and hold up nothing."""

    def __init__(self, sink: AlertSink, core: Core, metrics: Metrics) -> None:
        self.sink = sink
        self._core = core
        self._metrics = metrics
        self._changed = asyncio.Event()
        self._failing: set[str] = set()

    def poke(self) -> None:
        self._changed.set()

    async def run(self) -> None:
        while True:
            self._changed.clear()
            alerts = alerts_of(self._core.engine.policy, list(self._core.engine.durable.incidents.values()))
            if alerts:
                self._account(await self.sink.push(alerts))
            try:
                async with asyncio.timeout(RESEND_EVERY):
                    await self._changed.wait()
            except TimeoutError:
                continue
            await asyncio.sleep(GATHER)

    def _account(self, deliveries: Mapping[str, Delivery]) -> None:
        for url, delivery in deliveries.items():
            self._metrics.notifications.labels("alertmanager", "delivered" if delivery.delivered else "failed").inc()
            if delivery.delivered:
                self._failing.discard(url)
            elif url not in self._failing:
                self._failing.add(url)
                log.warning("alertmanager does not take alerts", url=url, error=delivery.detail)
