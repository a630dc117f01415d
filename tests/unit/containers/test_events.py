"""The event stream, through everything that can happen to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest
import pytest_asyncio

from nemo_watchdog.containers import DockerContainers
from nemo_watchdog.containers.event_stream import LOST, RECONNECTED
from nemo_watchdog.model import ContainerEvent
from tests.unit.containers.fake_docker import AT, FakeDocker, container_event, fake_docker

Events = AsyncGenerator[ContainerEvent, None]


@pytest_asyncio.fixture
async def docker(tmp_path: Path) -> AsyncIterator[FakeDocker]:
    async with fake_docker(tmp_path) as fake:
        yield fake


@pytest_asyncio.fixture
async def containers(docker: FakeDocker) -> AsyncIterator[DockerContainers]:
    containers = DockerContainers(docker.url, timeout=0.5, ping_after=0.1)
    yield containers
    await containers.close()


@pytest_asyncio.fixture
async def events(containers: DockerContainers) -> AsyncIterator[Events]:
    async with aclosing(cast("Events", containers.events())) as stream:
        yield stream


async def following(events: Events) -> ContainerEvent:
    async with asyncio.timeout(10):
        return await anext(events)


async def test_the_first_word_is_reconnected(docker: FakeDocker, events: Events) -> None:
    """A new stream begins with `reconnected`, so that its reader looks at all containers first."""
    docker.events.put_nowait(container_event("start"))
    assert (await following(events)).action == RECONNECTED
    assert await following(events) == ContainerEvent("redis", "start", at=AT)
    assert docker.filters["type"] == ["container"]


@pytest.mark.parametrize(
    ("sent", "number"), [("9", 9), ("15", 15), ("SIGTERM", 15), ("kill", 9), ("odd", None), ("", None)]
)
async def test_a_kill_carries_its_signal(docker: FakeDocker, events: Events, sent: str, number: int | None) -> None:
    """Docker tells the signal as a number or a name."""
    docker.events.put_nowait(container_event("kill", signal=sent))
    assert (await following(events)).action == RECONNECTED
    assert await following(events) == ContainerEvent("redis", "kill", number, AT)


async def test_events_cut_into_pieces_and_glued_together(docker: FakeDocker, events: Events) -> None:
    """Lines are found however the bytes arrive; blank lines and events of other things are passed over."""
    die = container_event("die", exitCode="137", signal="9")
    assert (await following(events)).action == RECONNECTED
    docker.events.put_nowait(die[:20])
    docker.events.put_nowait(die[20:-1])
    docker.events.put_nowait(b"\n\r\n" + b'{"Type": "network", "Action": "connect"}\n' + container_event("start") * 2)
    assert [await following(events) for _ in range(3)] == [
        ContainerEvent("redis", "die", at=AT),
        ContainerEvent("redis", "start", at=AT),
        ContainerEvent("redis", "start", at=AT),
    ]


@pytest.mark.parametrize(
    "garbage",
    [
        None,
        b"half a line" * 3 + b"\n",
        b"[]\n",
        b"\xff\xfe\n",
        b'{"Type": "container"}\n',
        b'{"Type": "container", "Action": "die", "Actor": {"Attributes": {}}}\n',
        b"x" * (1 << 20) + b"x" * (1 << 20),
    ],
    ids=["ended", "text", "array", "bytes", "bare", "nameless", "endless"],
)
async def test_a_broken_stream_is_opened_again(docker: FakeDocker, events: Events, garbage: bytes | None) -> None:
    """A stream that ends or cannot be read is replaced, and the reader is told to look at all containers."""
    assert (await following(events)).action == RECONNECTED
    docker.events.put_nowait(garbage)
    assert (await following(events)).action == LOST
    assert (await following(events)).action == RECONNECTED
    docker.events.put_nowait(container_event("start"))
    assert await following(events) == ContainerEvent("redis", "start", at=AT)
    assert docker.streams == 2


async def test_a_restarted_daemon_is_found_again(docker: FakeDocker, events: Events) -> None:
    """A daemon that goes away and comes back gives `reconnected` and then its events."""
    assert (await following(events)).action == RECONNECTED
    waiting = asyncio.ensure_future(following(events))
    await docker.stop()
    assert (await waiting).action == LOST
    await docker.start()
    assert (await following(events)).action == RECONNECTED
    docker.events.put_nowait(container_event("start"))
    assert await following(events) == ContainerEvent("redis", "start", at=AT)


async def test_a_daemon_that_lets_its_callers_wait_is_not_back_before_it_answers(
    docker: FakeDocker, events: Events
) -> None:
    """Systemd holds its socket open while it starts: what it ends itself then is nobody else's doing."""
    docker.past = [container_event("start")]
    assert (await following(events)).action == RECONNECTED
    docker.ping_stalls, docker.past = True, []
    docker.events.put_nowait(None)
    assert (await following(events)).action == LOST
    waiting = asyncio.ensure_future(following(events))
    async with asyncio.timeout(10):
        for _ in range(2):
            await docker.pings.acquire()
    docker.ping_stalls, serves = False, datetime.now(UTC)
    assert (await waiting).action == "engine_restarted"
    back = await following(events)
    assert back.at is not None
    assert back.at >= serves


