"""Looks names up, each in a thread of its own: one that hangs holds up no other, and no end of the process.

An event loop has few threads for that, shared by all: with uvloop two look-ups that hang hold up every other one of the
process, and asyncio.run waits for its own at its end. A deadline ends the waiting and not the thread.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from functools import partial

from aiohttp.abc import AbstractResolver, ResolveResult

from nemo_watchdog.one_thread import OneThread, StillBusy

PATIENCE = 10.0
"""Seconds for a look-up, from its beginning, whoever waits for it. A second name server is asked when the first has
been silent for five (resolv.conf(5), `timeout`)."""

_NUMBERS = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
_AS_NUMBERS = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV

Found = Sequence[ResolveResult]
"""The addresses of a name."""

_Asked = tuple[str, int, socket.AddressFamily]


class Names(AbstractResolver):
    """Satisfies aiohttp's resolver. Who asks for what is being looked up waits for that: it has one thread at most."""

    def __init__(self) -> None:
        self._under_way: dict[_Asked, tuple[float, asyncio.Task[Found]]] = {}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Raises `socket.gaierror`, also when its name server has not answered for so long; may be cancelled."""
        loop = asyncio.get_running_loop()
        asked = host, port, family
        if asked not in self._under_way:
            thread = OneThread("nemo-watchdog-name")
            looking = asyncio.create_task(thread.run(partial(_look_up, host, port, family)))
            self._under_way[asked] = loop.time(), looking
            looking.add_done_callback(partial(self._over, asked))
        began, looking = self._under_way[asked]
        try:
            async with asyncio.timeout_at(began + PATIENCE):
                return list(await asyncio.shield(looking))
        except TimeoutError:
            raise _no_answer("its name server does not answer") from None
        except StillBusy:
            raise _no_answer("the system gave no thread to look its name up") from None

    async def close(self) -> None:
        """Waits for nobody: a thread that hangs ends with its look-up, or with the process."""

    def _over(self, asked: _Asked, looking: asyncio.Task[Found]) -> None:
        del self._under_way[asked]
        if not looking.cancelled():
            looking.exception()  # there may be nobody left who waits


def _look_up(host: str, port: int, family: socket.AddressFamily) -> Found:
    """As aiohttp's own resolver does. Blocks."""
    infos = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    return [
        ResolveResult(
            hostname=host,
            host=socket.getnameinfo(address, _AS_NUMBERS)[0],  # with the zone of one that is local to a link
            port=port,
            family=kind,
            proto=protocol,
            flags=_NUMBERS,
        )
        for kind, _, protocol, _, address in infos
    ]


def _no_answer(why: str) -> socket.gaierror:
    return socket.gaierror(socket.EAI_AGAIN, why)
