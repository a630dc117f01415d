"""What was, for those whom nobody knows: read now and then beside the answers, so that no number of readers costs more.

Who asks waits for a reading only for a moment, and otherwise gets what was known before. What happened and how today
goes is read each time. Days that are over are read once, the newest first, and with rests in between: of a thousand
dependencies ninety days are much.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from aiohttp import web

from nemo_watchdog.engine.published import Component, Published
from nemo_watchdog.journal.reader import Asked, JournalReader
from nemo_watchdog.public_views import PublicDayView
from nemo_watchdog.timeline.public_page import HISTORY, READ, Days, Told, told_of
from nemo_watchdog.timeline.uptime import uptime_of
from nemo_watchdog.web.past import Past

WAITS = 2.0
"""Seconds that an answer waits for what happened, where that was not read lately."""

LATELY = 60.0
"""Seconds: so long what was read is good enough for an answer that would have to wait."""

WAITS_BRIEFLY = 0.02
"""Seconds that an answer waits for the rest: of a thousand dependencies the days take minutes."""

DAYS = HISTORY.days
DAYS_EVERY = 60.0
"""Seconds between two looks at how today goes."""

RESTS = 3.0
"""For so many times as long as a day of one component took to read, nothing is read of those that are over."""

MOST = 500
"""Incidents, the newest, of which users are told."""

Uptimes = Mapping[str, float | None]
"""Of each component, on one day; None where nothing was seen."""


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
        self._published: Published | None = None
        self._forget()

    def _forget(self) -> None:
        self._incidents: tuple[Told, ...] = ()
        self._told_at = self._today_at = -math.inf
        """When they and how today goes were read last, and whether that could be read."""
        self._could_tell = self._could_look = False
        self._uptimes: Mapping[date, Uptimes] = {}
        """Of each day that was read; today's is read again and again. Another mapping when something has changed."""
        self._days: tuple[object, date, Days] | None = None
        """What was made of them: of a thousand components they are a lot."""
        self._today: date | None = None
        self._telling: asyncio.Task[None] | None = None
        self._reading: asyncio.Task[None] | None = None
        self._filling: asyncio.Task[None] | None = None

    async def known(self, published: Published, opened: Collection[str], now: datetime) -> Known:
        """As it is now, or was when it could be read last; `opened` are the ids of the open incidents."""
        telling, today = await self.begin(published, opened, now), now.astimezone(UTC).date()
        if not self._is_fresh(self._told_at, LATELY):
            await asyncio.wait({telling}, timeout=WAITS)
        done, _ = await asyncio.wait(self._tasks(), timeout=WAITS_BRIEFLY)
        for task in done:
            task.result()
        complete = self._could_tell and self._could_look and self._was_read_lately() and not self._missing(today)
        return Known(self._incidents, await self._days_of(published, today), complete)

    async def begin(self, published: Published, opened: Collection[str], now: datetime) -> asyncio.Task[None]:
        """To read what is not known, or not any more; what is returned ends when it is known what happened."""
        if self._published is None or published.policy is not self._published.policy:
            await self.close()
            self._published = published
            self._forget()
        today = now.astimezone(UTC).date()
        if self._today is not None and self._today != today:  # its last minutes are yet to be read
            self._uptimes = {day: each for day, each in self._uptimes.items() if day != self._today}
            self._today = None
        if self._telling is None or self._telling.done():
            self._telling = asyncio.create_task(self._tell(published, tuple(opened), now))
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read_today(published, now))
        if (self._filling is None or self._filling.done()) and self._missing(today):
            self._filling = asyncio.create_task(self._fill(published, today))
        return self._telling

    def _tasks(self) -> list[asyncio.Task[None]]:
        return [task for task in (self._telling, self._reading, self._filling) if task is not None]

    async def _days_of(self, published: Published, today: date) -> Days:
        uptimes, made = self._uptimes, self._days
        if made is None or made[0] is not uptimes or made[1] != today:
            self._days = made = uptimes, today, await asyncio.to_thread(_days, published, uptimes, today)
        return made[2]

    async def close(self) -> None:
        """Nothing is read any more."""
        tasks = self._tasks()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _tell(self, published: Published, opened: tuple[str, ...], now: datetime) -> None:
        """What happened."""
        try:
            self._incidents = await self._past.read(lambda reader: _told(reader, published, opened, now))
            self._could_tell = True
        except web.HTTPServiceUnavailable:
            self._could_tell = False
        self._told_at = asyncio.get_running_loop().time()

    async def _read_today(self, published: Published, now: datetime) -> None:
        """How today goes."""
        today = now.astimezone(UTC).date()
        if today == self._today and self._could_look and self._is_fresh(self._today_at, DAYS_EVERY):
            return
        try:
            uptimes = {each.name: await self._uptime(published, each, today, now) for each in published.components}
        except web.HTTPServiceUnavailable:
            self._could_look = False
            return
        self._uptimes = {**self._uptimes, today: uptimes}
        self._today, self._today_at, self._could_look = today, asyncio.get_running_loop().time(), True

    def _was_read_lately(self) -> bool:
        return self._is_fresh(self._told_at, LATELY) and self._is_fresh(self._today_at, DAYS_EVERY + LATELY)

    def _is_fresh(self, at: float, lasts: float) -> bool:
        return asyncio.get_running_loop().time() - at < lasts

    async def _fill(self, published: Published, today: date) -> None:
        """Days that are over and were not read; they stay as they were."""
        clock = asyncio.get_running_loop().time
        self._uptimes = {day: each for day, each in self._uptimes.items() if day in _days_to(today)}
        try:
            for day in self._missing(today):
                uptimes: dict[str, float | None] = {}
                for component in published.components:
                    begin = clock()
                    uptimes[component.name] = await self._uptime(published, component, day)
                    await asyncio.sleep(RESTS * (clock() - begin))
                self._uptimes = {**self._uptimes, day: uptimes}
        except web.HTTPServiceUnavailable:
            return  # whoever asks next begins where it ended

    async def _uptime(
        self, published: Published, component: Component, day: date, now: datetime | None = None
    ) -> float | None:
        """Of a component on one day. A day at a time, for of what flaps there is much."""
        begin = datetime.combine(day, time(), UTC)
        end = begin + timedelta(days=1)
        if now is not None:
            end = min(end, now)
        looks = {name: await self._past.looks(name, begin, end) for name in published.looked_at(component)}
        return await asyncio.to_thread(uptime_of, published, component, looks, begin, end)

    def _missing(self, today: date) -> list[date]:
        """Days that are over and that nobody has read, the newest first."""
        return [day for day in _days_to(today)[-2::-1] if day not in self._uptimes]


def _days(published: Published, uptimes: Mapping[date, Uptimes], today: date) -> Days:
    """As far as they are known, the oldest first. What is alike is one object: of a thousand components it is many."""
    every = [(uptimes.get(day, {}), day.isoformat()) for day in _days_to(today)]
    if not any(known for known, _ in every):
        return {}
    made = [{uptime: PublicDayView(day, uptime) for uptime in {None, *known.values()}} for known, day in every]
    return {
        each.name: tuple(views[known.get(each.name)] for (known, _), views in zip(every, made, strict=True))
        for each in published.components
    }


def _days_to(today: date) -> list[date]:
    return [today - timedelta(days=back) for back in range(DAYS - 1, -1, -1)]


def _told(reader: JournalReader, published: Published, opened: tuple[str, ...], now: datetime) -> tuple[Told, ...]:
    """Those that began in the last 90 days, and all that are open."""
    page = reader.incidents(Asked(since=now - HISTORY), None, MOST, READ)
    found = dict(page.incidents)
    found |= reader.records_of_each([each for each in opened if each not in found], READ)
    return tuple(told_of(incident, written, published) for incident, written in found.items() if written)
