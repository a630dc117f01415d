"""The evidence of Redis: its words, and what servers that refuse, hang or drip do to a question."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from nemo_watchdog.errors import EvidenceError
from nemo_watchdog.ports import EvidenceSource, Probe
from nemo_watchdog.probes.redis import clients, slowlog
from nemo_watchdog.probes.redis.evidence import info_in_words
from tests.unit.probes.making import probing
from tests.unit.probes.servers import Handler, Server


def bulk(text: str) -> bytes:
    return f"${len(text)}\r\n{text}\r\n".encode()


INFO = bulk("redis_version:7.0.15\r\nrole:master\r\nconnected_clients:3\r\n")
LISTED = bulk("id=1 addr=127.0.0.1:1 cmd=get\n")
WELL = {"PING": b"+PONG\r\n", "INFO": INFO, "SLOWLOG": b"*0\r\n", "CLIENT": LISTED}


def redis_server(answers: Mapping[str, bytes], asked: list[list[str]] | None = None) -> Handler:
    """Answers each command by its name; to another one it says nothing."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (head := await reader.readline()).startswith(b"*"):
            words = []
            for _ in range(int(head[1:])):
                length = int((await reader.readline())[1:])
                words.append((await reader.readexactly(length + 2))[:-2].decode())
            if asked is not None:
                asked.append(words)
            writer.write({**WELL, **answers}.get(words[0], b""))
            await writer.drain()

    return handler


async def ask(probe: Probe, name: str) -> str:
    assert isinstance(probe, EvidenceSource)
    return await probe.evidence()[name]()


async def answer(name: str, handler: Handler, url: str = "redis://127.0.0.1:{port}/0") -> str:
    async with Server(handler).running() as server:
        async with probing("redis", {"url": url.format(port=server.port)}) as probe:
            try:
                return await ask(probe, name)
            finally:
                await server.wait_open(0)


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["GET", "key"], "GET key"),
        (["PING"], "PING"),
        (["SET", "a\r\n b", "x" * 70], f"SET a b {'x' * 63}…"),
        (["MSET", "a", "b", "c", "d", "e", "f"], "MSET a b c d (and 2 more)"),
        (["auth", "user", "hunter2"], "auth (arguments not kept)"),
        (["HELLO", "3", "AUTH", "user", "hunter2"], "HELLO (arguments not kept)"),
        (["ACL", "SETUSER", "me", ">hunter2"], "ACL (arguments not kept)"),
        (["MIGRATE", "host", "6379", "k", "0", "9", "AUTH", "hunter2"], "MIGRATE (arguments not kept)"),
        (["config", "set", "requirepass", "hunter2"], "config set (arguments not kept)"),
        (["SENTINEL", "SET", "main", "auth-pass", "hunter2"], "SENTINEL SET (arguments not kept)"),
        (["CONFIG", "GET", "maxmemory"], "CONFIG GET maxmemory"),
        (["HELLO"], "HELLO"),
        (["SET", "user:7:password", "hunter2"], "SET (the rest is not kept)"),
        (["HSET", "user:7", "Token", "hunter2"], "HSET user:7 (the rest is not kept)"),
    ],
)
def test_a_command_is_cut_and_shows_no_secret(words: list[str], shown: str) -> None:
    """In whatever letters it was written; of many arguments a few."""
    assert slowlog.command(words) == shown


def test_the_slow_log_is_a_table() -> None:
    """Also of a Redis before 4.0, which does not say who asked."""
    text = slowlog.in_words([[9, 1795784405, 250_000, ["GET", "k"], "10.0.0.5:1", "web"], [8, 1795784400, 7, ["PING"]]])
    assert "2026-11-27 13:00:05Z  250ms   10.0.0.5:1  web   GET k\n" in text
    assert "2026-11-27 13:00:00Z  0.01ms  -           -     PING\n" in text
    assert slowlog.in_words([]).startswith("The slow log is empty")


