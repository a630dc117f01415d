"""Questions and orders to a Docker that answers well, badly, late or never."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web

from nemo_watchdog.containers import DockerContainers
from nemo_watchdog.containers.docker import SHORT_LINES
from nemo_watchdog.errors import ContainersUnreachable, OrderFailed, OrderUncertain, QuestionRefused
from nemo_watchdog.model import ContainerEvent, ContainerStatus, ContainerUsage, RunState
from nemo_watchdog.ports import MOST_LOG_LINES
from tests.unit.containers.fake_docker import CONTAINER_ID, FakeDocker, container_event, cut, fake_docker, says


@pytest_asyncio.fixture
async def docker(tmp_path: Path) -> AsyncIterator[FakeDocker]:
    async with fake_docker(tmp_path) as fake:
        yield fake


@pytest_asyncio.fixture
async def containers(docker: FakeDocker) -> AsyncIterator[DockerContainers]:
    containers = DockerContainers(docker.url, timeout=1.0)
    yield containers
    await containers.close()


async def test_inspect_reads_the_state(containers: DockerContainers) -> None:
    """A running container is told with its id and its start, and nothing of its environment."""
    status = await containers.inspect("redis")
    assert status == ContainerStatus(
        RunState.RUNNING,
        container_id=CONTAINER_ID,
        started_at=datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC),
    )
    assert "hunter2" not in repr(status)


@pytest.mark.parametrize("name", ["gone", "", "../version", "a/b", "a?b", "a b", "-a"])
async def test_no_such_container_is_missing(containers: DockerContainers, name: str) -> None:
    """A name that Docker does not know, or that is no name, is MISSING."""
    assert (await containers.inspect(name)).state is RunState.MISSING


async def test_a_prefix_of_an_id_is_not_a_name(docker: FakeDocker, containers: DockerContainers) -> None:
    """Docker resolves prefixes of ids; a container that was not named is not touched."""
    docker.containers["4f0c"] = docker.containers["redis"]
    docker.containers[CONTAINER_ID] = docker.containers["redis"]
    assert (await containers.inspect("4f0c")).state is RunState.MISSING
    assert (await containers.inspect(CONTAINER_ID)).state is RunState.RUNNING


async def test_a_daemon_that_is_not_there_is_blindness(tmp_path: Path) -> None:
    """No socket means unreachable; when the daemon comes, the same object works."""
    containers = DockerContainers(f"unix://{tmp_path}/docker.sock", timeout=1.0)
    with pytest.raises(ContainersUnreachable, match="Cannot connect"):
        await containers.inspect("redis")
    with pytest.raises(ContainersUnreachable):
        await containers.ping()
    async with fake_docker(tmp_path):
        assert (await containers.inspect("redis")).state is RunState.RUNNING
        await containers.ping()
    with pytest.raises(ContainersUnreachable):
        await containers.inspect("redis")
    await containers.close()


@pytest.mark.parametrize("part", ["version", "inspect", "ping"])
async def test_a_stalled_daemon_is_blindness(docker: FakeDocker, part: str) -> None:
    """A daemon that never answers costs the timeout, whichever answer it owes."""

    async def stall(_: web.Request) -> web.StreamResponse:
        await docker.stall()
        return web.Response()

    docker.version_stalls = part == "version"
    docker.ping_stalls = part == "ping"
    docker.inspect = stall
    containers = DockerContainers(docker.url, timeout=0.2)
    with pytest.raises(ContainersUnreachable, match=r"within 200ms"):
        await (containers.ping() if part == "ping" else containers.inspect("redis"))
    await containers.close()


@pytest.mark.parametrize(
    "answer",
    [
        web.Response(status=500, text="driver is stuck"),
        web.Response(status=403, text="not allowed"),
        web.Response(status=500, body=b"{", headers={"Content-Type": "application/json"}),
        web.Response(status=500, body=b"[]", headers={"Content-Type": "application/json"}),
        web.Response(body=b"{", content_type="application/json"),
        web.Response(body=b"\xff\xfe", content_type="application/json"),
        web.Response(body=b"[1]", content_type="application/json"),
        web.Response(body=b'{"Name": "/redis", "Id": "x"}', content_type="application/json"),
        web.Response(body=json.dumps({"Name": "/redis", "State": {}}).encode(), content_type="application/json"),
        web.Response(text="<html>a proxy</html>", content_type="text/html"),
    ],
    ids=lambda answer: f"{answer.status} {answer.body!r}",
)
async def test_a_garbled_answer_is_blindness(
    docker: FakeDocker, containers: DockerContainers, answer: web.Response
) -> None:
    """Errors of Docker or a proxy, and answers that are no inspect, say nothing about the container."""

    async def garble(_: web.Request) -> web.StreamResponse:
        return answer

    docker.inspect = garble
    with pytest.raises(ContainersUnreachable):
        await containers.inspect("redis")


async def test_a_cut_answer_is_blindness(docker: FakeDocker, containers: DockerContainers) -> None:
    """A connection that breaks in the middle says nothing about the container."""
    docker.inspect = cut
    with pytest.raises(ContainersUnreachable):
        await containers.inspect("redis")


async def test_what_docker_remembers_of_a_container(docker: FakeDocker, containers: DockerContainers) -> None:
    """The events of that container, whatever it was called then, oldest first, with Docker's own times."""
    docker.past = [
        container_event("kill", "under-another-name", signal="15"),
        container_event("die"),
        container_event("die", container_id="of-another"),
    ]
    at = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    assert await containers.history("redis", CONTAINER_ID) == [
        ContainerEvent("redis", "kill", 15, at),
        ContainerEvent("redis", "die", at=at),
    ]
    assert docker.asked["container"] == [CONTAINER_ID]
    assert float(docker.span["since"]) == 0.0
    assert float(docker.span["until"]) == pytest.approx(datetime.now(UTC).timestamp(), abs=60.0)


