"""Labelled containers come and go: what counts, when, and what is remembered."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from nemo_watchdog.runtime import discovery as module
from nemo_watchdog.runtime.clock import SystemClock
from nemo_watchdog.runtime.discovery import Discovery
from nemo_watchdog.testing import FakeContainers
from tests.unit.engine.world import policy
from tests.unit.runtime.shell import until
from tests.unit.runtime.whole import Daemon, quick

WEB = {"nemo-watchdog.probe": "docker"}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_EVERY", 0.02)
    monkeypatch.setattr(module, "SETTLED_AFTER", 0.01)


@pytest.fixture
def containers() -> FakeContainers:
    return FakeContainers(SystemClock())


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    return tmp_path / "labels.json"


@asynccontextmanager
async def following(discovery: Discovery) -> AsyncIterator[list[Mapping[str, object]]]:
    """What counted, each time that it changed."""
    changes: list[Mapping[str, object]] = []

    async def follow() -> None:
        while True:
            await discovery.next_change()
            changes.append(discovery.labelled)

    task = asyncio.create_task(follow())
    yield changes
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def looks(containers: FakeContainers, count: int = 3) -> None:
    """Returns after so many more questions."""
    asked = 0
    ask = containers.labels

    async def labels() -> Mapping[str, Mapping[str, str]]:
        nonlocal asked
        asked += 1
        return await ask()

    containers.labels = labels  # type: ignore[method-assign, assignment]
    await until(lambda: asked >= count)
    containers.labels = ask  # type: ignore[method-assign]


async def test_what_comes_and_goes_is_told(containers: FakeContainers, memory: Path) -> None:
    """With all of its labels; those of others are none of ours."""
    discovery = Discovery(containers, memory)
    async with following(discovery) as changes:
        containers.labels_of = {"web": WEB, "other": {"version": "2"}}
        await until(lambda: changes == [{"web": WEB}])
        containers.labels_of["job"] = {**WEB, "nemo-watchdog.tags": "core"}
        await until(lambda: len(changes) == 2)
        assert list(discovery.labelled) == ["web", "job"]
        del containers.labels_of["web"]
        await until(lambda: len(changes) == 3)
        assert list(discovery.labelled) == ["job"]


async def test_what_is_there_for_a_moment_does_not_count(
    containers: FakeContainers, memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor what is away for one: a container that is made anew."""
    monkeypatch.setattr(module, "SETTLED_AFTER", 0.0)
    answers = [{"web": WEB}, {}, {"web": WEB}, {"new-web": WEB}, {"web": WEB}]
    left = iter(answers)

    async def labels() -> Mapping[str, Mapping[str, str]]:
        return next(left, {})

    containers.labels_of = {"web": WEB}
    discovery = Discovery(containers, memory)
    await discovery.begin()
    containers.labels = labels  # type: ignore[method-assign, assignment]
    async with following(discovery) as changes:
        await until(lambda: changes)
        assert changes == [{}]


async def test_the_first_look_counts_at_once(containers: FakeContainers, memory: Path) -> None:
    """A start looks once, and what it saw is remembered for the next."""
    containers.labels_of = {"web": WEB}
    discovery = Discovery(containers, memory)
    await discovery.begin()
    assert discovery.labelled == {"web": WEB}
    assert json.loads(memory.read_text()) == {"web": WEB}
    assert memory.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("hangs", [False, True])
async def test_docker_that_does_not_answer_takes_nothing_away(
    containers: FakeContainers, memory: Path, monkeypatch: pytest.MonkeyPatch, hangs: bool
) -> None:
    """Nor from the next process; it is said once."""
    monkeypatch.setattr(module, "FIRST_LOOK_WITHIN", 0.05)
    containers.labels_of = {"web": WEB}
    await Discovery(containers, memory).begin()
    containers.hangs, containers.trouble = hangs, "" if hangs else "nobody is there"
    discovery = Discovery(containers, memory)
    with capture_logs() as lines:
        await discovery.begin()
        assert discovery.labelled == {"web": WEB}
        if not hangs:
            async with following(discovery) as changes:
                await looks(containers)
                assert not changes
            assert [line["event"] for line in lines] == ["labels not seen: those that are known count on"]


