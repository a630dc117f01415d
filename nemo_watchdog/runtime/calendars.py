"""The calendars of rotas: read at the start, when one changes, and every hour, for what it says moves on with the time.

One that cannot be used is a trouble that is told, and the turns of the rota stand in. A change counts when two looks
have seen the same: what is written in place is half for a moment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path

import structlog

from nemo_watchdog.durations import duration
from nemo_watchdog.engine.events import CalendarRead
from nemo_watchdog.engine.oncall import Shift
from nemo_watchdog.engine.swapping import oncall_of
from nemo_watchdog.errors import CalendarError
from nemo_watchdog.file_state import FileState, file_state
from nemo_watchdog.one_thread import OneThread, StillBusy
from nemo_watchdog.policy.people import Contact, Rota
from nemo_watchdog.runtime.core import Core
from nemo_watchdog.runtime.troubles import Trouble

log = structlog.get_logger("nemo_watchdog")

LOOK_EVERY = 5.0
"""Seconds from one look at the files to the next."""

READ_EVERY = 3600.0
"""Seconds."""

READ_WITHIN = 5.0
"""Seconds for one that is looked at; the start waits so long, too, for what is told first must reach the right one."""

Shifts = tuple[Shift, ...]
Read = Callable[[Rota, datetime], Shifts]
"""Raises `CalendarError`. It blocks."""


@dataclass(slots=True)
class _File:
    """`taken` is what was there when it was read last, at `read_at` (monotonic seconds; None: it is to be read)."""

    rota: Rota
    thread: OneThread = field(default_factory=lambda: OneThread("nemo-watchdog-calendar"))
    read_at: float | None = None
    taken: FileState | None = None
    looked: FileState | None = None


class Calendars:
    """Tells the engine what they say; `read` is how one is read."""

    def __init__(self, core: Core, read: Read) -> None:
        self._core = core
        self._read = read
        self._contacts: Mapping[str, Contact] | None = None
        """Of the policy by which they were read: another one may name others."""
        self._files: dict[str, _File] = {}

    async def run(self) -> None:
        """For ever. The first look is that of the start."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            await self.look()

    async def look(self) -> None:
        """Once at each that the policy names."""
        contacts = self._core.engine.policy.contacts
        if contacts is not self._contacts:
            rotas = {name: each.rota for name, each in contacts.items() if each.rota and each.rota.calendar}
            self._contacts, self._files = contacts, {name: _File(rota) for name, rota in rotas.items()}
            self._core.troubles.keep(Trouble.CALENDAR, rotas)
        await asyncio.gather(*(self._look_at(name, file) for name, file in self._files.items()))

    async def _look_at(self, name: str, file: _File) -> None:
        try:
            async with asyncio.timeout(READ_WITHIN):
                shifts = await file.thread.run(partial(self._read_if_due, file))
        except (TimeoutError, StillBusy):
            file.read_at = None
            self._cannot(name, file, f"it is not read within {duration(READ_WITHIN)}: does its disk hang?")
        except CalendarError as error:
            self._cannot(name, file, str(error))
        else:
            if shifts is not None:
                self._take(name, file, shifts)

    def _read_if_due(self, file: _File) -> Shifts | None:
        """In a thread. None where nothing has changed."""
        now = self._core.clock.now()
        before, file.looked = file.looked, file_state(Path(file.rota.calendar))
        changed = file.looked != file.taken and file.looked == before
        if file.read_at is not None and not changed and now.monotonic - file.read_at < READ_EVERY:
            return None
        file.taken, file.read_at = file.looked, now.monotonic
        return self._read(file.rota, now.utc)

    def _take(self, name: str, file: _File, shifts: Shifts) -> None:
        engine = self._core.engine
        if why := oncall_of(engine.volatile, engine.durable).names_nobody(shifts):
            self._cannot(name, file, why)
            return
        self._tell(name, shifts)
        if self._core.troubles.over(Trouble.CALENDAR, name):
            log.info("calendar used again", contact=name, file=file.rota.calendar, events=len(shifts))

    def _cannot(self, name: str, file: _File, why: str) -> None:
        self._tell(name, ())
        if self._core.troubles.found(Trouble.CALENDAR, f"{file.rota.calendar}: {why}", name):
            log.warning("calendar not used: the rota goes by turns", contact=name, file=file.rota.calendar, why=why)

    def _tell(self, name: str, shifts: Shifts) -> None:
        if self._core.engine.volatile.calendars.get(name, ()) != shifts:
            self._core.tell(CalendarRead(name, shifts))
