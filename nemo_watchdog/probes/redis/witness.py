"""Does a Redis live that answers nothing that it is asked? Whoever says what is wrong with a question is alive.

`CLIENT PAUSE` holds back every command of every client (`WRITE`: those that write), but what is no command is refused
at once. Measured with 7.0.15: paused, `ECHO` without its argument is answered within a millisecond, while PING, INFO,
AUTH and QUIT wait; in SAVE, in a script of less than `busy-reply-threshold` and when stopped, nothing is answered.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

import redis.asyncio.connection as client
from redis import exceptions

from nemo_watchdog.probes.shared.looked_up import looked_up

_OF_A_SESSION = frozenset({"username", "password", "db"})
"""What redis-py sends as commands at the connect: they would wait."""

_SAID = (exceptions.ResponseError, exceptions.AuthenticationError, exceptions.BusyLoadingError)
"""Of what redis-py raises, what a server has said."""


async def complaint(make: type[client.AbstractConnection], settings: Mapping[str, Any]) -> exceptions.RedisError | None:
    """Its answer to a mistake, over one more connection; None when there is none. It has no deadline of its own."""
    connection = make(**{name: value for name, value in settings.items() if name not in _OF_A_SESSION})
    try:
        if "host" in settings:
            await looked_up(settings["host"])
        await connection.connect()  # type: ignore[no-untyped-call]
        await connection.send_command("ECHO", check_health=False)
        await connection.read_response(disconnect_on_error=False)
    except _SAID as error:
        return error
    except (exceptions.RedisError, OSError, ValueError, RecursionError):
        return None
    finally:
        with contextlib.suppress(exceptions.RedisError, OSError):
            await connection.disconnect(nowait=True)
    return None