@pytest.mark.parametrize("text", ["", "[]", '{"web": 1}', "\udcff", "[" * 100_000])
async def test_a_damaged_memory_is_none(containers: FakeContainers, memory: Path, text: str) -> None:
    """It is said, and Docker is asked."""
    memory.write_text(text, encoding="utf-8", errors="surrogateescape")
    with capture_logs() as lines:
        assert Discovery(containers, memory).labelled == {}
    assert [line["event"] for line in lines] == ["remembered labels cannot be read: Docker is asked"]


async def test_a_disk_that_does_not_take_them_is_told(containers: FakeContainers, tmp_path: Path) -> None:
    """And they count."""
    containers.labels_of = {"web": WEB}
    discovery = Discovery(containers, tmp_path / "missing" / "labels.json")
    with capture_logs() as lines:
        await discovery.begin()
    assert discovery.labelled == {"web": WEB}
    assert lines[0]["event"] == "labels not remembered: the next start may not know them"


async def test_an_event_is_not_waited_for(
    containers: FakeContainers, memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A poke looks at once."""
    monkeypatch.setattr(module, "LOOK_EVERY", 3600.0)
    discovery = Discovery(containers, memory)
    async with following(discovery) as changes:
        containers.labels_of = {"web": WEB}
        discovery.poke()
        await until(lambda: changes)


async def test_labels_that_the_policy_asks_for_count(containers: FakeContainers, memory: Path) -> None:
    """From the moment on in which it does, and no others of the same container."""
    containers.labels_of = {"shop_web_1": {"app": "web", "other": "x"}}
    discovery = Discovery(containers, memory)
    await discovery.begin()
    assert discovery.labelled == {}
    async with following(discovery) as changes:
        discovery.want(frozenset({"app"}))
        await until(lambda: changes == [{"shop_web_1": {"app": "web"}}])
    again = Discovery(containers, memory)
    assert again.labelled == {"shop_web_1": {"app": "web"}}
    await again.begin(frozenset({"app"}))
    assert again.labelled == {"shop_web_1": {"app": "web"}}


async def test_the_daemon_follows_labels_while_its_policy_says_so(tmp_path: Path, quickly: None) -> None:
    """A reload for each change, as for one of a file; without `discover` nobody asks."""
    daemon = Daemon(tmp_path)
    await daemon.start()
    containers = daemon.shell.containers
    containers.labels_of = {"web": WEB}
    containers.runs("c-web")
    await asyncio.sleep(0.1)
    assert daemon.labels.labelled == {}
    daemon.next = replace(policy(quick("gateway")), discovers=True)
    daemon.supervisor.reload()
    await until(lambda: daemon.shell.core.engine.policy.discovers)
    both = policy(quick("gateway"), quick("web"))
    daemon.next = replace(both, discovers=True, discovered={"web": "c-web"}, unused_labels=("container x: no",))
    with capture_logs() as lines:
        await until(lambda: "web" in daemon.supervisor.loops)
    assert daemon.shell.metric("discovered_dependencies") == 1.0
    assert daemon.shell.metric("unused_labels") == 1.0
    assert {"event": "labels not used", "problem": "container x: no", "log_level": "warning"} in lines
    (reloaded,) = [line for line in lines if line["event"] == "policy reloaded"]
    assert reloaded["because"] == "the labels of containers changed"
    daemon.next = policy(quick("gateway"))
    daemon.supervisor.reload()
    await until(lambda: "web" not in daemon.supervisor.loops)
    assert daemon.shell.metric("discovered_dependencies") == 0.0
    await daemon.stop()
    daemon.shell.core.close()