@pytest.mark.parametrize("reply", [None, "OK", 7, [7], [[1, 2]], [[1, None, 2, ["GET"]]], [[1, 10**30, 2, ["GET"]]]])
def test_what_is_no_slow_log_is_told_apart(reply: Any) -> None:
    """One kind of error, whatever it is."""
    with pytest.raises(ValueError, match=r"."):
        slowlog.in_words(reply)


def test_clients_are_counted_and_not_named_one_by_one() -> None:
    """By user, name, address without port, command and flags; those whose answers pile up are named."""
    lines = [
        f"id={number} addr=10.0.0.{number % 2}:{40000 + number} name=web age=90 idle=1 flags=N omem=0 cmd=get user=app"
        for number in range(50)
    ]
    lines.append("id=77 addr=[::1]:5 name= age=3700 idle=0 flags=O omem=20504 cmd=monitor user=default lib-name=a=b")
    lines.append("id=78 addr=/run/redis.sock:0 name= age=1 idle=0 flags=N omem=20505 cmd=NULL user=default")
    text = clients.in_words("\n".join(lines) + "\n")
    assert text.startswith("Clients: 52, this question among them.\n")
    for line in (
        "50       app",
        "2        -",
        "25       10.0.0.0",
        "1        [::1]",
        "1        /run/redis.sock",
        "1        O",
    ):
        assert f"\n{line}\n" in text
    assert "10.0.0.1:" not in text
    piled = text[text.index("output bytes") :].splitlines()
    assert piled[1].split() == ["20505", "78", "/run/redis.sock:0", "default", "-", "NULL", "1s", "0s"]
    assert piled[2].split() == ["20504", "77", "[::1]:5", "default", "-", "monitor", "1h02m", "0s"]


def test_many_kinds_of_clients_are_cut() -> None:
    """The most frequent stay, and the rest is a number."""
    text = clients.in_words("\n".join(f"id={number} name=n{number} omem={number}" for number in range(100)))
    assert "and 80 more of them\n" in text
    assert "and 89 more with an output buffer\n" in text
    assert "No client has an output buffer" in clients.in_words("id=1 omem=0\nnonsense\n")


def test_info_is_as_it_comes_but_for_what_may_be_a_secret() -> None:
    """Counters that are named after a command stay; it is bounded, and its control characters are shown as such."""
    text = info_in_words("# Server\r\nos:Linux\x1b[1m\r\nmodule_password:hunter2\r\ncmdstat_token:calls=1\r\n")
    assert text == (
        "# Server\nos:Linux\\x1b[1m\nmodule_password:(not kept: it may be a secret)\ncmdstat_token:calls=1\n"
    )
    assert len(info_in_words("a:b\n" * 100_000)) < 140_000


async def test_a_well_server_answers_each() -> None:
    """No database is selected for it: that may be forbidden, and nothing that is asked is in one."""
    asked: list[list[str]] = []
    handler = redis_server({}, asked)
    url = "redis://127.0.0.1:{port}/3"
    assert "redis_version:7.0.15\n" in await answer("info.txt", handler, url)
    assert "is empty" in await answer("slowlog.txt", handler, url)
    assert "Clients: 1," in await answer("clients.txt", handler, url)
    everything, slow = ["INFO", "everything"], ["SLOWLOG", "GET", "32"]
    assert asked == [everything, slow, ["INFO", "clients"], ["CLIENT", "LIST"]]


