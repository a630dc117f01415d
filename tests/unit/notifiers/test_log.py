"""The notifier that always works."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from nemo_watchdog.model import Severity
from nemo_watchdog.notifiers import LogNotifier
from tests.unit.notifiers.parts import notification


@pytest.mark.parametrize(
    ("severity", "level"),
    [(Severity.SEV1, "warning"), (Severity.SEV2, "warning"), (Severity.SEV3, "info"), (Severity.SEV4, "info")],
)
async def test_a_notification_becomes_one_line(severity: Severity, level: str) -> None:
    """The whole message is in one structured line, as grave as the incident."""
    notifier = LogNotifier()
    with capture_logs() as lines:
        delivery = await notifier.deliver(notification(severity=severity), "on-call")
    await notifier.close()
    assert delivery.delivered
    assert lines == [
        {
            "event": "notification",
            "log_level": level,
            "contact": "on-call",
            "kind": "opened",
            "incident": "i-1",
            "severity": severity.value,
            "title": "redis is down",
            "body": "connection refused",
        }
    ]