async def test_how_far_dockers_memory_goes(docker: FakeDocker, containers: DockerContainers) -> None:
    """To its oldest event of whatever kind; nowhere when it has none, as after a restart of its own."""
    assert await containers.remembers_since() is None
    docker.past = [b'{"Type": "network", "timeNano": 1772366400000000000}\n', container_event("die")]
    assert await containers.remembers_since() == datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert docker.asked == {}
    docker.past = [b'{"Type": "network"}\n']
    with pytest.raises(ContainersUnreachable):
        await containers.remembers_since()


async def test_an_engine_that_was_rolled_back_is_asked_in_its_own_version(
    docker: FakeDocker, containers: DockerContainers
) -> None:
    """It refuses the newer one (400): an answer is not silence."""
    docker.version = "1.43"
    assert (await containers.inspect("redis")).state is RunState.RUNNING
    docker.version = "1.41"
    assert (await containers.inspect("redis")).state is RunState.RUNNING
    await containers.restart("redis", 1.0)
    assert docker.restarts == [("redis", "1")]


async def test_an_engine_that_goes_down_takes_no_callers(docker: FakeDocker, containers: DockerContainers) -> None:
    """Asked in a connection of its own: those that it has are served to the end."""
    assert await containers.takes_callers()
    docker.ping_stalls = True
    assert not await containers.takes_callers()
    docker.ping_stalls = False
    await docker.stop()
    assert not await containers.takes_callers()


@pytest.mark.parametrize("answer", ["garbage", "refusal", "stall", "cut"])
async def test_a_memory_that_cannot_be_read_is_blindness(
    docker: FakeDocker, containers: DockerContainers, answer: str
) -> None:
    """Whatever comes instead of events says nothing about who ended the container."""

    async def misbehave(request: web.Request) -> web.StreamResponse:
        if answer == "stall":
            await docker.stall()
        if answer == "cut":
            return await cut(request)
        return web.Response(status=500 if answer == "refusal" else 200, text="<html>a proxy</html>")

    docker.history = misbehave
    with pytest.raises(ContainersUnreachable):
        await containers.history("redis", CONTAINER_ID)


async def test_a_restart_gives_the_grace(docker: FakeDocker, containers: DockerContainers) -> None:
    """The named container is restarted with the stop timeout in whole seconds, never fewer than asked for."""
    await containers.restart("redis", 2.5)
    assert docker.restarts == [("redis", "3")]


async def test_an_order_that_fails_says_how(docker: FakeDocker, containers: DockerContainers) -> None:
    """Docker said no, Docker may have heard it, Docker surely has not: three errors for three outcomes."""
    docker.restart = says(500, "cannot restart: port is already allocated")
    with pytest.raises(OrderFailed, match=r"^cannot restart: port is already allocated$"):
        await containers.restart("redis", 1.0)
    docker.restart = cut
    with pytest.raises(OrderUncertain, match="the connection to Docker was lost"):
        await containers.restart("redis", 1.0)
    await docker.stop()
    with pytest.raises(ContainersUnreachable):
        await containers.restart("redis", 1.0)


