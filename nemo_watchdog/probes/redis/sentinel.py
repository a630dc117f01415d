"""Where the master is, by the word of the Sentinels. Source: Redis documentation, "Guidelines for Redis clients"."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import redis.asyncio.connection as client
from redis import exceptions
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from nemo_watchdog.model import Finding, Reason, failed
from nemo_watchdog.probes.shared.address import parse_address
from nemo_watchdog.probes.shared.looked_up import looked_up

SETTINGS: Mapping[str, Any] = MappingProxyType(
    {
        "protocol": 2,
        "driver_info": None,
        "retry": Retry(NoBackoff(), 0),
        # The deadline is around the whole look. redis-py's own run through asyncio.wait_for, which on Python 3.11
        # swallows a cancellation that arrives together with the result (CPython gh-86296).
        "socket_timeout": None,
        "socket_connect_timeout": None,
        "decode_responses": True,
        "encoding_errors": "replace",
    }
)
"""Of every connection of ours to Redis."""


class NoMaster(Exception):
    """No Sentinel says where the master is; `finding` is blind: it says nothing of the master."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.finding: Finding = failed(reason, detail)


async def find_master(sentinels: Sequence[str], master: str, password: str | None, patience: float) -> tuple[str, int]:
    """Host and port by the first Sentinel that answers within `patience` seconds. Raises NoMaster."""
    trouble = NoMaster(Reason.NAME_UNRESOLVED, "no Sentinel answers, so nobody says where the master is")
    for sentinel in sentinels:
        host, port = parse_address(sentinel)
        try:
            async with asyncio.timeout(patience):
                told = await _ask(host, port, master, password)
        except (exceptions.AuthenticationError, exceptions.NoPermissionError):
            trouble = NoMaster(Reason.AUTH_FAILED, "a Sentinel does not accept the credentials (sentinel_password)")
            continue
        except exceptions.ResponseError as error:
            if str(error).startswith("DENIED"):
                trouble = NoMaster(Reason.AUTH_FAILED, "a Sentinel in protected mode lets only local clients in")
            continue
        except (exceptions.RedisError, OSError, ValueError, RecursionError):
            continue
        if told is not None:
            return told
        trouble = NoMaster(Reason.WRONG_TARGET, f"the Sentinels know no master named {master}")
    raise trouble


async def _ask(host: str, port: int, master: str, password: str | None) -> tuple[str, int] | None:
    await looked_up(host)
    connection = client.Connection(host=host, port=port, password=password, **SETTINGS)
    try:
        await connection.connect()  # type: ignore[no-untyped-call]
        await connection.send_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", master, check_health=False)
        told = await connection.read_response(disconnect_on_error=False)
    finally:
        with contextlib.suppress(exceptions.RedisError, OSError):
            await connection.disconnect(nowait=True)
        await asyncio.sleep(0)  # the transport closes its socket in the next turn of the loop
    if told is None:
        return None
    if not isinstance(told, list) or len(told) != 2:
        raise ValueError("no address")
    return str(told[0]), int(told[1])
