"""The redis probe against canned replies; the table of replies and the rules about INFO."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Mapping
from typing import Any

import pytest
from redis import exceptions

from nemo_watchdog.model import Category, Finding, Outcome, Reason
from nemo_watchdog.probes.redis import probe as module
from nemo_watchdog.probes.redis.failures import redis_failure
from nemo_watchdog.probes.redis.info import measure, parse_info
from tests.unit.probes.making import make, probing
from tests.unit.probes.servers import Handler, Server, drop, drop_after_request

HEALTHY = {"redis_version": "7.0.15", "role": "master", "loading": "0", "maxmemory": "0", "used_memory": "1000"}


def bulk(text: str) -> bytes:
    return f"${len(text)}\r\n{text}\r\n".encode()


def info(changes: Mapping[str, str] | None = None) -> bytes:
    lines = [f"{key}:{value}" for key, value in {**HEALTHY, **(changes or {})}.items()]
    return bulk("# Server\r\n" + "\r\n".join(lines) + "\r\n")


def redis_server(ping: bytes = b"+PONG\r\n", info: bytes = info(), set_: bytes = b"+OK\r\n") -> Handler:
    """Answers each command by its name; other commands are well."""
    answers = {b"PING": ping, b"INFO": info, b"SET": set_}

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (head := await reader.readline()).startswith(b"*"):
            words = []
            for _ in range(int(head[1:])):
                length = int((await reader.readline())[1:])
                words.append((await reader.readexactly(length + 2))[:-2])
            writer.write(answers.get(words[0], b"+OK\r\n"))
            await writer.drain()

    return handler


async def look(handler: Handler, **options: Any) -> Finding:
    async with Server(handler).running() as server:
        async with probing("redis", {"url": f"redis://127.0.0.1:{server.port}/0", **options}) as probe:
            finding = await probe.look()
        await server.wait_open(0)
    return finding


@pytest.mark.parametrize(
    ("reply", "reason", "category"),
    [
        (b"-LOADING Redis is loading the dataset in memory", Reason.LOADING, Category.BUSY),
        (b"-MISCONF Redis is configured to save RDB snapshots", Reason.PERSISTENCE_FAILED, Category.INTEGRITY),
        (b"-OOM command not allowed when used memory > 'maxmemory'.", Reason.MEMORY_FULL, Category.INTEGRITY),
        (b"-READONLY You can't write against a read only replica.", Reason.READ_ONLY, Category.INTEGRITY),
        (b"-MASTERDOWN Link with MASTER is down", Reason.UPSTREAM_UNAVAILABLE, Category.BUSY),
        (b"-CLUSTERDOWN The cluster is down", Reason.UPSTREAM_UNAVAILABLE, Category.BUSY),
        (b"-BUSY Redis is busy running a script", Reason.OVERLOADED, Category.BUSY),
        (b"-ERR max number of clients reached", Reason.TOO_MANY_CONNECTIONS, Category.BUSY),
        (b"-NOAUTH Authentication required.", Reason.AUTH_FAILED, Category.BLIND),
        (b"-WRONGPASS invalid username-password pair", Reason.AUTH_FAILED, Category.BLIND),
        (b"-NOPERM this user has no permissions", Reason.PERMISSION_DENIED, Category.BLIND),
        (b"-DENIED Redis is running in protected mode", Reason.AUTH_FAILED, Category.BLIND),
        (b"-ERR something new", Reason.WRONG_ANSWER, Category.FAULT),
        (b"+WHAT", Reason.WRONG_ANSWER, Category.FAULT),
    ],
)
async def test_every_reply_has_its_reason_though_many_are_connection_errors(
    reply: bytes, reason: Reason, category: Category
) -> None:
    """What Redis says decides, not redis-py's class: a wrong password, LOADING and maxclients restart nothing."""
    finding = await look(redis_server(ping=reply + b"\r\n"))
    assert finding.reason is reason
    assert reason.category is category