@pytest.mark.parametrize(
    ("name", "answers", "why"),
    [
        ("slowlog.txt", {"SLOWLOG": b"-NOPERM no permissions\r\n"}, r"may not run SLOWLOG GET 32 \(NOPERM\)"),
        ("clients.txt", {"CLIENT": b"-NOPERM no permissions\r\n"}, r"may not run CLIENT LIST \(NOPERM\)"),
        ("info.txt", {"INFO": b"-ERR unknown command 'INFO', with args\r\n"}, "it has no command INFO: renamed"),
        ("info.txt", {"INFO": b"-BUSY Redis is busy running a script\r\n"}, r"keeps it busy \(BUSY\)"),
        ("info.txt", {"INFO": b"-LOADING\r\n"}, r"loads its data from disk \(LOADING\)"),
        ("info.txt", {"INFO": b"-ERR max number of clients reached\r\n"}, "client connections are in use"),
        ("info.txt", {"INFO": b"-ERR hunter2\r\n"}, "an error that this probe does not know"),
        ("info.txt", {"INFO": b"*0\r\n"}, "not the Redis protocol"),
        ("info.txt", {"INFO": b"$x\r\n"}, "not the Redis protocol"),
        ("slowlog.txt", {"SLOWLOG": b"*1\r\n:7\r\n"}, "not the Redis protocol"),
        ("clients.txt", {"INFO": bulk("connected_clients:10001\r\n")}, "10001 clients: to list more than 10000"),
        ("clients.txt", {"CLIENT": b"*1\r\n" * 5000}, "not the Redis protocol"),
    ],
)
async def test_why_there_is_no_answer_is_told(name: str, answers: Mapping[str, bytes], why: str) -> None:
    """In words of our own: its own may repeat anything."""
    with pytest.raises(EvidenceError, match=why) as caught:
        await answer(name, redis_server(answers))
    assert "hunter2" not in str(caught.value)


async def test_a_silent_server_has_no_answer_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without anybody's deadline a question ends too."""
    monkeypatch.setattr("nemo_watchdog.probes.redis.evidence.PATIENCE", 0.1)
    with pytest.raises(EvidenceError, match=r"^no answer within 100ms$"):
        await answer("info.txt", redis_server({"INFO": b""}))


async def drip_a_reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A megabyte is announced, and comes a byte at a time."""
    await reader.read(4096)
    writer.write(b"$1000000\r\n")
    while not writer.is_closing():
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.005)


@pytest.mark.parametrize("handler", [redis_server({"INFO": b"", "SLOWLOG": b""}), drip_a_reply])
@pytest.mark.parametrize("who", ["", "user:secret@"])
async def test_a_question_of_a_server_that_hangs_can_be_cancelled(handler: Handler, who: str) -> None:
    """All at once take one connection, and none is left."""
    async with (
        Server(handler).running() as server,
        probing("redis", {"url": f"redis://{who}127.0.0.1:{server.port}/0"}) as probe,
    ):
        assert isinstance(probe, EvidenceSource)
        asking = [asyncio.ensure_future(question()) for question in probe.evidence().values()]
        await server.wait_open(1)
        for each in asking:
            each.cancel()
        await asyncio.wait(asking)
        assert all(each.cancelled() for each in asking)
        await server.wait_open(0)
        assert server.accepted == 1


async def test_with_sentinels_the_instance_is_asked_that_the_look_judges() -> None:
    """Also when they name another one by now; before the first look they say which."""
    named: list[int] = []

    async def sentinel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4096)
        port = str(named[-1])
        writer.write(b"*2\r\n" + bulk("127.0.0.1") + bulk(port))

    one, two = redis_server({}), redis_server({"INFO": bulk("redis_version:7\r\nrole:master\r\nrun_id:two\r\n")})
    async with Server(one).running() as first, Server(two).running() as second, Server(sentinel).running() as told:
        options = {"url": "redis://ignored.invalid/0", "master": "main", "sentinels": [f"127.0.0.1:{told.port}"]}
        async with probing("redis", options) as probe:
            named.append(second.port)
            assert "run_id:two" in await ask(probe, "info.txt")
            named.append(first.port)
            assert (await probe.look()).detail == "Redis 7.0.15"
            named.append(second.port)
            assert "run_id:two" not in await ask(probe, "info.txt")
