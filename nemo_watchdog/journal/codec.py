"""How facts look on disk: JSON objects and fixed-width UTC times. What cannot be read is an error, never skipped."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from nemo_watchdog.errors import JournalError
from nemo_watchdog.model import Notification, NotificationKind, Severity


def write_time(at: datetime) -> str:
    """ISO 8601 in UTC with microseconds, so that times sort as text. Raises `JournalError` for a naive time."""
    if at.tzinfo is None:
        raise JournalError("a time without a zone cannot be written to the journal: it must be aware")
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def write_record(record: Mapping[str, Any]) -> str:
    """Raises `JournalError` for a record without a type or with a value that JSON does not have."""
    if not isinstance(record.get("type"), str) or not record["type"]:
        raise JournalError("a record without a type cannot be written to the journal")
    try:
        return json.dumps(dict(record), allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise JournalError(f"a {record['type']} record cannot be written as JSON: {error}") from error


def read_record(row: int, body: str) -> Mapping[str, Any]:
    """Raises `JournalError` for a body that is not a JSON object with a type."""
    try:
        record = json.loads(body)
    except ValueError as error:
        raise JournalError(f"record {row} is damaged: {error}") from error
    if not isinstance(record, dict) or not isinstance(record.get("type"), str):
        raise JournalError(f"record {row} is damaged: it is not an object with a type")
    return record


def read_time(row: int, text: str) -> datetime:
    """Raises `JournalError` for what is not an aware time."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise JournalError(f"record {row} is damaged: {error}") from error
    if at.tzinfo is None:
        raise JournalError(f"record {row} is damaged: its time {text!r} has no zone")
    return at.astimezone(UTC)


def write_notification(notification: Notification) -> str:
    since = None if notification.since is None else write_time(notification.since)
    values = asdict(notification) | {"at": write_time(notification.at), "since": since}
    del values["earlier"]  # each is an item of its own
    return json.dumps(values, allow_nan=False, separators=(",", ":"))


def read_notification(row: int, body: str) -> Notification:
    """Raises `JournalError` for what `write_notification` did not write."""
    try:
        values = json.loads(body)
        return Notification(
            key=values["key"],
            kind=NotificationKind(values["kind"]),
            incident=values["incident"],
            severity=Severity(values["severity"]),
            root=values["root"],
            title=values["title"],
            body=values["body"],
            contacts=tuple(values["contacts"]),
            at=datetime.fromisoformat(values["at"]),
            since=datetime.fromisoformat(values["since"]) if values.get("since") else None,
            incidents=tuple(values.get("incidents", ())),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise JournalError(f"outbox item {row} is damaged: {error!r}") from error