def refusing(line: bytes, *, resets: bool) -> Handler:
    """Says one line to whom it does not take, and ends the connection, as Redis does at the accept."""

    async def handler(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(line + b"\r\n")
        await writer.drain()
        if resets:
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.transport.abort()

    return handler


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("resets", [False, True])
@pytest.mark.parametrize("who", ["", ":secret@"])
@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"-DENIED Redis is running in protected mode because protected mode is enabled", Reason.AUTH_FAILED),
        (b"-ERR max number of clients reached", Reason.TOO_MANY_CONNECTIONS),
        (b"-LOADING Redis is loading the dataset in memory", Reason.LOADING),
    ],
)
async def test_what_it_says_before_it_ends_the_connection_is_the_reason(
    line: bytes, reason: Reason, who: str, resets: bool, late: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever of our writes and reads fails afterwards: also when the reset is there before we have written."""
    if late:
        send = module._send

        async def send_late(*arguments: Any) -> None:
            await asyncio.sleep(0.05)  # the connection has ended by then
            await send(*arguments)

        monkeypatch.setattr(module, "_send", send_late)
    async with Server(refusing(line, resets=resets)).running() as server:
        async with probing("redis", {"url": f"redis://{who}127.0.0.1:{server.port}/0"}) as probe:
            assert [(await probe.look()).reason for _ in range(2)] == [reason, reason]
    assert reason.category is not Category.FAULT


async def test_a_sentinel_that_refuses_says_why() -> None:
    """It is blind like every other trouble with a Sentinel."""
    line = b"-DENIED Redis is running in protected mode"
    async with Server(refusing(line, resets=False)).running() as server:
        options = {"url": "redis://ignored.invalid/0", "master": "main", "sentinels": [f"127.0.0.1:{server.port}"]}
        async with probing("redis", options) as probe:
            finding = await probe.look()
    assert finding.reason is Reason.AUTH_FAILED
    assert "protected mode" in finding.detail


async def test_a_connection_that_ends_without_a_word_is_lost() -> None:
    """Nobody said why: it stays a fault."""
    for handler in (drop, drop_after_request):
        assert (await look(handler)).reason is Reason.CONNECTION_LOST


async def test_what_a_kept_connection_said_before_it_ended_is_no_reason() -> None:
    """The new connection tells how the server is."""
    healthy, connections = redis_server(), 0

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        if connections > 1:
            await healthy(reader, writer)
            return
        await reader.readuntil(b"INFO\r\n")
        writer.write(b"+PONG\r\n" + info())
        await reader.readuntil(b"INFO\r\n")
        writer.write(b"-ERR something\r\n")
        await writer.drain()

    async with Server(handler).running() as server:
        async with probing("redis", {"url": f"redis://127.0.0.1:{server.port}/0"}) as probe:
            assert [(await probe.look()).outcome for _ in range(2)] == [Outcome.OK, Outcome.OK]
    assert connections == 2


@pytest.mark.parametrize("noise", [b"$x\r\n", b"*-7x\r\n", b"+" + b"a" * 100_000 + b"\r\n", b"*1\r\n" * 5000])
async def test_bytes_that_are_no_redis_have_one_reason(noise: bytes) -> None:
    """redis-py's parser raises whatever int() and the stack raise; none of it leaves the probe."""
    finding = await look(redis_server(ping=noise))
    assert finding.reason is Reason.PROTOCOL_ERROR


@pytest.mark.parametrize("word", ["LOADING", "NOAUTH", "WRONGPASS"])
def test_subclasses_of_connection_error_are_no_faults(word: str) -> None:
    """redis-py's ConnectionError family holds three replies of a live server; none of them is a fault."""
    kinds = {"LOADING": exceptions.BusyLoadingError}
    error = kinds.get(word, exceptions.AuthenticationError)("text", status_code=word)
    assert isinstance(error, exceptions.ConnectionError)
    finding = redis_failure(error)
    assert finding.reason is not None
    assert finding.reason.category is not Category.FAULT


@pytest.mark.parametrize(
    ("changes", "options", "outcome", "reason"),
    [
        ({}, {}, Outcome.OK, None),
        ({"loading": "1"}, {}, Outcome.FAILED, Reason.LOADING),
        ({"aof_last_write_status": "err"}, {}, Outcome.FAILED, Reason.PERSISTENCE_FAILED),
        ({"rdb_last_bgsave_status": "err"}, {}, Outcome.DEGRADED, Reason.PERSISTENCE_FAILED),
        ({"role": "slave", "master_link_status": "down"}, {}, Outcome.DEGRADED, Reason.UPSTREAM_UNAVAILABLE),
        ({"role": "slave"}, {"role": "primary"}, Outcome.FAILED, Reason.READ_ONLY),
        ({"role": "slave"}, {"role": "replica"}, Outcome.OK, None),
        ({}, {"role": "replica"}, Outcome.FAILED, Reason.WRONG_TARGET),
        ({"maxmemory": "900", "maxmemory_policy": "noeviction"}, {}, Outcome.FAILED, Reason.MEMORY_FULL),
        ({"maxmemory": "900", "maxmemory_policy": "allkeys-lru"}, {}, Outcome.OK, None),
        (
            {"maxmemory": "900", "maxmemory_policy": "noeviction", "mem_not_counted_for_evict": "200"},
            {},
            Outcome.OK,
            None,
        ),
        ({"maxmemory": "1100"}, {"max_memory": "90%"}, Outcome.DEGRADED, Reason.MEMORY_HIGH),
        ({"maxmemory": "2000"}, {"max_memory": "90%"}, Outcome.OK, None),
    ],
)
async def test_info_is_judged(
    changes: Mapping[str, str], options: Mapping[str, Any], outcome: Outcome, reason: Reason | None
) -> None:
    """INFO tells what PING does not: lost persistence, full memory, the role, the link to the master."""
    finding = await look(redis_server(info=info(changes)), **options)
    assert (finding.outcome, finding.reason) == (outcome, reason)


async def test_loading_tells_how_far_it_is() -> None:
    """INFO answers while Redis loads; the detail says how much is left."""
    loading = info({"loading": "1", "loading_loaded_perc": "42.50", "loading_eta_seconds": "77"})
    finding = await look(redis_server(ping=b"-LOADING wait\r\n", info=loading))
    assert finding.reason is Reason.LOADING
    assert "42.50% loaded, about 1m17s left" in finding.detail
    assert finding.progress == 0.425


@pytest.mark.parametrize(("write", "reason"), [(True, Reason.MEMORY_FULL), (False, None)])
async def test_only_a_write_sees_that_writes_fail(*, write: bool, reason: Reason | None) -> None:
    """PING stays green when memory is full; with `write: true` the refused write is seen."""
    finding = await look(redis_server(set_=b"-OOM command not allowed\r\n"), write=write)
    assert finding.reason is reason


async def test_memory_is_measured_against_maxmemory() -> None:
    """Memory is measured only where there is a limit."""
    assert (await look(redis_server(info=info({"maxmemory": "4000"})))).measurements == {
        "redis_memory_used_bytes": 1000.0,
        "redis_memory_used_ratio": 0.25,
    }
    assert (await look(redis_server())).measurements == {"redis_memory_used_bytes": 1000.0}


@pytest.mark.parametrize(
    ("lines", "name", "value"),
    [
        ("connected_clients:30\nmaxclients:40", "redis_clients_used_ratio", 0.75),
        ("rejected_connections:3", "redis_rejected_connections", 3),
        ("loading:1\nloading_loaded_perc:42.50", "redis_loading_ratio", 0.425),
        ("role:slave\nmaster_link_status:up\nmaster_last_io_seconds_ago:7", "redis_replication_lag_seconds", 7),
        (
            "role:slave\nmaster_link_status:down\nmaster_last_io_seconds_ago:-1\nmaster_link_down_since_seconds:90",
            "redis_replication_lag_seconds",
            90,
        ),
        (
            "role:master\nslave0:ip=a,port=1,state=online,offset=1,lag=0\nslave1:ip=b,port=1,offset=1,lag=12",
            "redis_replication_lag_seconds",
            12,
        ),
        ("role:master", "redis_replication_lag_seconds", None),
        ("maxmemory:many\nused_memory:nan", "redis_memory_used_ratio", None),
    ],
)
def test_measurements(lines: str, name: str, value: float | None) -> None:
    """In base units; what is not there is left out."""
    assert measure(parse_info(lines)).get(name) == value


@pytest.mark.parametrize(
    ("changes", "options", "reason"),
    [
        ({"connected_clients": "31", "maxclients": "40"}, {"max_clients": "75%"}, Reason.TOO_MANY_CONNECTIONS),
        ({"connected_clients": "30", "maxclients": "40"}, {"max_clients": "75%"}, None),
        (
            {"role": "slave", "master_link_status": "up", "master_last_io_seconds_ago": "11"},
            {"max_replication_lag": "10s"},
            Reason.REPLICATION_LAG,
        ),
        ({"slave0": "ip=a,lag=11"}, {"max_replication_lag": "10s"}, Reason.REPLICATION_LAG),
        ({"slave0": "ip=a,lag=1"}, {"max_replication_lag": "10s"}, None),
        ({"aof_last_bgrewrite_status": "err"}, {}, Reason.PERSISTENCE_FAILED),
    ],
)
async def test_limits(changes: Mapping[str, str], options: Mapping[str, Any], reason: Reason | None) -> None:
    """Degraded, each above its own limit."""
    finding = await look(redis_server(info=info(changes)), **options)
    assert finding.reason is reason
    assert finding.outcome is (Outcome.OK if reason is None else Outcome.DEGRADED)


async def test_a_write_must_come_back() -> None:
    """A server that forgets what it just took does not store."""
    finding = await look(redis_server(), write=True)  # GET gives +OK here
    assert finding.reason is Reason.WRONG_ANSWER


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sentinels": ["a:1"]}, "belong together"),
        ({"master": "m"}, "belong together"),
        ({"sentinels": ["a"], "master": "m"}, "addresses of Sentinels"),
        ({"sentinel_password": "x"}, "is for"),
        ({"sentinels": ["a:1"], "master": "m", "url": "unix:///run/redis.sock"}, "cannot be a unix socket"),
    ],
)
def test_sentinel_options_that_do_not_fit_are_refused(options: dict[str, Any], message: str) -> None:
    """When the policy is read."""
    with pytest.raises(ValueError, match=message):
        make("redis", {"url": "redis://127.0.0.1/0", **options})