async def test_a_closed_adapter_says_so(docker: FakeDocker) -> None:
    """After close every call is blind, and a second close does nothing."""
    containers = DockerContainers(docker.url)
    await containers.inspect("redis")
    await containers.close()
    await containers.close()
    with pytest.raises(ContainersUnreachable, match="closed"):
        await containers.inspect("redis")


@pytest.mark.parametrize(
    "host", ["ssh://me@host", "/var/run/docker.sock", "npipe:////./pipe/docker", "unix://relative"]
)
def test_an_address_of_no_use_is_refused(host: str) -> None:
    """An address that cannot be spoken to is an error at the start, in words."""
    with pytest.raises(ValueError, match="must begin with unix:///"):
        DockerContainers(host)


async def test_cancelled_questions_leave_nothing_open(docker: FakeDocker, containers: DockerContainers) -> None:
    """A look that is cancelled while Docker stalls does not spoil the next one."""

    async def stall(_: web.Request) -> web.StreamResponse:
        await docker.stall()
        return web.Response()

    docker.inspect = stall
    look = asyncio.ensure_future(containers.inspect("redis"))
    await asyncio.wait({look}, timeout=0.05)
    look.cancel()
    with pytest.raises(asyncio.CancelledError):
        await look
    docker.inspect = None
    assert (await containers.inspect("redis")).state is RunState.RUNNING


async def test_usage_and_log_of_a_running_container(docker: FakeDocker, containers: DockerContainers) -> None:
    """One sample, and the lines since then; no line from before, which Docker gives by whole seconds."""
    docker.more["stats"] = web.json_response(
        {
            "memory_stats": {"usage": 10, "limit": 100},
            "cpu_stats": {"cpu_usage": {"total_usage": 1_000_000_000}, "online_cpus": 2},
        }
    )
    assert await containers.usage("redis") == ContainerUsage(10.0, 100.0, 1.0, 2)
    docker.more["logs"] = web.Response(body=b"2026-03-01T12:00:00.1Z old\n2026-03-01T12:00:00.6Z new\n")
    since = datetime(2026, 3, 1, 12, 0, 0, 500000, tzinfo=UTC)
    assert [line.text for line in await containers.log("redis", since)] == ["new"]


async def test_processes_that_wait(docker: FakeDocker, containers: DockerContainers) -> None:
    """State D, with whatever stands behind it; nothing is known from an answer of another kind."""
    docker.more["top"] = web.json_response(
        {"Titles": ["PID", "STAT"], "Processes": [["1", "Ssl"], ["22", "D"], ["23", "Dsl+"], ["4", "R<"]]}
    )
    assert await containers.uninterruptible("redis") == {22, 23}
    for answer in ("{}", "[]", '{"Processes": [["1"]]}', '{"Processes": [["x", "D"]]}', '{"Processes": null}'):
        docker.more["top"] = web.Response(text=answer)
        with pytest.raises(ContainersUnreachable):
            await containers.uninterruptible("redis")


async def test_titles_of_processes(docker: FakeDocker, containers: DockerContainers) -> None:
    """As they stand there; nothing is known from an answer of another kind."""
    docker.more["top"] = web.json_response(
        {"Titles": ["PID", "COMMAND"], "Processes": [["1", "redis-server *:6379"], ["22", "redis-rdb-bgsave *:6379 "]]}
    )
    assert await containers.titles("redis") == ("redis-server *:6379", "redis-rdb-bgsave *:6379")
    for answer in ("{}", "[]", '{"Processes": [["1"]]}', '{"Processes": [["1", 2]]}', '{"Processes": null}'):
        docker.more["top"] = web.Response(text=answer)
        with pytest.raises(ContainersUnreachable):
            await containers.titles("redis")


async def test_labels_of_all_containers(docker: FakeDocker, containers: DockerContainers) -> None:
    """By their own names; what was only created is none yet, and nothing is known from an answer of another kind."""
    docker.listed = json.dumps(
        [
            {"Names": ["/other/db", "/db"], "State": "running", "Labels": {"a": "b"}},
            {"Names": ["/job"], "State": "exited", "Labels": None},
            {"Names": ["/new"], "State": "created", "Labels": {"a": "c"}},
            {"Names": None, "State": "dead", "Labels": {}},
        ]
    ).encode()
    assert await containers.labels() == {"db": {"a": "b"}, "job": {}}
    for answer in ("{", "null", "[1]", '[{"Names": ["/a"]}]', '[{"Names": ["/a"], "State": "dead", "Labels": 1}]'):
        docker.listed = answer.encode()
        with pytest.raises(ContainersUnreachable):
            await containers.labels()