async def test_a_stream_that_is_opened_again_asks_for_what_came_between(docker: FakeDocker, events: Events) -> None:
    """From where the other was last heard; the first is asked for nothing that is past."""
    before = datetime.now(UTC)
    opened = await following(events)
    assert opened.at is not None
    assert before <= opened.at
    docker.events.put_nowait(None)
    assert (await following(events)).action == LOST
    await following(events)
    first, again = docker.since
    assert first is None
    assert again is not None
    assert before.timestamp() - 2.0 < float(again) <= datetime.now(UTC).timestamp()


@pytest.mark.parametrize(
    ("oldest", "whole"), [(AT, True), (datetime(2100, 1, 1, tzinfo=UTC), False), (None, False)], ids=str
)
async def test_whether_a_gap_is_told_in_full_is_told(
    docker: FakeDocker, events: Events, oldest: datetime | None, whole: bool
) -> None:
    """Nothing is missing when Docker remembers back to the stream that was lost; otherwise it begins anew."""
    docker.past = [] if oldest is None else [container_event("die", at=oldest)]
    opened = await following(events)
    docker.events.put_nowait(None)
    assert (await following(events)).action == LOST
    again = await following(events)
    assert opened.at is not None
    assert again.at is not None
    assert (again.at == opened.at) is whole
    assert again.at >= opened.at


@pytest.mark.parametrize(
    ("count", "restarted"), [(0, True), (3, True), (256, False)], ids=["empty", "fresh", "pushed out"]
)
async def test_an_engine_that_was_started_anew_is_told(
    docker: FakeDocker, events: Events, count: int, restarted: bool
) -> None:
    """It remembers nothing of before, and its memory is not full; a full one has only pushed it out."""
    docker.past = [container_event("start")]
    opened = await following(events)
    docker.past = [container_event("die", at=datetime(2100, 1, 1, tzinfo=UTC))] * count
    docker.events.put_nowait(None)
    assert (await following(events)).action == LOST
    word = await following(events)
    assert (word.action == "engine_restarted") is restarted
    if restarted:
        assert opened.at is not None
        assert word.at is not None
        assert word.at >= opened.at
        word = await following(events)
    assert word.action == RECONNECTED


async def test_that_a_stream_cannot_be_opened_is_told_once(docker: FakeDocker, events: Events) -> None:
    """However often it is tried, and also when it never was open."""
    await docker.stop()
    word = await following(events)
    assert (word.action, word.at) == (LOST, None)
    waiting = asyncio.ensure_future(following(events))
    await asyncio.sleep(0.5)  # some tries long
    await docker.start()
    assert (await waiting).action == RECONNECTED


async def test_a_silent_stream_is_kept_while_docker_lives(docker: FakeDocker, events: Events) -> None:
    """Silence is answered with pings, and the stream that was silent still brings the next event."""
    assert (await following(events)).action == RECONNECTED
    waiting = asyncio.ensure_future(following(events))
    for _ in range(3):
        async with asyncio.timeout(10):
            await docker.pings.acquire()
    docker.events.put_nowait(container_event("oom"))
    assert await waiting == ContainerEvent("redis", "oom", at=AT)
    assert docker.streams == 1


async def test_a_stream_that_is_dead_without_a_word_is_noticed(docker: FakeDocker, events: Events) -> None:
    """Docker answers pings and has had an event that the stream has not told: it is told by the next one."""
    assert (await following(events)).action == RECONNECTED
    waiting = asyncio.ensure_future(following(events))
    docker.past = [container_event("kill", at=datetime.now(UTC) - timedelta(seconds=2))]
    assert (await waiting).action == LOST
    assert (await following(events)).action == RECONNECTED
    assert docker.streams == 2


async def test_a_daemon_that_hangs_is_noticed(docker: FakeDocker, events: Events) -> None:
    """A silent stream of a daemon that answers no ping is given up and opened anew."""
    assert (await following(events)).action == RECONNECTED
    docker.ping_stalls = True
    assert (await following(events)).action == LOST
    docker.ping_stalls = False
    assert (await following(events)).action == RECONNECTED
    assert docker.streams == 2


async def test_close_ends_the_stream(docker: FakeDocker, containers: DockerContainers, events: Events) -> None:
    """After close a waiting reader comes to the end."""
    assert (await following(events)).action == RECONNECTED
    waiting = asyncio.ensure_future(following(events))
    async with asyncio.timeout(10):
        await docker.pings.acquire()
    await containers.close()
    with pytest.raises(StopAsyncIteration):
        await waiting