async def test_dead_kept_connection_is_made_anew_before_judging() -> None:
    """A server that drops an idle client is asked again over a new connection within the same look."""

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"INFO\r\n")
        writer.write(b"+PONG\r\n" + info())

    async with (
        Server(once).running() as server,
        probing("redis", {"url": f"redis://127.0.0.1:{server.port}"}) as probe,
    ):
        for count in range(1, 4):
            assert (await probe.look()).outcome is Outcome.OK
            assert server.accepted == count


async def test_connection_is_kept_between_looks() -> None:
    """Healthy looks use one connection."""
    async with (
        Server(redis_server()).running() as server,
        probing("redis", {"url": f"redis://127.0.0.1:{server.port}/2"}) as probe,
    ):
        for _ in range(3):
            assert (await probe.look()).outcome is Outcome.OK
        assert server.accepted == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1",
        "127.0.0.1:6379",
        "redis://h:x/",
        "redis://h/?socket_timeout=9",
        "redis://h/?ssl_cert_reqs=none",
        "rediss://h/?ssl_cert_reqs=what",
        "rediss://h/?ssl_unheard_of=1",
        "redis://h/99999999999999999999",
        "unix://",
        "",
    ],
)
def test_wrong_addresses_are_refused_without_repeating_them(url: str) -> None:
    """What redis-py would not take, or would take as a setting that is ours, is refused when the policy is read."""
    with pytest.raises(ValueError, match="expected an address such as") as caught:
        make("redis", {"url": url})
    assert caught.value.errors()[0]["type"] == "policy_secret"  # type: ignore[attr-defined]


