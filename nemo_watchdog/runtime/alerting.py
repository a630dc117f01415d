"""Open incidents as alerts: pushed when something changes, again while they fire, and once more when they are over."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Protocol

import structlog

from nemo_watchdog.engine.reported import Declared
from nemo_watchdog.engine.silence import is_hidden
from nemo_watchdog.engine.state import Incident
from nemo_watchdog.engine.telling import alert_of
from nemo_watchdog.metrics import Metrics
from nemo_watchdog.model import Alert, Told
from nemo_watchdog.ports import Delivery
from nemo_watchdog.runtime.core import Core
from nemo_watchdog.runtime.troubles import Trouble

log = structlog.get_logger("nemo_watchdog")

RESEND_EVERY = 60.0
"""Seconds."""

LASTS = 5 * RESEND_EVERY
"""Seconds that an alert outlives its last push, whatever `resolve_timeout` Alertmanager has.

Short enough that one of a watchdog that is gone does not stand for ever, long enough for its restart.
"""

GROUP_WAIT = 0.5
"""Seconds; what changes together is pushed together."""


class AlertSink(Protocol):
    async def push(self, alerts: Sequence[Alert]) -> Mapping[str, Delivery]: ...


class Alerting:
    """Keeps Alertmanager informed. Its failures are counted and logged, and hold up nothing."""

    def __init__(self, sink: AlertSink, core: Core, metrics: Metrics) -> None:
        self.sink = sink
        self._core = core
        self._metrics = metrics
        self._changed = asyncio.Event()
        self._known: set[tuple[str, str, bool, Told]] = set()
        """Of every alert that was counted its incident, severity, whether it is over, and what became of it."""

    def poke(self) -> None:
        self._changed.set()

    async def run(self) -> None:
        while True:
            self._changed.clear()
            if alerts := self._alerts():
                self._account(await self.sink.push(alerts))
            try:
                async with asyncio.timeout(RESEND_EVERY):
                    await self._changed.wait()
            except TimeoutError:
                continue
            await asyncio.sleep(GROUP_WAIT)

    def _alerts(self) -> list[Alert]:
        """One an incident that Alertmanager may hear of."""
        engine, alerts, known = self._core.engine, list[Alert](), set[tuple[str, str, bool, Told]]()
        durable, now = engine.durable, self._core.clock.now()
        until = now.utc + timedelta(seconds=LASTS)
        remembered: list[Incident | Declared] = [*durable.incidents.values(), *durable.declared.values()]
        for incident in remembered:
            hidden = is_hidden(engine.volatile, durable, incident, now.monotonic)
            answer = Told.SILENCED if hidden else alert_of(engine.volatile, durable, incident, now)
            word = Told.QUEUED if isinstance(answer, Alert) else answer
            news = (incident.incident, str(incident.severity), incident.resolved is not None, word)
            known.add(news)
            if news not in self._known:
                self._metrics.notices.labels("alert", word).inc()
            if isinstance(answer, Alert):
                alerts.append(answer if answer.ends_at else replace(answer, ends_at=until))
        self._known = known
        return alerts

    def _account(self, deliveries: Mapping[str, Delivery]) -> None:
        for url, delivery in deliveries.items():
            self._metrics.notifications.labels("alertmanager", "delivered" if delivery.delivered else "failed").inc()
            if delivery.delivered:
                self._core.troubles.over(Trouble.ALERTMANAGER, url)
            elif self._core.troubles.found(Trouble.ALERTMANAGER, delivery.detail, url):
                log.warning("alertmanager does not take alerts", url=url, error=delivery.detail)
