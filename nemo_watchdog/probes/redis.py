"""One connection to Redis, kept between looks: PING and INFO together, and a write where the policy asks for one.

redis-py makes a wrong password, LOADING and a full client table all kinds of ConnectionError: the reply's own first
word decides here, never the class alone. There is no pool and no retry but one fresh connection.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import redis.asyncio.connection as client
from pydantic import AfterValidator
from redis import exceptions
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from nemo_watchdog.model import Finding, Reason, degraded, failed, ok
from nemo_watchdog.policy.policy import Secret
from nemo_watchdog.policy.units import Ratio, SecretText
from nemo_watchdog.ports import ProbeContext
from nemo_watchdog.probes.network import os_failure
from nemo_watchdog.probes.options import ProbeOptions, wrong_secret

_CANARY_KEY = "nemo-watchdog:canary"
_CANARY_MS = 60_000
_EVICTS_NOTHING = "noeviction"
_OWN_SETTINGS = frozenset({"host", "port", "db", "username", "password", "path", "connection_class"})

_REASON_OF = {
    "LOADING": (Reason.LOADING, "it loads its data from disk"),
    "MISCONF": (Reason.PERSISTENCE_FAILED, "it refuses writes because it could not save its data"),
    "OOM": (Reason.MEMORY_FULL, "it refuses writes because maxmemory is reached"),
    "READONLY": (Reason.READ_ONLY, "it is a read-only replica"),
    "MASTERDOWN": (Reason.UPSTREAM_UNAVAILABLE, "its link to the master is down"),
    "CLUSTERDOWN": (Reason.UPSTREAM_UNAVAILABLE, "its cluster is down"),
    "NOREPLICAS": (Reason.UPSTREAM_UNAVAILABLE, "it has too few good replicas to accept writes"),
    "BUSY": (Reason.OVERLOADED, "a script or function keeps it busy"),
    "NOAUTH": (Reason.AUTH_FAILED, "it wants a password"),
    "WRONGPASS": (Reason.AUTH_FAILED, "the user name or password is wrong"),
    "NOPERM": (Reason.PERMISSION_DENIED, "the user may not run PING and INFO, or the write that is asked for"),
    "DENIED": (Reason.AUTH_FAILED, "protected mode lets only local clients in"),
    "MOVED": (Reason.WRONG_TARGET, "another node of the cluster has the key"),
}


def _settings(url: str) -> dict[str, Any]:
    """redis-py's connection settings from the address; raises ValueError."""
    settings = dict(client.parse_url(url))
    unknown = [name for name in settings if name not in _OWN_SETTINGS and not name.startswith("ssl_")]
    if unknown or (settings.get("connection_class") is client.UnixDomainSocketConnection and "path" not in settings):
        raise ValueError("unknown setting")
    return settings


def _url(secret: Secret) -> Secret:
    try:
        _settings(secret.reveal())
    except ValueError:
        raise wrong_secret("expected an address such as `redis://:password@127.0.0.1:6379/0`") from None
    return secret


class RedisOptions(ProbeOptions):
    url: Annotated[SecretText, AfterValidator(_url)]
    """`redis://`, `rediss://` or `unix://`; of query parameters only `db` and `ssl_…`."""
    role: Literal["primary", "replica", "any"] = "any"
    write: bool = False
    """Also sets the key `nemo-watchdog:canary`, which expires after a minute: only a write sees that writes fail."""
    max_memory: Ratio | None = None
    """Degraded when used memory is more than this part of maxmemory."""