async def test_unix_socket_that_does_not_exist_is_refused() -> None:
    """A missing unix socket is what a closed port is."""
    async with probing("redis", {"url": "unix:///nonexistent/redis.sock"}) as probe:
        assert (await probe.look()).reason is Reason.REFUSED


def test_info_lines() -> None:
    """INFO is lines of key and value; headings and empty lines are skipped, values may hold colons."""
    assert parse_info("# Server\r\na:1\r\n\r\nb:x:y\r\n") == {"a": "1", "b": "x:y"}


def held_back(complaint: bytes) -> Handler:
    """Answers nothing but the mistake."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            if line.strip() == b"ECHO":
                writer.write(complaint)

    return handler


@pytest.mark.parametrize(
    ("complaint", "reason"),
    [
        (b"-ERR wrong number of arguments for 'echo' command\r\n", Reason.CLIENTS_PAUSED),
        (b"-NOAUTH Authentication required.\r\n", Reason.CLIENTS_PAUSED),
        (b"-BUSY Redis is busy running a script\r\n", Reason.OVERLOADED),
        (b"", Reason.TIMEOUT),
        (b"what is that\r\n", Reason.TIMEOUT),
        (b"+OK\r\n", Reason.TIMEOUT),
    ],
)
@pytest.mark.parametrize("who", ["", ":secret@"])
async def test_who_complains_is_alive(complaint: bytes, reason: Reason, who: str) -> None:
    """An error is the word of somebody who lives; silence is none, and neither is what Redis does not say."""
    async with Server(held_back(complaint)).running() as server:
        async with probing("redis", {"url": f"redis://{who}127.0.0.1:{server.port}/3"}, timeout=0.4) as probe:
            assert (await probe.look()).reason is reason
        await server.wait_open(0)


async def test_a_look_that_is_cancelled_leaves_nothing_open() -> None:
    """Also while it is asked beside whether it lives."""
    async with Server(held_back(b"")).running() as server:
        async with probing("redis", {"url": f"redis://127.0.0.1:{server.port}/0"}, timeout=1.0) as probe:
            looking = asyncio.create_task(probe.look())
            await server.wait_open(2)
            looking.cancel()
            await asyncio.wait({looking})
            assert looking.cancelled()
            await server.wait_open(0)


@pytest.mark.parametrize(
    ("changes", "work"),
    [
        ({}, ""),
        ({"rdb_bgsave_in_progress": "1"}, "saving a snapshot"),
        ({"aof_rewrite_in_progress": "1"}, "rewriting the append-only file"),
        (
            {"rdb_bgsave_in_progress": "1", "current_save_keys_processed": "5", "current_save_keys_total": "20"},
            "saving a snapshot (5 of 20 keys)",
        ),
        ({"rdb_bgsave_in_progress": "1", "rdb_last_bgsave_status": "err"}, "saving a snapshot"),
        ({"rdb_bgsave_in_progress": "1", "loading": "1"}, ""),
        ({"aof_rewrite_in_progress": "1", "async_loading": "1"}, ""),
    ],
)
async def test_what_its_forks_write_is_work_and_what_it_loads_is_none(changes: Mapping[str, str], work: str) -> None:
    """Whatever else the look found; a start loses nothing of what is only read."""
    assert (await look(redis_server(info=info(changes)))).work == work
