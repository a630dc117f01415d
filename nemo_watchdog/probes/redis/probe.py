"""One connection to Redis, kept between looks: PING and INFO together, and a write where the policy asks for one.

There is no pool and no retry but one fresh connection.
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
from nemo_watchdog.evidence import Questions
from nemo_watchdog.model import Category, Finding, Reason, degraded, failed, ok
from nemo_watchdog.policy.units import Duration, Ratio, SecretText, wrong
from nemo_watchdog.ports import ProbeContext
from nemo_watchdog.probes.redis.address import WrongAddress, checked, connect_over_tls, settings_of
from nemo_watchdog.probes.redis.evidence import PATIENCE, RedisEvidence
from nemo_watchdog.probes.redis.failures import LOADING, redis_failure
from nemo_watchdog.probes.redis.info import measure, number, parse_info, work_in
from nemo_watchdog.probes.redis.refusal import refusal
from nemo_watchdog.probes.redis.sentinel import NoMaster
from nemo_watchdog.probes.redis.way import Way, Ways
from nemo_watchdog.probes.redis.witness import complaint
from nemo_watchdog.probes.shared.address import parse_address
from nemo_watchdog.probes.shared.beside import Beside
from nemo_watchdog.probes.shared.deadline import patience_of
from nemo_watchdog.probes.shared.farewell import Farewell, Goodbye
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
        self._connection: client.AbstractConnection | None = None
        where = options.url, options.sentinels, options.master, options.sentinel_password
        self._ways = Ways(*where, context.timeout)
        self._evidence = RedisEvidence(Ways(*where, PATIENCE), lambda: self._way)
        self._way: Way | None = None
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

    def evidence(self) -> Questions:
        return self._evidence.questions()

    async def _replies(self) -> list[Any]:
        """The replies. Raises also TimeoutError, and `_HeldBack` when it lives for all that."""
        asking = asyncio.create_task(self._ask())
        witness: asyncio.Task[exceptions.RedisError | None] | None = None
        try:
            async with asyncio.timeout(patience_of(self._timeout)):
                await asyncio.wait({asking}, timeout=self._timeout * _ASKED_ALONE)
                if not asking.done() and self._way is not None:
                    witness = asyncio.create_task(complaint(self._way.make, self._way.settings))
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
        self._way = way = await self._ways.find()
        can_be_a_mistake = way.make is not client.UnixDomainSocketConnection and "ssl_certfile" not in way.settings
        self._peer = (*way.address, way.over_tls) if can_be_a_mistake else None
        self._connection = way.make(**way.settings)
        try:
            if way.over_tls:
                await connect_over_tls(self._connection, *way.address, self._timeout * _FOR_TLS)
            else:
                await self._connection.connect()  # type: ignore[no-untyped-call]
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
            return _with(failed(Reason.LOADING, LOADING), info, measured)
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
