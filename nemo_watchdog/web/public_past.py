"""What was, for those whom nobody knows: read now and then beside the answers, so that no number of readers costs more.

Who asks waits for a reading only for a moment, and otherwise gets what was known before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta

from aiohttp import web

from nemo_watchdog.engine.published import Published
from nemo_watchdog.journal.reader import Asked, JournalReader
from nemo_watchdog.public_views import PublicDayView
from nemo_watchdog.timeline.public_page import HISTORY, READ, Days, Told, told_of
from nemo_watchdog.timeline.uptime import uptime_of
from nemo_watchdog.web.past import Past

WAITS = 2.0
"""Seconds that an answer waits for a reading."""

DAYS = HISTORY.days
DAYS_EVERY = 60.0
"""Seconds between two looks at how today goes."""

MOST = 500
"""Incidents, the newest, of which users are told."""


@dataclass(frozen=True, slots=True)
class Known:
    """`complete`: all of it could be read, and lately."""

    incidents: tuple[Told, ...] = ()
    days: Days = field(default_factory=dict)
    complete: bool = False


class PublicPast:
    """Of one policy after the other; what a new one publishes is read anew."""

    def __init__(self, past: Past) -> None:
        self._past = past
        self._known = Known()
        self._published: Published | None = None
        self._over: dict[date, dict[str, float | None]] = {}
        """Of each day that is over, each component's uptime."""
        self._days_at: float | None = None
        self._reading: asyncio.Task[None] | None = None

    async def known(self, published: Published, opened: Collection[str], now: datetime) -> Known:
        """As it is now, or was when it could be read last; `opened` are the ids of the open incidents."""
        if published is not self._published:
            await self.close()
            self._published, self._known, self._over, self._days_at = published, Known(), {}, None
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read(published, tuple(opened), now))
        await asyncio.wait({self._reading}, timeout=WAITS)
        if not self._reading.done():
            return replace(self._known, complete=False)
        self._reading.result()
        return self._known

    async def close(self) -> None:
        """Nothing is read any more."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait({self._reading})

    async def _read(self, published: Published, opened: tuple[str, ...], now: datetime) -> None:
        complete = True
        try:
            incidents = await self._past.read(lambda reader: _told(reader, published, opened, now))
            self._known = replace(self._known, incidents=incidents, complete=False)
        except web.HTTPServiceUnavailable:
            complete = False
        days = self._known.days
        try:
            days = await self._days(published, now)
        except web.HTTPServiceUnavailable:
            complete = False
        self._known = replace(self._known, days=days, complete=complete)

    async def _days(self, published: Published, now: datetime) -> Days:
        """Days that are over stay as they were; of today there is more each time."""
        at = asyncio.get_running_loop().time()
        if self._days_at is not None and at - self._days_at < DAYS_EVERY:
            return self._known.days
        today = now.astimezone(UTC).date()
        every = [today - timedelta(days=back) for back in range(DAYS - 1, -1, -1)]
        uptimes = {day: self._over.get(day) or await self._day(published, day, now) for day in every}
        self._over = {day: each for day, each in uptimes.items() if day < today}
        self._days_at = at
        return {
            each.name: tuple(PublicDayView(day.isoformat(), uptimes[day][each.name]) for day in every)
            for each in published.components
        }

    async def _day(self, published: Published, day: date, now: datetime) -> dict[str, float | None]:
        """Each component's uptime. A day at a time, for of what flaps there is much."""
        begin = datetime.combine(day, time(), UTC)
        end = min(begin + timedelta(days=1), now)
        uptimes = {}
        for component in published.components:
            looks = {name: await self._past.looks(name, begin, end) for name in published.looked_at(component)}
            uptimes[component.name] = await asyncio.to_thread(uptime_of, published, component, looks, begin, end)
        return uptimes


def _told(reader: JournalReader, published: Published, opened: tuple[str, ...], now: datetime) -> tuple[Told, ...]:
    """Those that began in the last 30 days, and all that are open."""
    page = reader.incidents(Asked(since=now - HISTORY), None, MOST, READ)
    found = dict(page.incidents)
    found |= reader.records_of_each([each for each in opened if each not in found], READ)
    return tuple(told_of(incident, written, published) for incident, written in found.items() if written)
