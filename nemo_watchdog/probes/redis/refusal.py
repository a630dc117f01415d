"""What a Redis says to a client that it does not take, before that client has asked anything.

In protected mode, and with all of its clients in use, it writes one line at the accept and closes (src/networking.c,
acceptCommonHandler). Whoever writes in that moment may see the reset and no line: the answer must not depend on that.
"""

from __future__ import annotations

import asyncio

from redis import exceptions

_WAITS = 0.5
"""Seconds for the line at most. A Redis that takes the client says nothing until it is asked."""


async def refusal(host: str, port: int, patience: float) -> exceptions.RedisError | None:
    """The refusal, if there is one: one more connection tells, on which nothing is said. Takes `patience` seconds."""
    if patience <= 0:
        return None
    try:
        async with asyncio.timeout(min(patience, _WAITS)):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                line = await reader.readline()
            finally:
                writer.transport.abort()
                await asyncio.sleep(0)  # the transport closes its socket in the next turn of the loop
    except (OSError, ValueError):  # a line without an end is a ValueError of the reader's
        return None
    return exceptions.ResponseError(line[1:].decode("utf-8", "replace").strip()) if line[:1] == b"-" else None
