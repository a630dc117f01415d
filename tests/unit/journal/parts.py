"""Moments, a clock that tests move, and notifications."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from nemo_watchdog.model import Moment, Notification, NotificationKind, Severity

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def moment(seconds: float) -> Moment:
    """`seconds` after noon, which is second 0 of the boot."""
    return Moment(float(seconds), NOON + timedelta(seconds=seconds))


class MovableClock:
    """Satisfies `ports.Clock`."""

    def __init__(self) -> None:
        self.moment = moment(0)

    def now(self) -> Moment:
        return self.moment


def notification(key: str, contacts: tuple[str, ...] = ("on-call",)) -> Notification:
    return Notification(
        key=key,
        kind=NotificationKind.OPENED,
        incident="i-1",
        severity=Severity.SEV2,
        root="redis",
        title="redis is down",
        body="refused",
        contacts=contacts,
        at=NOON,
    )
