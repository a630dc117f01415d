"""A connection to the system bus, for one order: every call ends with an answer, an error or the loss of it.

Whatever any client of the bus may send to us is not taken for a word of systemd: a signal counts by its sender.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from dbus_fast import Message, MessageType
from dbus_fast.aio import MessageBus

from nemo_watchdog.errors import NemoWatchdogError, in_one_line

SOCKET = "/run/dbus/system_bus_socket"
BUS, BUS_PATH = "org.freedesktop.DBus", "/org/freedesktop/DBus"
LONGEST_WORDS = 500

_UNKNOWN_USER = "it must run, and know the user that the watchdog runs as (docs/actions/systemd.restart.md)"
_BROKEN = "the connection to the system bus was lost"

Answer = TypeVar("Answer")


class NoBus(NemoWatchdogError):
    """The system bus cannot be had: certainly nothing was ordered."""


class BusLost(NemoWatchdogError):
    """The connection broke: what was said last may have been heard."""


class BusRefusal(NemoWatchdogError):
    """The other side, or the bus, answered with an error. `name` is D-Bus's for it."""

    def __init__(self, name: str, words: str) -> None:
        super().__init__(in_one_line(words)[:LONGEST_WORDS] or name)
        self.name = name


@dataclass(frozen=True, slots=True)
class Signal:
    """What somebody on the bus has told everybody, or us. `sender` is that connection's own name: the bus vouches."""

    sender: str
    name: str
    body: tuple[Any, ...]


def address() -> str:
    """Where the bus is: the variable is that of every client of it."""
    return os.environ.get("DBUS_SYSTEM_BUS_ADDRESS") or f"unix:path={SOCKET}"


def no_bus_here() -> str:
    """Why there is no system bus here, and what to do; empty where there is one, or where a file cannot tell."""
    if address() != f"unix:path={SOCKET}" or Path(SOCKET).is_socket():
        return ""
    return (
        f"there is no system bus here ({SOCKET}), by which systemd is asked: install dbus, "
        "or mount /run/dbus where the watchdog is in a container"
    )


class SystemBus:
    def __init__(self, connection: MessageBus) -> None:
        self._connection = connection
        self._lost: asyncio.Future[None] = asyncio.ensure_future(
            connection.wait_for_disconnect()  # type: ignore[no-untyped-call]
        )

    @property
    def own_name(self) -> str:
        """This connection's, by which the bus knows it."""
        return self._connection.unique_name or ""

    async def call(
        self, to: tuple[str, str], interface: str, member: str, signature: str = "", *body: Any
    ) -> tuple[Any, ...]:
        """What it answers; `to` is a name on the bus and a path. Raises `BusRefusal`, `BusLost`."""
        if not self._connection.connected:
            raise BusLost(_BROKEN)
        name, path = to
        message = Message(
            destination=name, path=path, interface=interface, member=member, signature=signature, body=list(body)
        )
        answer = await self.unless_lost(self._connection.call(message))
        if answer.message_type is MessageType.ERROR:
            raise BusRefusal(answer.error_name or "", answer.body[0] if answer.signature == "s" else "")
        return tuple(answer.body)

    async def listen(self, rule: str, heard: Callable[[Signal], None]) -> None:
        """Every signal that fits a match rule, and maybe others."""

        def hear(message: Message) -> None:
            if message.message_type is MessageType.SIGNAL and message.sender:
                heard(Signal(message.sender, f"{message.interface}.{message.member}", tuple(message.body)))

        self._connection.add_message_handler(hear)
        await self.call((BUS, BUS_PATH), BUS, "AddMatch", "s", f"type='signal',{rule}")

    async def unless_lost(self, awaited: Coroutine[Any, Any, Answer]) -> Answer:
        """Its end; `BusLost` when the connection ends before it."""
        waiting = asyncio.ensure_future(awaited)
        try:
            both: set[asyncio.Future[Any]] = {waiting, self._lost}
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
            await asyncio.wait({waiting})
        if waiting.cancelled() or waiting.exception() is not None:
            raise BusLost(_BROKEN)
        return waiting.result()

    async def close(self) -> None:
        self._connection.disconnect()
        await asyncio.wait({self._lost})
        with suppress(Exception):
            self._lost.result()


@asynccontextmanager
async def system_bus() -> AsyncIterator[SystemBus]:
    """Raises `NoBus`. The caller bounds it in time."""
    try:
        connection = await MessageBus(address()).connect()
    except (ConnectionError, EOFError) as error:
        raise NoBus(f"the system bus does not take us ({_said(error)}): {_UNKNOWN_USER}") from error
    except Exception as error:
        raise NoBus(f"there is no system bus that can be used ({_said(error)})") from error
    bus = SystemBus(connection)
    try:
        yield bus
    finally:
        await bus.close()


def _said(error: Exception) -> str:
    return in_one_line(getattr(error, "strerror", None) or str(error) or type(error).__name__)[:LONGEST_WORDS]
