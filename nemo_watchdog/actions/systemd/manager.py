"""systemd's manager, asked and given orders over the bus. How a job ended is heard from the signal JobRemoved.

Source: org.freedesktop.systemd1(5), "The Manager Object". An order is answered with the path of its job at once; the
job's end is told later, with its result, to those who called Subscribe.
"""

from __future__ import annotations

import asyncio
from typing import Any

from dbus_fast import Variant

from nemo_watchdog.actions.systemd.system_bus import BUS, BUS_PATH, BusLost, BusRefusal, Signal, SystemBus
from nemo_watchdog.actions.systemd.unit_seen import UnitSeen, Verb

NAME, PATH = "org.freedesktop.systemd1", "/org/freedesktop/systemd1"
MANAGER, UNIT = f"{NAME}.Manager", f"{NAME}.Unit"
MODE = "fail"
"""Of systemctl(1) `--job-mode`: a job that somebody has queued meanwhile is never replaced by ours."""

_IN_NONE = frozenset({f"{NAME}.NoUnitForPID", "org.freedesktop.DBus.Error.UnixProcessIdUnknown"})
_ORDERS = {Verb.RESTART: "RestartUnit", Verb.START: "StartUnit", Verb.RELOAD: "ReloadUnit"}


class Manager:
    def __init__(self, bus: SystemBus) -> None:
        self._bus = bus
        self._owner = ""
        self._ended: dict[str, str] = {}
        self._heard = asyncio.Event()
        self._gone = False

    async def listen(self) -> None:
        """Must come before an order: a job may be over before its answer is read."""
        await self._bus.listen(f"sender='{NAME}',interface='{MANAGER}',member='JobRemoved'", self._hear)
        await self._bus.listen(f"sender='{BUS}',member='NameOwnerChanged',arg0='{NAME}'", self._hear)
        self._owner = str((await self._bus.call((BUS, BUS_PATH), BUS, "GetNameOwner", "s", NAME))[0])
        self._gone = False
        await self._ask("Subscribe")

    def _hear(self, signal: Signal) -> None:
        if (signal.sender, signal.name) == (self._owner, f"{MANAGER}.JobRemoved") and len(signal.body) == 4:
            _, job, _, result = signal.body
            self._ended[str(job)] = str(result)
        elif (signal.sender, signal.name) == (BUS, f"{BUS}.NameOwnerChanged") and signal.body[:1] == (NAME,):
            self._gone = True
        self._heard.set()

    async def unit(self, name: str) -> UnitSeen:
        """As it is now; one that systemd does not know is `not-found`."""
        path = str((await self._ask("LoadUnit", "s", name))[0])
        kind = name.rpartition(".")[2].capitalize()
        return UnitSeen(await self._properties(path, UNIT), await self._properties(path, f"{NAME}.{kind}"))

    async def own(self) -> tuple[str, UnitSeen] | None:
        """The unit in which this process runs, as the bus knows it: None where it runs in none of this systemd's."""
        try:
            ours = ("GetConnectionUnixProcessID", "s", self._bus.own_name)
            pid = int((await self._bus.call((BUS, BUS_PATH), BUS, *ours))[0])
            if pid == 0:
                return None  # systemd sees no such process, as from within a container. Asked for it, version 252 ends
            path = str((await self._ask("GetUnitByPID", "u", pid))[0])
        except BusRefusal as error:
            if error.name in _IN_NONE:
                return None
            raise
        name = (await self._bus.call((NAME, path), "org.freedesktop.DBus.Properties", "Get", "ss", UNIT, "Id"))[0]
        own = str(name.value)
        return own, await self.unit(own)

    async def order(self, verb: Verb, name: str) -> str:
        """The path of the job. `BusRefusal`: systemd has queued none. `BusLost`: it may have heard it."""
        return str((await self._ask(_ORDERS[verb], "ss", name, MODE))[0])

    async def result_of(self, job: str) -> str:
        """How it ended; `BusLost` when systemd left the bus before, as at `systemctl daemon-reexec`."""
        while job not in self._ended:
            if self._gone:
                raise BusLost("systemd was executed anew")
            self._heard.clear()
            await self._bus.unless_lost(self._heard.wait())
        return self._ended[job]

    async def _ask(self, member: str, signature: str = "", *body: Any) -> tuple[Any, ...]:
        return await self._bus.call((NAME, PATH), MANAGER, member, signature, *body)

    async def _properties(self, path: str, interface: str) -> dict[str, Any]:
        where = (NAME, path)
        told = (await self._bus.call(where, "org.freedesktop.DBus.Properties", "GetAll", "s", interface))[0]
        return {key: each.value if isinstance(each, Variant) else each for key, each in told.items()}
