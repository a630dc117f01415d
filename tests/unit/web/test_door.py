"""How many may be in at once, and for how long."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from nemo_watchdog.web import door
from nemo_watchdog.web.door import Limits, Phase, connections_within
from tests.unit.runtime.shell import until
from tests.unit.runtime.whole import Daemon
from tests.unit.web.site import BEARER, Site, serving

LONG = 60.0
HEALTHY = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
KEPT = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
PAUSE = (
    "POST /api/v1/pause HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    f"Content-Length: 90\r\nAuthorization: {BEARER['Authorization']}\r\n\r\n"
).encode()


def limits(connections: int = 64, **seconds: float) -> Limits:
    """Those that a test does not name do not end within it."""
    return Limits(connections, **{"head": LONG, "body": LONG, "answer": LONG, "idle": LONG, "young": LONG, **seconds})


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def rest(self) -> tuple[int, str]:
        """Status and what it says once the daemon has closed; (0, "") when it said nothing."""
        try:
            sent = await self.reader.read()
        except ConnectionResetError:
            return 0, ""
        head, _, body = sent.partition(b"\r\n\r\n")
        return (int(head.split()[1]), json.loads(body)["detail"]) if head else (0, "")

    async def answered(self) -> None:
        assert b" 200 " in await self.reader.readline()


@asynccontextmanager
async def clients(site: Site) -> AsyncIterator[Callable[..., Any]]:
    """`await client(b"GET")` is a connection on which so much was sent."""
    made: list[asyncio.StreamWriter] = []

    async def client(sent: bytes = b"") -> Client:
        reader, writer = await asyncio.open_connection("127.0.0.1", site.client.port)
        made.append(writer)
        writer.write(sent)
        return Client(reader, writer)

    yield client
    for writer in made:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


def refused(site: Site) -> dict[str, float]:
    (metric,) = site.daemon.shell.metrics.connections_refused.collect()
    return {each.labels["why"]: each.value for each in metric.samples if each.name.endswith("_total")}


@pytest.fixture(autouse=True)
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "EVERY", 0.01)


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (b"GET /healthz HT", (408, door.SLOW_HEAD)),
        (b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-", (408, door.SLOW_HEAD)),
        (b"GET /api/v1/push/backup?token=", (408, door.SLOW_HEAD)),
        (b"\r\n", (408, door.SLOW_HEAD)),
        (b"", (0, "")),
    ],
)
async def test_a_head_that_does_not_end_is_not_waited_for(tmp_path: Path, sent: bytes, answer: tuple[int, str]) -> None:
    """Told so, but for a connection on which nothing was asked."""
    async with serving(Daemon(tmp_path), limits(head=0.1)) as site, clients(site) as client:
        assert await (await client(sent)).rest() == answer
        assert refused(site) == {"slow_head": 1.0}
        assert (await site.get("/readyz")).status in (200, 503)


async def test_a_head_that_trickles_ends_too(tmp_path: Path) -> None:
    """A byte now and then is no progress."""
    async with serving(Daemon(tmp_path), limits(head=0.3)) as site, clients(site) as client:
        slow = await client(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: ")
        rest = asyncio.create_task(slow.rest())
        while not rest.done():
            slow.writer.write(b"x")
            await asyncio.sleep(0.02)
        assert await rest in [(408, door.SLOW_HEAD), (0, "")]


async def test_a_second_request_has_its_own_time(tmp_path: Path) -> None:
    """What it waits between two requests is no part of either."""
    async with serving(Daemon(tmp_path), limits(head=0.3)) as site, clients(site) as client:
        kept = await client(KEPT)
        await kept.answered()
        await asyncio.sleep(0.5)
        kept.writer.write(HEALTHY)
        assert (await kept.reader.read()).count(b"HTTP/1.1 200 OK") == 1
        again = await client(KEPT)
        await again.answered()
        again.writer.write(b"GET /heal")
        assert b"HTTP/1.1 408 " in await again.reader.read()


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_that_does_not_end_is_not_waited_for(tmp_path: Path, chunked: bool) -> None:
    """Nothing is paused by half of one, and nothing is logged."""
    request = PAUSE + b'{"reason"'
    if chunked:
        request = PAUSE.replace(b"Content-Length: 90", b"Transfer-Encoding: chunked") + b'9\r\n{"reason"\r\n'
    async with serving(Daemon(tmp_path), limits(body=0.1)) as site, clients(site) as client:
        with capture_logs() as said:
            assert await (await client(request)).rest() == (408, "the request's body did not come in time")
        assert [line for line in said if line["log_level"] not in ("debug", "info")] == []
        assert (refused(site), site.pauses) == ({"slow_body": 1.0}, [])


async def test_a_body_that_nobody_reads_is_not_waited_for_either(tmp_path: Path) -> None:
    """A refusal is answered at once; the rest of the body has its end, and leaves no line of an error."""
    with capture_logs() as said:
        async with serving(Daemon(tmp_path), limits(body=0.1)) as site, clients(site) as client:
            asked = PAUSE.replace(b"Authorization", b"X-Nothing") + b"{"
            status, _ = await (await client(asked)).rest()
            assert status == 401
    assert [line for line in said if line["log_level"] not in ("debug", "info")] == []


async def test_who_does_not_read_the_answer_has_to_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that does not fit into the kernel's buffers would keep its connection for ever."""
    async with serving(Daemon(tmp_path), limits(answer=0.2)) as site, clients(site) as client:
        page = b"x" * 12_000_000

        async def large(*_: object, **__: object) -> bytes:
            return page

        monkeypatch.setattr("nemo_watchdog.web.api.metrics.page", large)
        await client(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        await until(lambda: refused(site) == {"slow_reader": 1.0})
        runner = site.client.server.runner
        assert runner is not None
        server = runner.server
        assert server is not None
        await until(lambda: not server.connections)


async def test_a_connection_without_work_ends(tmp_path: Path) -> None:
    """Silently, as HTTP has it."""
    async with serving(Daemon(tmp_path), limits(idle=0.1)) as site, clients(site) as client:
        kept = await client(KEPT)
        await kept.answered()
        rest = await kept.reader.read()
        assert rest.endswith(b'{"ok": true, "stuck": []}')
        assert refused(site) == {}


async def test_one_too_many_takes_the_place_of_the_one_that_has_done_nothing_for_longest(tmp_path: Path) -> None:
    """A scraper that comes back opens another."""
    async with serving(Daemon(tmp_path), limits(connections=2)) as site, clients(site) as client:
        first, second = await client(KEPT), await client(KEPT)
        await first.answered()
        await second.answered()
        third = await client(HEALTHY)
        await third.answered()
        assert (await first.reader.read()).endswith(b"}")
        second.writer.write(HEALTHY)
        assert b"HTTP/1.1 200 OK" in await second.reader.read()
        assert refused(site) == {"full": 1.0}


async def test_one_too_many_is_told_to_call_again(tmp_path: Path) -> None:
    """Where all of those before have work to do or have just come: a heartbeat is repeated then."""
    async with serving(Daemon(tmp_path), limits(connections=1)) as site, clients(site) as client:
        await client(b"GET /hea")
        await until(lambda: count(site) == 1)
        assert await (await client(HEALTHY)).rest() == (503, door.FULL)


async def test_half_sent_requests_lock_nobody_out(tmp_path: Path) -> None:
    """Who does not send what it began has to go for those who do."""
    async with serving(Daemon(tmp_path), limits(connections=8, young=0.2)) as site, clients(site) as client:
        slow = [await client(b"GET /hea") for _ in range(8)]
        await until(lambda: count(site) == 8)
        for each in slow:
            await asyncio.sleep(0.3)
            await (await client(HEALTHY)).answered()
            assert await each.rest() in [(503, door.FULL), (0, "")]
            await client(b"GET /hea")


async def test_those_who_are_told_are_bounded_as_well(tmp_path: Path) -> None:
    """In a flood whoever was told first makes room."""
    most = 8
    async with serving(Daemon(tmp_path), limits(connections=most)) as site, clients(site) as client:
        for _ in range(100):
            await client(b"GET /hea")
        await until(lambda: refused(site).get("full", 0.0) == 100 - most)
        await until(lambda: count(site) <= most + most // 4 + 1)


async def test_in_a_flood_everybody_is_told_to_call_again(tmp_path: Path) -> None:
    """Nobody's answer is lost in a reset: `curl --retry` and jobs come back after a 503 and not after that."""
    async with serving(Daemon(tmp_path), limits(connections=4)) as site:
        port = site.client.port

        def call() -> list[socket.socket]:
            """All have called and sent before any is taken: the loop does not turn meanwhile."""
            made = [socket.create_connection(("127.0.0.1", port)) for _ in range(60)]
            for each in made:
                each.sendall(b"GET /hea" if made.index(each) < 4 else HEALTHY)
            return made

        callers = call()
        for each in callers:
            each.settimeout(5.0)
        answers = [await asyncio.to_thread(first_bytes, each) for each in callers[4:]]
        assert answers == [b"HTTP/1.1 503"] * 56
        for each in callers:
            each.close()


def first_bytes(caller: socket.socket) -> bytes:
    """Of the answer, once all of it has come."""
    with caller.makefile("rb") as answer:
        return answer.read()[:12]


class Place:
    """A guest that does nothing but to be in that phase."""

    def __init__(self, phase: Phase, since: float) -> None:
        self.phase, self.since = phase, since
        self.fate = "stays"

    def refuse(self, status: int, detail: str) -> None:
        assert (status, detail) == (503, door.FULL)
        self.phase, self.fate = Phase.REFUSED, "refused"

    def too_slow(self) -> None:
        raise AssertionError

    def end(self) -> None:
        self.fate = "ended"


async def test_who_has_to_go_first() -> None:
    """What does nothing, then open pages, then half-sent requests, each the oldest first; then whoever comes."""
    phases = (Phase.HEAD, Phase.LIVE, Phase.LIVE, Phase.IDLE, Phase.ANSWER)
    began = asyncio.get_running_loop().time() - LONG
    inside = [Place(phase, began + number) for number, phase in enumerate(phases)]
    made, gone = door.Door(limits(len(phases), young=1.0), lambda _: None), list[Place]()
    for each in inside:
        made.came(each)
    for _ in range(5):
        newest = Place(Phase.ANSWER, began + LONG)
        made.came(newest)
        (went,) = [each for each in (*inside, newest) if each.fate != "stays" and each not in gone]
        gone.append(went)
    assert [inside.index(each) for each in gone[:4]] == [3, 1, 2, 0]
    assert [each.fate for each in gone] == ["ended", "ended", "ended", "refused", "refused"]
    assert gone[4] is newest


async def test_half_of_the_places_have_an_end() -> None:
    """However few there are, one may be without."""
    made = door.Door(limits(4), lambda _: None)
    free = list[bool]()
    for _ in range(3):
        free.append(made.may_stay())
        made.came(Place(Phase.LIVE, 0.0))
    assert free == [True, True, False]
    assert door.Door(limits(1), lambda _: None).may_stay()


async def test_a_change_has_time_to_be_written(tmp_path: Path) -> None:
    """A disk that is slow is our business and not the caller's."""
    daemon = Daemon(tmp_path)
    async with serving(daemon, limits(head=0.1, body=0.1, idle=0.1)) as site:
        release, written = asyncio.Event(), daemon.shell.core.written

        async def slow() -> None:
            await release.wait()
            await written()

        daemon.shell.core.written = slow  # type: ignore[method-assign]
        asked = asyncio.create_task(site.pause())
        await until(lambda: bool(site.pauses))
        await asyncio.sleep(0.3)
        release.set()
        assert (await asked).status == 200


def count(site: Site) -> int:
    runner = site.client.server.runner
    assert runner is not None
    assert runner.server is not None
    return len(runner.server.connections)


@pytest.mark.parametrize(("files", "connections"), [(256, 64), (1024, 256), (65536, 256), (3, 1)])
def test_most_files_are_for_looks_and_docker(files: int, connections: int) -> None:
    """However few there are."""
    assert connections_within(files) == connections
