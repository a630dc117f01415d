"""The notifier that always works: one structured log line. It stands in for contacts that have no address."""

from __future__ import annotations

import structlog

from nemo_watchdog.model import Notification, Severity
from nemo_watchdog.ports import Delivery

_log = structlog.stdlib.get_logger(__name__)


class LogNotifier:
    """Satisfies `ports.Notifier`. SEV1 and SEV2 are logged as warnings, the rest as information."""

    async def deliver(self, notification: Notification, contact: str) -> Delivery:
        grave = notification.severity in {Severity.SEV1, Severity.SEV2}
        (_log.warning if grave else _log.info)(
            "notification",
            contact=contact,
            kind=str(notification.kind),
            incident=notification.incident,
            severity=str(notification.severity),
            title=notification.title,
            body=notification.body,
        )
        return Delivery(delivered=True, detail="logged")

    async def close(self) -> None:
        return None