@pytest.mark.parametrize("status", [404, 409, 500, 501])
async def test_last_words_that_cannot_be_had_are_blindness(
    docker: FakeDocker, containers: DockerContainers, status: int
) -> None:
    """501 is the answer of a log driver that keeps nothing."""
    docker.more["logs"] = web.Response(status=status)
    with pytest.raises(ContainersUnreachable, match=str(status)):
        await containers.last_words("redis", 50)


async def test_last_words_are_asked_for_from_the_end(docker: FakeDocker, containers: DockerContainers) -> None:
    """Never with a `since`: for that Docker reads a log of gigabytes from its beginning."""
    docker.more["logs"] = web.Response(body=b"2026-03-01T12:00:00.1Z one\n2026-03-01T12:00:00.6Z two\n")
    assert [line.text for line in await containers.last_words("redis", 50)] == ["one", "two"]
    (asked,) = docker.asked_more
    assert (asked["tail"], asked["timestamps"], asked["stdout"], asked["stderr"]) == ("50", "1", "1", "1")
    assert "since" not in asked


async def test_of_a_long_log_the_newest_part_is_read(docker: FakeDocker, containers: DockerContainers) -> None:
    """So many lines from its end; where even these are too long, so few that they surely are not."""
    at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    docker.line = b"2026-03-01T12:00:00.1Z short\n"
    assert len(await containers.log("redis", at)) == MOST_LOG_LINES
    docker.line = b"2026-03-01T12:00:00.1Z " + b"x" * (16 * 1024) + b"\n"
    assert len(await containers.log("redis", at)) == SHORT_LINES
    tails = [asked["tail"] for asked in docker.asked_more]
    assert tails == [str(MOST_LOG_LINES), str(MOST_LOG_LINES), str(SHORT_LINES)]


@pytest.mark.parametrize("status", [200, 404, 409, 500])
async def test_usage_that_cannot_be_had_is_blindness(
    docker: FakeDocker, containers: DockerContainers, status: int
) -> None:
    """Of a container that is gone or stopped, or of a Docker that is ill, nothing is known."""
    docker.more["stats"] = web.Response(status=status, text="<html>")
    with pytest.raises(ContainersUnreachable):
        await containers.usage("redis")


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (404, '{"message": "No such container:\\n redis"}', "No such container: redis"),
        (501, '{"message": "configured logging driver does not support reading"}', "driver does not support reading"),
        (403, "<html>Forbidden</html>", "Forbidden"),
        (500, "", "nothing more"),
        (500, '["message"]', "message"),
        (500, "x" * 100_000, "x" * 200),
    ],
)
async def test_an_answer_of_docker_is_told_in_its_words(
    docker: FakeDocker, containers: DockerContainers, status: int, body: str, words: str
) -> None:
    """In one line, and not at any length; it is no silence."""
    docker.more["logs"] = web.Response(status=status, text=body)
    with pytest.raises(QuestionRefused) as caught:
        await containers.log("redis", datetime(2026, 3, 1, tzinfo=UTC))
    assert caught.value.status == status
    assert words in caught.value.words
    assert len(str(caught.value)) < 300
    assert "\n" not in str(caught.value)


async def test_a_docker_that_says_nothing_has_refused_nothing(docker: FakeDocker, containers: DockerContainers) -> None:
    """Silence is silence."""
    await docker.stop()
    with pytest.raises(ContainersUnreachable) as caught:
        await containers.log("redis", datetime(2026, 3, 1, tzinfo=UTC))
    assert not isinstance(caught.value, QuestionRefused)


@pytest.mark.parametrize("name", ["../version", "a/b", ""])
async def test_a_name_that_is_none_asks_nothing(containers: DockerContainers, name: str) -> None:
    """No path of the API is built from it."""
    with pytest.raises(ContainersUnreachable, match="no name"):
        await containers.usage(name)
    with pytest.raises(ContainersUnreachable, match="no name"):
        await containers.log(name, datetime(2026, 3, 1, tzinfo=UTC))
    with pytest.raises(ContainersUnreachable, match="no name"):
        await containers.last_words(name, 1)
    with pytest.raises(ContainersUnreachable, match="no name"):
        await containers.restart(name, 1.0)
