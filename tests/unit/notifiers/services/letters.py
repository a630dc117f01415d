"""The letters of an outage, as a contact gets them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from nemo_watchdog.channel import Letter
from nemo_watchdog.model import NotificationKind, Severity, Standing

BEGAN = datetime(2026, 11, 25, 3, 4, 5, tzinfo=UTC)

OPENED = Letter(
    key="i-1:1",
    thread="i-1",
    contact="on-call",
    kind=NotificationKind.OPENED,
    standing=Standing.FIRING,
    severity=Severity.SEV3,
    root="gateway",
    title="[SEV3] gateway is down",
    body="Since 03:04 UTC. To take it: nemo-watchdog ack i-1",
    at=BEGAN + timedelta(seconds=10),
    since=BEGAN,
    incidents=("i-1", "i-2"),
    link="https://watchdog.example/incidents/i-1",
)
GRAVER = replace(
    OPENED,
    key="i-1:2",
    kind=NotificationKind.SEVERITY_CHANGED,
    severity=Severity.SEV1,
    title="[SEV1] gateway is down",
    body="Now SEV1.",
)
ACKNOWLEDGED = replace(
    GRAVER,
    key="i-1:3",
    kind=NotificationKind.ACKNOWLEDGED,
    standing=Standing.ACKNOWLEDGED,
    owner="alice",
    body="alice has it.",
)
REMINDER = replace(GRAVER, key="i-1:4", kind=NotificationKind.REMINDER, body="Still down.")
MERGED = replace(
    GRAVER,
    key="i-1:5",
    kind=NotificationKind.MERGED,
    standing=Standing.OVER,
    title="[SEV1] gateway is part of i-9",
    body="It goes on there.",
)
RESOLVED = replace(
    GRAVER,
    key="i-1:6",
    kind=NotificationKind.RESOLVED,
    standing=Standing.OVER,
    title="[SEV1] gateway is up again",
    body="It was down for 5 minutes.",
)
HEALED = replace(
    OPENED,
    key="i-1:7",
    kind=NotificationKind.HEALED,
    standing=Standing.NO_PAGE,
    title="gateway was down for 12 s",
    body="Restarted once, healthy.",
)
OUTAGE = (OPENED, GRAVER, ACKNOWLEDGED, MERGED)