class RedisProbe:
    def __init__(self, options: RedisOptions, context: ProbeContext) -> None:
        self._options = options
        self._timeout = context.timeout
        self._connection: client.AbstractConnection | None = None

    async def look(self) -> Finding:
        try:
            async with asyncio.timeout(self._timeout):
                replies = await self._ask()
        except exceptions.RedisError as error:
            return redis_failure(error)
        except OSError as error:
            return os_failure(error)
        except (ValueError, RecursionError):  # redis-py's parser, about bytes that are no RESP
            return failed(Reason.PROTOCOL_ERROR, "its answer is not the Redis protocol")
        return self._judge(replies)

    async def close(self) -> None:
        await self._drop()

    async def _ask(self) -> list[Any]:
        """The replies, over the kept connection or, when that one is dead or dies, over a new one."""
        if self._connection is not None:
            with contextlib.suppress(exceptions.ConnectionError, OSError):
                return await self._exchange(self._connection)
        return await self._exchange(await self._connect())

    async def _connect(self) -> client.AbstractConnection:
        settings = _settings(self._options.url.reveal())
        make = settings.pop("connection_class", client.Connection)
        self._connection = make(
            **settings,
            protocol=2,
            driver_info=None,
            retry=Retry(NoBackoff(), 0),
            # The deadline is around the whole look. redis-py's own run through asyncio.wait_for, which on Python 3.11
            # swallows a cancellation that arrives together with the result (CPython gh-86296).
            socket_timeout=None,
            socket_connect_timeout=None,
            decode_responses=True,
            encoding_errors="replace",
        )
        try:
            await self._connection.connect()
        except BaseException:
            await self._drop()
            raise
        return self._connection

    async def _exchange(self, connection: client.AbstractConnection) -> list[Any]:
        """The replies to PING, INFO and perhaps SET, in this order. An error reply is a reply."""
        commands: list[tuple[str | int, ...]] = [("PING",), ("INFO",)]
        if self._options.write:
            commands.append(("SET", _CANARY_KEY, 1, "PX", _CANARY_MS))
        replies: list[Any] = []
        try:
            await connection.send_packed_command(connection.pack_commands(commands), check_health=False)
            for _ in commands:
                try:
                    replies.append(await connection.read_response(disconnect_on_error=False))
                except (exceptions.ResponseError, exceptions.BusyLoadingError, exceptions.AuthenticationError) as error:
                    replies.append(error)
        except BaseException:
            await self._drop()
            raise
        return replies

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(exceptions.RedisError, OSError):
                # nowait: a peer that hangs must not hold up the look's end.
                await connection.disconnect(nowait=True)
            # The transport closes its socket in the next turn of the loop.
            await asyncio.sleep(0)

    def _judge(self, replies: list[Any]) -> Finding:
        info = parse_info(replies[1]) if isinstance(replies[1], str) else {}
        measured = _measured(info)
        for reply in replies:
            if isinstance(reply, exceptions.RedisError):
                return _with(redis_failure(reply), info, measured)
        if replies[0] != "PONG" or "redis_version" not in info:
            return failed(Reason.WRONG_ANSWER, "it answers PING or INFO with something else")
        return (
            self._refuses(info, measured)
            or self._worse_than_wanted(info, measured)
            or ok(f"Redis {info['redis_version']}", measured)
        )

    def _refuses(self, info: Mapping[str, str], measured: Mapping[str, float]) -> Finding | None:
        """What INFO tells about commands that would fail now, though PING does not."""
        role = self._options.role
        is_replica = info.get("role") == "slave"
        if info.get("loading") == "1":
            return _with(failed(Reason.LOADING, _REASON_OF["LOADING"][1]), info, measured)
        if info.get("aof_last_write_status") == "err":
            return failed(Reason.PERSISTENCE_FAILED, "the last write to its append-only file failed", measured)
        if role == "primary" and is_replica:
            return failed(Reason.READ_ONLY, "it is a replica, and a primary is expected", measured)
        if role == "replica" and not is_replica:
            return failed(Reason.WRONG_TARGET, "it is a primary, and a replica is expected", measured)
        if measured.get("redis_memory_used_ratio", 0.0) > 1 and info.get("maxmemory_policy") == _EVICTS_NOTHING:
            return failed(Reason.MEMORY_FULL, "maxmemory is reached and nothing may be evicted", measured)
        return None

    def _worse_than_wanted(self, info: Mapping[str, str], measured: Mapping[str, float]) -> Finding | None:
        """What INFO tells about trouble that commands do not feel yet."""
        if info.get("rdb_last_bgsave_status") == "err":
            return degraded(Reason.PERSISTENCE_FAILED, "its last snapshot failed", measured)
        if info.get("role") == "slave" and info.get("master_link_status") == "down":
            return degraded(Reason.UPSTREAM_UNAVAILABLE, "its link to the master is down", measured)
        most, used = self._options.max_memory, measured.get("redis_memory_used_ratio", 0.0)
        if most is not None and used > most:
            return degraded(Reason.MEMORY_HIGH, f"{used:.0%} of maxmemory in use, more than {most:.0%}", measured)
        return None


def parse_info(text: str) -> Mapping[str, str]:
    """INFO's `key:value` lines."""
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line and not line.startswith("#"))


def _number(info: Mapping[str, str], key: str) -> int:
    text = info.get(key, "")
    return int(text) if text.isascii() and text.isdigit() else 0


def _measured(info: Mapping[str, str]) -> Mapping[str, float]:
    """Memory as Redis itself compares it with maxmemory: without the buffers it does not count (src/evict.c)."""
    most = _number(info, "maxmemory")
    if not most:
        return {}
    return {
        "redis_memory_used_ratio": (_number(info, "used_memory") - _number(info, "mem_not_counted_for_evict")) / most
    }


def _with(finding: Finding, info: Mapping[str, str], measured: Mapping[str, float]) -> Finding:
    detail = finding.detail
    if finding.reason is Reason.LOADING and "loading_eta_seconds" in info:
        detail += (
            f": {info.get('loading_loaded_perc', '?')}% loaded, about {_number(info, 'loading_eta_seconds')}s left"
        )
    return Finding(finding.outcome, finding.reason, detail, measured)


def redis_failure(error: exceptions.RedisError) -> Finding:
    """The finding for an error reply or for a connection that failed."""
    word = getattr(error, "status_code", None) or str(error).split(" ", 1)[0]
    if word in _REASON_OF:
        reason, text = _REASON_OF[word]
        return failed(reason, f"{text} ({word})")
    text = str(error)
    if "max number of clients" in text:
        return failed(Reason.TOO_MANY_CONNECTIONS, "all of its client connections are in use")
    if isinstance(error, exceptions.AuthenticationError | exceptions.AuthenticationWrongNumberOfArgsError):
        return failed(Reason.AUTH_FAILED, "it does not accept the credentials")
    if isinstance(error, exceptions.TimeoutError):
        return failed(Reason.TIMEOUT, "no answer in time")
    if isinstance(error, exceptions.InvalidResponse):
        return failed(Reason.PROTOCOL_ERROR, "its answer is not the Redis protocol")
    if isinstance(error, exceptions.ConnectionError):
        # redis-py wraps what the kernel said; the original is the error's cause or context.
        inner = error.__cause__ or error.__context__
        if isinstance(inner, OSError):
            return os_failure(inner)
        return failed(Reason.CONNECTION_LOST, "the connection was lost")
    if isinstance(error, exceptions.ResponseError) and "DB index" in text:
        return failed(Reason.WRONG_TARGET, "it has no database of that number")
    return failed(Reason.WRONG_ANSWER, "it answers with an error that this probe does not know")
