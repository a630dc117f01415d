"""A system bus with systemd's manager on it, as far as an order needs them: real bytes on a real socket.

Answers of it can be replaced, by method: by an error, by nothing for ever, by the end of the connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from dbus_fast import Message, MessageType, Variant
from dbus_fast._private.marshaller import Marshaller
from dbus_fast._private.unmarshaller import Unmarshaller

Props = dict[str, Variant]
Answer = Callable[["Client", Message], Awaitable[None]]

MANAGER, OWNER = "org.freedesktop.systemd1", ":1.1"
ORDERS = ("RestartUnit", "StartUnit", "ReloadUnit")
OWN = "watchdog.service"


def service(name: str, **more: Variant) -> Props:
    """A service that runs, unless `more` says otherwise. The properties of its two interfaces are one here."""
    return {
        "Id": Variant("s", name),
        "LoadState": Variant("s", "loaded"),
        "ActiveState": Variant("s", "active"),
        "SubState": Variant("s", "running"),
        "Job": Variant("(uo)", (0, "/")),
        "FreezerState": Variant("s", "running"),
        "ConditionResult": Variant("b", True),
        "Result": Variant("s", "success"),
        "ControlGroup": Variant("s", f"/system.slice/{name}"),
        **{each: Variant("b", True) for each in ("CanStart", "CanStop", "CanReload")},
        **more,
    }


def is_in(active: str, sub: str, **more: Variant) -> Props:
    return {"ActiveState": Variant("s", active), "SubState": Variant("s", sub), **more}


class FakeSystemd:
    def __init__(self, address: str) -> None:
        self.address = address
        self.units: dict[str, Props] = {}
        self.own = ""
        """The unit in which whoever asks runs."""
        self.pid = 4242
        """Of whoever asks; 0: systemd does not see such a process."""
        self.orders: list[tuple[str, str, str]] = []
        self.result = "done"
        self.after: Props = {}
        """What of a unit is otherwise once its job is over."""
        self.answers: dict[str, Answer] = {}

    def add(self, name: str, **more: Variant) -> None:
        self.units[name] = service(name, **more)

    async def answer(self, client: Client, message: Message) -> None:
        if message.member in self.answers:
            await self.answers[message.member](client, message)
        elif message.member in ORDERS:
            await self.order(client, message)
        elif message.member == "GetUnitByPID" and not self.own:
            client.error(message, f"{MANAGER}.NoUnitForPID", "it runs in none")
        else:
            client.reply(message, *self.told(message))

    async def order(self, client: Client, message: Message) -> None:
        name, mode = message.body
        self.orders.append((message.member or "", name, mode))
        job = f"/org/freedesktop/systemd1/job/{len(self.orders)}"
        self.units[name] |= self.after
        client.reply(message, "o", job)
        client.job_removed(job, name, self.result)

    def told(self, message: Message) -> tuple[Any, ...]:
        match message.member:
            case "Hello" | "GetNameOwner":
                return ("s", ":1.7" if message.member == "Hello" else OWNER)
            case "LoadUnit":
                name = message.body[0]
                if name not in self.units:
                    self.add(name, LoadState=Variant("s", "not-found"), **is_in("inactive", "dead"))
                return "o", f"/unit/{list(self.units).index(name)}"
            case "GetConnectionUnixProcessID":
                return "u", self.pid
            case "GetUnitByPID" if message.body == [self.pid]:
                return "o", f"/unit/{list(self.units).index(self.own)}"
            case "GetAll":
                return "a{sv}", self._of(message)
            case "Get":
                return "v", self._of(message)[message.body[1]]
            case "AddMatch" | "Subscribe":
                return ()
            case _:
                raise LookupError(message.member)

    def _of(self, message: Message) -> Props:
        return list(self.units.values())[int((message.path or "").rpartition("/")[2])]


class Client:
    """One connection of the bus."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        self._serial = 0

    def send(self, message: Message) -> None:
        self._serial += 1
        message.serial = self._serial
        self.writer.write(_bytes(message))

    def reply(self, to: Message, signature: str = "", *body: Any) -> None:
        answer = Message.new_method_return(to, signature, list(body))
        answer.sender = OWNER
        self.send(answer)

    def error(self, to: Message, name: str, words: str) -> None:
        answer = Message.new_error(to, name, words)
        answer.sender = OWNER
        self.send(answer)

    def job_removed(self, job: str, name: str, result: str, sender: str = OWNER) -> None:
        self.signal(f"{MANAGER}.Manager", "JobRemoved", sender, "uoss", 1, job, name, result)

    def signal(self, interface: str, member: str, sender: str, signature: str, *body: Any) -> None:
        signal = Message.new_signal("/org/freedesktop/systemd1", interface, member, signature, list(body))
        signal.sender = sender
        self.send(signal)


def refuses(name: str, words: str) -> Answer:
    async def answer(client: Client, message: Message) -> None:
        client.error(message, name, words)

    return answer


async def never(_client: Client, _message: Message) -> None:
    """No answer comes."""


async def cut(client: Client, _message: Message) -> None:
    client.writer.close()


@asynccontextmanager
async def fake_systemd(folder: Path) -> AsyncIterator[FakeSystemd]:
    """With one service that runs, `app.service`, and nobody who asks in any unit."""
    path = folder / "bus"
    fake = FakeSystemd(f"unix:path={path}")
    fake.add("app.service")
    served: list[tuple[asyncio.Task[None] | None, asyncio.StreamWriter]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append((asyncio.current_task(), writer))
        client = Client(writer)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await _welcome(reader, writer)
            while True:
                await fake.answer(client, await _next(reader))
        writer.close()

    async with await asyncio.start_unix_server(serve, path):
        yield fake
        for task, writer in served:
            writer.close()
            if task is not None:
                await task


def _bytes(message: Message) -> bytes:
    """With who sent it, which only a bus writes. The D-Bus specification, "Message Format"."""
    body = bytes(Marshaller(message.signature, message.body).marshall())
    told = {
        1: ("o", message.path),
        2: ("s", message.interface),
        3: ("s", message.member),
        4: ("s", message.error_name),
        5: ("u", message.reply_serial),
        7: ("s", message.sender),
        8: ("g", message.signature),
    }
    fields = [[code, Variant(kind, value)] for code, (kind, value) in told.items() if value]
    head = [ord("l"), message.message_type.value, message.flags.value, 1, len(body), message.serial, fields]
    header = bytes(Marshaller("yyyyuua(yv)", head).marshall())
    return header + bytes(-len(header) % 8) + body


async def _welcome(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The D-Bus specification, "Authentication Protocol"."""
    await reader.readexactly(1)
    while (line := await reader.readuntil(b"\r\n")) != b"BEGIN\r\n":
        writer.write(b"OK 1234deadbeef\r\n" if line.startswith(b"AUTH") else b"ERROR\r\n")


async def _next(reader: asyncio.StreamReader) -> Message:
    """The D-Bus specification, "Message Format"."""
    head = await reader.readexactly(16)
    body, _, fields = struct.unpack("<III" if head[:1] == b"l" else ">III", head[4:])
    rest = await reader.readexactly((fields + 7) // 8 * 8 + body)
    message = Unmarshaller(io.BytesIO(head + rest)).unmarshall()  # type: ignore[arg-type]
    assert message is not None
    assert message.message_type is MessageType.METHOD_CALL
    return message
