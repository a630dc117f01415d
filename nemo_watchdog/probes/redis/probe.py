"""One connection to Redis, kept between looks: PING and INFO together, and a write where the policy asks for one.

redis-py makes a wrong password, LOADING and a full client table all kinds of ConnectionError: the reply's own first
word decides here, never the class alone. There is no pool and no retry but one fresh connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from time import monotonic
from typing import Annotated, Any, Literal

import redis.asyncio.connection as client
from pydantic import AfterValidator, Field, model_validator
from redis import exceptions

from nemo_watchdog.durations import duration
from nemo_watchdog.model import Category, Finding, Reason, degraded, failed, ok
from nemo_watchdog.policy.units import Duration, Ratio, SecretText, wrong
from nemo_watchdog.ports import ProbeContext
from nemo_watchdog.probes.redis.address import (
    WrongAddress,
    checked,
    connect_over_tls,
    files_of,
    settings_of,
)
from nemo_watchdog.probes.redis.info import measure, number, parse_info, work_in
from nemo_watchdog.probes.redis.refusal import refusal
from nemo_watchdog.probes.redis.sentinel import SETTINGS, NoMaster, find_master
from nemo_watchdog.probes.redis.witness import complaint
from nemo_watchdog.probes.shared.address import parse_address
from nemo_watchdog.probes.shared.beside import Beside
from nemo_watchdog.probes.shared.deadline import patience_of
from nemo_watchdog.probes.shared.farewell import Farewell, Goodbye
from nemo_watchdog.probes.shared.named_files import CANNOT_BE_READ
from nemo_watchdog.probes.shared.network import os_failure
from nemo_watchdog.probes.shared.options import ProbeOptions
from nemo_watchdog.probes.shared.tls_mistakes import may_be_tls, unless_it_speaks_tls, unless_it_wants_a_certificate

_CANARY_PREFIX = "nemo-watchdog:canary:"
_CANARY_MS = 60_000
_EVICTS_NOTHING = "noeviction"
_FOR_TLS = 0.75
"""The part of the timeout that a connection over TLS may take; the rest is for finding out why it did not come."""

_ASKED_ALONE = 0.6
"""The part of the timeout after which it is asked beside whether it lives."""

_GOODBYE = Goodbye(
    re.compile(r"^\d+:[A-Z] "), "# User requested shutdown...", "# Redis is now ready to exit, bye bye..."
)
"""An end for an error says the last alone."""

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


def _addresses(addresses: list[str]) -> list[str]:
    try:
        for address in addresses:
            parse_address(address)
    except ValueError:
        raise wrong("expected addresses of Sentinels such as `[10.0.0.1:26379, 10.0.0.2:26379]`") from None
    return addresses


class RedisOptions(ProbeOptions):
    url: Annotated[SecretText, AfterValidator(checked)]
    """`redis://`, `rediss://` or `unix://`; of parameters only `db` and, with `rediss://`, some `ssl_…`."""
    role: Literal["primary", "replica", "any"] = "any"
    write: bool = False
    """Also sets, gets and deletes a key `nemo-watchdog:canary:…`: only a write sees that writes fail."""
    max_memory: Ratio | None = None
    """Degraded when used memory is more than this part of maxmemory."""
    max_clients: Ratio | None = None
    """Degraded when clients are more than this part of maxclients."""
    max_replication_lag: Duration | None = None
    """Degraded when it, as a replica, or a replica of it has heard nothing for longer than these seconds."""
    sentinels: Annotated[list[str], AfterValidator(_addresses)] = Field(default_factory=list)
    """`host:port` of Sentinels; the first that answers says where the master is, in place of the host of `url`."""
    master: str | None = None
    """The name of the master that the Sentinels watch."""
    sentinel_password: SecretText | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> RedisOptions:
        if bool(self.sentinels) != (self.master is not None):
            raise wrong("`sentinels` and `master` belong together: give both or none")
        if self.sentinel_password is not None and not self.sentinels:
            raise wrong("`sentinel_password` is for `sentinels`: give those too")
        if self.sentinels and settings_of(self.url.reveal()).get("path") is not None:
            raise wrong("Sentinels name a host: `url` cannot be a unix socket then")
        return self


class _HeldBack(Exception):
    """What it was asked has no answer, and a mistake has one at once."""

    def __init__(self, said: exceptions.RedisError) -> None:
        super().__init__("held back")
        told = redis_failure(said)
        held = "it answers a mistake at once, and nothing that it is asked: its clients are paused (CLIENT PAUSE)"
        is_busy = told.reason is not None and told.reason.category is Category.BUSY
        self.finding: Finding = told if is_busy else failed(Reason.CLIENTS_PAUSED, held)


class RedisProbe:
    def __init__(self, options: RedisOptions, context: ProbeContext) -> None:
        self._options = options
        self._farewell = Farewell(context.containers, context.container, _GOODBYE)
        self._timeout = context.timeout
        self._key = f"{_CANARY_PREFIX}{secrets.token_hex(4)}"
        self._files = files_of(options.url.reveal(), context.timeout)
        self._connection: client.AbstractConnection | None = None
        self._way: tuple[type[client.AbstractConnection], dict[str, Any]] | None = None
        """How the last connection was made."""
        self._peer: tuple[str, int, bool] | None = None
        """Host, port and whether over TLS, of the last connection; None where no mistake about TLS can explain it."""

    async def look(self) -> Finding:
        beside = Beside(self._timeout)
        return await self._farewell.judged(await self._look(), beside)

    async def _look(self) -> Finding:
        began = monotonic()
        try:
            replies = await self._replies()
        except _HeldBack as error:
            return error.finding
        except (NoMaster, WrongAddress) as error:
            return error.finding
        except exceptions.RedisError as error:
            finding = redis_failure(error)
        except OSError as error:
            finding = os_failure(error)
        except (ValueError, RecursionError):  # redis-py's parser, about bytes that are no RESP
            finding = failed(Reason.PROTOCOL_ERROR, "its answer is not the Redis protocol")
        else:
            return self._judge(replies)
        if self._peer is None or not may_be_tls(finding):
            return finding
        host, port, over_tls = self._peer
        patience = patience_of(self._timeout) - (monotonic() - began)
        if over_tls:
            return await unless_it_wants_a_certificate(finding, host, port, patience)
        if (refused := await refusal(host, port, patience / 2)) is not None:
            return redis_failure(refused)
        patience = patience_of(self._timeout) - (monotonic() - began)
        return await unless_it_speaks_tls(finding, host, port, patience, "a rediss:// address")

    async def close(self) -> None:
        await self._drop()

    async def _replies(self) -> list[Any]:
        """The replies. Raises also TimeoutError, and `_HeldBack` when it lives for all that."""
        asking = asyncio.create_task(self._ask())
        witness: asyncio.Task[exceptions.RedisError | None] | None = None
        try:
            async with asyncio.timeout(patience_of(self._timeout)):
                await asyncio.wait({asking}, timeout=self._timeout * _ASKED_ALONE)
                if not asking.done() and self._way is not None:
                    witness = asyncio.create_task(complaint(*self._way))
                await asyncio.wait({asking})
            return asking.result()
        except TimeoutError:
            said = witness.result() if witness is not None and witness.done() else None
            if asking.done() or said is None:
                raise
            raise _HeldBack(said) from None
        finally:
            await _end(asking, *([] if witness is None else [witness]))

    async def _ask(self) -> list[Any]:
        """The replies, over the kept connection or, when that one is dead, dies or is no master now, over a new one."""
        if self._connection is not None:
            with contextlib.suppress(exceptions.RedisError, OSError):
                replies = await self._exchange(self._connection)
                if not (self._options.sentinels and "role:slave" in str(replies[1])):
                    return replies
        return await self._exchange(await self._connect())

    async def _connect(self) -> client.AbstractConnection:
        await self._drop()
        settings = settings_of(self._options.url.reveal())
        make = settings.pop("connection_class", client.Connection)
        if self._options.sentinels and self._options.master is not None:
            password = self._options.sentinel_password
            settings["host"], settings["port"] = await find_master(
                self._options.sentinels,
                self._options.master,
                None if password is None else password.reveal(),
                self._timeout / 2 / len(self._options.sentinels),
            )
        if not await self._files.can_be_opened():
            raise WrongAddress(Reason.PERMISSION_DENIED, CANNOT_BE_READ)
        self._way = make, {**settings, **SETTINGS}
        over_tls = make is client.SSLConnection
        address = (settings.get("host", "localhost"), settings.get("port", 6379))
        can_be_a_mistake = make is not client.UnixDomainSocketConnection and "ssl_certfile" not in settings
        self._peer = (*address, over_tls) if can_be_a_mistake else None
        self._connection = make(**self._way[1])
        try:
            if over_tls:
                await connect_over_tls(self._connection, *address, self._timeout * _FOR_TLS)
            else:
                await self._connection.connect()
        except BaseException:
            await self._drop()
            raise
        return self._connection

    async def _exchange(self, connection: client.AbstractConnection) -> list[Any]:
        """The replies to PING, INFO and perhaps SET, GET and DEL, in this order. An error reply is a reply."""
        commands: list[tuple[str | int, ...]] = [("PING",), ("INFO",)]
        if self._options.write:
            commands += [("SET", self._key, self._key, "PX", _CANARY_MS), ("GET", self._key), ("DEL", self._key)]
        replies: list[Any] = []
        try:
            await _send(connection, commands)
            for _ in commands:
                try:
                    replies.append(await connection.read_response(disconnect_on_error=False))
                except (exceptions.ResponseError, exceptions.BusyLoadingError, exceptions.AuthenticationError) as error:
                    replies.append(error)
        except (exceptions.RedisError, OSError):
            await self._drop()
            # Why it ends the connection it has said before: a read that fails after that adds nothing.
            refusals = (reply for reply in replies if isinstance(reply, exceptions.RedisError))
            if (refusal := next(refusals, None)) is not None:
                raise refusal from None
            raise
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
        return replace(self._found(replies, info), work=work_in(info))

    def _found(self, replies: list[Any], info: Mapping[str, str]) -> Finding:
        measured = measure(info)
        for reply in replies:
            if isinstance(reply, exceptions.RedisError):
                return _with(redis_failure(reply), info, measured)
        if replies[0] != "PONG" or "redis_version" not in info:
            return failed(Reason.WRONG_ANSWER, "it answers PING or INFO with something else")
        if self._options.write and replies[3] != self._key:
            return failed(Reason.WRONG_ANSWER, "it did not give back what was written", measured)
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
        if info.get("aof_last_bgrewrite_status") == "err":
            return degraded(Reason.PERSISTENCE_FAILED, "its last rewrite of the append-only file failed", measured)
        lag, most_lag = measured.get("redis_replication_lag_seconds", 0.0), self._options.max_replication_lag
        if most_lag is not None and lag > most_lag:
            whose = "it has" if info.get("role") == "slave" else "a replica of it has"
            return degraded(Reason.REPLICATION_LAG, f"{whose} heard nothing for {duration(lag)}", measured)
        share, most_clients = measured.get("redis_clients_used_ratio", 0.0), self._options.max_clients
        if most_clients is not None and share > most_clients:
            detail = f"{share:.0%} of maxclients in use, more than {most_clients:.0%}"
            return degraded(Reason.TOO_MANY_CONNECTIONS, detail, measured)
        most, used = self._options.max_memory, measured.get("redis_memory_used_ratio", 0.0)
        if most is not None and used > most:
            return degraded(Reason.MEMORY_HIGH, f"{used:.0%} of maxmemory in use, more than {most:.0%}", measured)
        return None


async def _end(*tasks: asyncio.Task[Any]) -> None:
    """They are over when this returns; what they raised is told already, or of no interest."""
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    for task in tasks:
        if not task.cancelled():
            task.exception()


async def _send(connection: client.AbstractConnection, commands: Sequence[tuple[str | int, ...]]) -> None:
    try:
        await connection.send_packed_command(connection.pack_commands(commands), check_health=False)
    except RuntimeError as error:  # what uvloop says of a connection that the peer has ended meanwhile
        raise exceptions.ConnectionError("the connection has ended") from error


def _with(finding: Finding, info: Mapping[str, str], measured: Mapping[str, float]) -> Finding:
    detail = finding.detail
    if finding.reason is Reason.LOADING and "loading_eta_seconds" in info:
        left = duration(number(info, "loading_eta_seconds"))
        detail += f": {info.get('loading_loaded_perc', '?')}% loaded, about {left} left"
    progress = measured.get("redis_loading_ratio") if finding.reason is Reason.LOADING else None
    return Finding(finding.outcome, finding.reason, detail, measured, progress)


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
