"""What a list of incidents is asked for: each value checked, and what is wrong said with what would be right."""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from aiohttp import web
from pydantic import BaseModel, Field
from pydantic_core import PydanticCustomError

from nemo_watchdog.journal.reader import Asked
from nemo_watchdog.model import Severity
from nemo_watchdog.policy.units import parse_duration

USUAL, MOST = 50, 200
"""Incidents on a page."""


class IncidentParameters(BaseModel):
    """What may be asked, for the document: each value is checked below, where what is wrong is said in words."""

    since: str | None = Field(None, description="Opened since then: a duration before now such as `7d`, or a time.")
    until: str | None = Field(None, description="Opened before then.")
    open: bool | None = Field(None, description="Those alone that are open.")
    dependency: str | None = Field(None, description="It was a member.")
    severity: Severity | None = Field(None, description="The gravest that it was.")
    limit: int = Field(USUAL, ge=1, le=MOST, description="So many at most.")
    cursor: str | None = Field(None, description="What the last answer gave as `next`.")


KEYS = tuple(IncidentParameters.model_fields)


@dataclass(frozen=True, slots=True)
class IncidentQuery:
    asked: Asked
    before_id: str | None
    limit: int

    @classmethod
    def of(cls, request: web.Request, now: datetime) -> IncidentQuery:
        """Raises 400 for what cannot be meant."""
        given = request.query
        if strange := next((name for name in given if name not in KEYS), None):
            raise _wrong(strange, f"no such parameter; there are: {', '.join(KEYS)}")
        if twice := next((name for name in given if len(given.getall(name)) > 1), None):
            raise _wrong(twice, "give it once")
        asked = Asked(
            since=_time("since", given, now),
            until=_time("until", given, now),
            dependency=given.get("dependency", ""),
            severity=_one_of("severity", given, tuple(Severity)),
            open_only=_one_of("open", given, ("true", "false")) == "true",
        )
        if asked.since and asked.until and asked.since >= asked.until:
            raise _wrong("until", "it must be later than `since`")
        return cls(asked, _cursor(given), _limit(given))


def written_cursor(incident: str) -> str:
    """Behind which incident the next page begins, for nobody to read."""
    return urlsafe_b64encode(incident.encode()).decode("ascii").rstrip("=")


def _wrong(name: str, why: str) -> web.HTTPBadRequest:
    return web.HTTPBadRequest(text=f"{name}: {why}")


def _time(name: str, given: Mapping[str, str], now: datetime) -> datetime | None:
    """A time, or a duration before now."""
    text = given.get(name)
    if text is None:
        return None
    try:
        return now - timedelta(seconds=parse_duration(text))
    except PydanticCustomError:
        pass
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is not None:
            return at.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise _wrong(
        name,
        "expected a duration before now such as `7d`, of a year at most, or a time with its zone such as "
        "`2026-11-23T03:00:00Z` (in an address a `+` is written %2B)",
    )


def _one_of(name: str, given: Mapping[str, str], words: tuple[str, ...]) -> str:
    text = given.get(name)
    if text is not None and text not in words:
        raise _wrong(name, f"expected {' or '.join(words)}")
    return text or ""


def _limit(given: Mapping[str, str]) -> int:
    text = given.get("limit", str(USUAL))
    if text.isascii() and text.isdecimal() and len(text) < 9 and 1 <= int(text) <= MOST:
        return int(text)
    raise _wrong("limit", f"expected a number from 1 to {MOST}")


def _cursor(given: Mapping[str, str]) -> str | None:
    text = given.get("cursor")
    if text is None:
        return None
    try:
        incident = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4)).decode()
        if incident and written_cursor(incident) == text:
            return incident
    except (ValueError, binascii.Error):
        pass
    raise _wrong("cursor", "expected what an answer gave as its `next`")
