"""What is kept of a container, in each of the states that it may be in, and of a Docker that tells only some of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from nemo_watchdog.containers import evidence, memory_group
from nemo_watchdog.containers.evidence import container_questions
from nemo_watchdog.containers.memory_group import Memory, memory_of
from nemo_watchdog.errors import ContainersUnreachable, QuestionRefused
from nemo_watchdog.model import ContainerUsage, LogLine
from nemo_watchdog.runtime.clock import SystemClock
from nemo_watchdog.testing.fakes import HANG, FakeContainers
from tests.unit.containers.fake_docker import CONTAINER_ID, inspected

MIB = 1 << 20
USED = ContainerUsage(30 * MIB, 32 * MIB, 75.0, 2, disk=5 * MIB, sent=3 << 10)


@pytest.fixture
def containers() -> FakeContainers:
    made = FakeContainers(SystemClock(), ["redis"])
    made.inspections["redis"] = inspected() | {"HostConfig": {"Memory": 32 * MIB, "MemorySwap": 64 * MIB}}
    made.usages["redis"] = USED
    return made


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A /sys/fs/cgroup that is empty."""
    monkeypatch.setattr(memory_group, "GROUPS", tmp_path)
    return tmp_path


def write(folder: Path, files: Mapping[str, str]) -> None:
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / name).write_text(text)


async def told(containers: FakeContainers, part: str) -> str:
    asked = container_questions(containers, "redis")
    assert (set(asked.first), set(asked.beside)) == (
        {"log", "inspect.json", "processes.txt"},
        {"usage.txt", "largest.txt"},
    )
    return await {**asked.first, **asked.beside}[part]()


def line(text: str, ago: float, end: datetime | None = None) -> LogLine:
    return LogLine((end or datetime.now(UTC)) - timedelta(seconds=ago), text)


async def test_the_log_is_its_last_minutes_with_dockers_times(containers: FakeContainers) -> None:
    """Of the last hundred lines those of ten minutes; a line is data."""
    containers.logs["redis"] = [line("old", 601), *(line(f"line {number}", 5) for number in range(150))]
    containers.logs["redis"][-1] = line("\x1b[2Jready\r" + "x" * 3000, 1)
    lines = (await told(containers, "log")).splitlines()
    assert [each.partition(" ")[2] for each in lines[:-1]] == [f"line {number}" for number in range(50, 149)]
    at, _, text = lines[-1].partition(" ")
    assert abs(datetime.strptime(at, "%Y-%m-%dT%H:%M:%S.%f%z") - datetime.now(UTC)) < timedelta(minutes=1)
    assert text.startswith("\\x1b[2Jready\\rxxx")
    assert text.endswith("x…")


async def test_of_one_that_has_ended_its_end_counts(containers: FakeContainers) -> None:
    """However long ago that was; and what Docker dates after its end is there too."""
    end = datetime(2026, 3, 1, 12, tzinfo=UTC)
    containers.exit("redis")
    containers.statuses["redis"] = replace(containers.statuses["redis"], finished_at=end)
    words = [line("too old", 601, end), line("old", 599, end), line("last words", 0.5, end), line("late", -1, end)]
    containers.logs["redis"] = words
    assert (await told(containers, "log")).splitlines() == [
        "2026-03-01T11:50:01.000Z old",
        "2026-03-01T11:59:59.500Z last words",
        "2026-03-01T12:00:01.000Z late",
    ]
    containers.logs["redis"] = words[:1]
    assert await told(containers, "log") == (
        "it wrote nothing in the 10m before its end; its last line is of 2026-03-01T11:49:59.000Z"
    )
    containers.logs["redis"] = []
    assert await told(containers, "log") == "it wrote nothing in the 10m before its end, or ever"


async def test_the_inspect_is_whole(containers: FakeContainers) -> None:
    """Who keeps it leaves out what is secret by its name."""
    assert json.loads(await told(containers, "inspect.json")) == containers.inspections["redis"]
    assert '\n  "Config": {\n' in await told(containers, "inspect.json")


async def test_usage_of_one_that_runs(containers: FakeContainers, groups: Path) -> None:
    write(
        groups / "system.slice" / f"docker-{CONTAINER_ID}.scope",
        {"memory.peak": f"{32 * MIB}\n", "memory.max": f"{32 * MIB}\n", "memory.events": "low 0\noom 4\noom_kill 3\n"},
    )
    assert (await told(containers, "usage.txt")).splitlines() == [
        "running",
        "started at 2026-03-01T12:00:00.123Z",
        "killed for memory, says Docker (OOMKilled): no",
        "started again by its restart policy: 0 times",
        "its limit of memory: 32 MiB, with swap 64 MiB",
        "memory now: 30 MiB of 32 MiB (94%)",
        "1m15s of CPU time since its start, 2 cores",
        "disk 5 MiB read and written, network 3 KiB sent",
        "its control group: peak 32 MiB of limit 32 MiB, the kernel killed in it 3 times",
    ]


async def test_usage_of_one_that_has_ended(containers: FakeContainers) -> None:
    """Its group is gone; Docker's own word is left."""
    ended = {"Status": "exited", "ExitCode": 137, "OOMKilled": True, "FinishedAt": "2026-03-01T13:00:00Z"}
    containers.inspections["redis"] = inspected(**ended, Error="a\nb") | {"RestartCount": 2}
    assert (await told(containers, "usage.txt")).splitlines() == [
        "exited",
        "started at 2026-03-01T12:00:00.123Z",
        "ended at 2026-03-01T13:00:00.000Z with exit code 137",
        "Docker's error: a b",
        "killed for memory, says Docker (OOMKilled): yes",
        "started again by its restart policy: 2 times",
        "its limit of memory: none",
        "it does not run: the kernel keeps no figures of it",
    ]


async def test_usage_that_is_not_told(containers: FakeContainers, groups: Path) -> None:
    """Each figure is left out by itself."""
    del containers.usages["redis"]
    lines = (await told(containers, "usage.txt")).splitlines()
    assert lines[-2:] == ["what it uses now is not told", "its control group cannot be read below /sys/fs/cgroup"]
    containers.inspections["redis"] = {}
    assert await told(containers, "usage.txt") == "what Docker tells is no container's inspect"


OF_FIRST = {
    "memory.max_usage_in_bytes": "100\n",
    "memory.limit_in_bytes": "200\n",
    "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n",
}


@pytest.mark.parametrize(
    ("folder", "parent", "files", "expected"),
    [
        (f"memory/docker/{CONTAINER_ID}", "", OF_FIRST, Memory(100, 200, 1)),
        (f"memory/system.slice/docker-{CONTAINER_ID}.scope", "", OF_FIRST, Memory(100, 200, 1)),
        (
            f"memory/docker/{CONTAINER_ID}",
            "",
            {"memory.max_usage_in_bytes": "100", "memory.limit_in_bytes": str((1 << 63) - 4096)},
            Memory(100, None, None),
        ),
        (f"docker/{CONTAINER_ID}", "", {"memory.events": "oom_kill 0\n", "memory.max": "max\n"}, Memory(None, None, 0)),
        (f"pods/one/{CONTAINER_ID}", "/pods/one", {"memory.events": "max 3\n"}, Memory(None, None, None)),
        (
            f"a.slice/a-b.slice/docker-{CONTAINER_ID}.scope",
            "a-b.slice",
            {"memory.events": "oom_kill 2\n", "memory.peak": "7"},
            Memory(7, None, 2),
        ),
        (f"docker/{CONTAINER_ID}", "elsewhere", OF_FIRST, None),
    ],
)
def test_where_the_kernel_keeps_it(
    folder: str, parent: str, files: Mapping[str, str], expected: Memory | None, groups: Path
) -> None:
    """Control groups of both versions, made by Docker or by systemd, below a parent of the operator's."""
    write(groups / folder, files)
    assert memory_of(CONTAINER_ID, parent) == expected


@pytest.mark.parametrize(("container_id", "parent"), [("../../etc", ""), ("", ""), (CONTAINER_ID, "../../etc")])
def test_no_other_file_is_read(container_id: str, parent: str, groups: Path) -> None:
    write(groups / "docker", OF_FIRST)
    assert memory_of(container_id, parent) is None


async def test_processes(containers: FakeContainers) -> None:
    containers.process_titles["redis"] = ["redis-server *:6379", "sh -c \x1b[2J"]
    assert await told(containers, "processes.txt") == (
        "none of its processes hangs in the kernel\nredis-server *:6379\nsh -c \\x1b[2J"
    )
    containers.waits["redis"] = frozenset({42, 7})
    assert (await told(containers, "processes.txt")).startswith(
        "in the kernel, and nothing interrupts them (state D): 7, 42\n"
    )


async def test_titles_that_hang_cost_only_themselves(
    containers: FakeContainers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are in the memory of the processes, and one that hangs may hold that."""
    monkeypatch.setattr(evidence, "_FOR_A_PART", 0.1)
    containers.waits["redis"] = frozenset({7})
    containers.hangs = True
    assert await told(containers, "processes.txt") == (
        "in the kernel, and nothing interrupts them (state D): 7\n"
        "its processes were not told within 100ms, or do not run"
    )


async def test_processes_of_one_that_does_not_run(containers: FakeContainers, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refused(name: str) -> Any:
        raise QuestionRefused(409, f"Container {name} is not running", "processes")

    monkeypatch.setattr(containers, "uninterruptible", refused)
    monkeypatch.setattr(containers, "titles", refused)
    lines = (await told(containers, "processes.txt")).splitlines()
    assert lines[0] == "which of its processes hang in the kernel is not told"


async def test_the_largest_containers(containers: FakeContainers) -> None:
    for number in range(8):
        containers.usages[f"app-{number}"] = replace(USED, memory=number * MIB)
    lines = (await told(containers, "largest.txt")).splitlines()
    assert lines[:2] == [
        "redis: 30 MiB of 32 MiB (94%), 1m15s of CPU time",
        "app-7: 7 MiB of 32 MiB (22%), 1m15s of CPU time",
    ]
    assert len(lines) == 5
    containers.usages.clear()
    assert await told(containers, "largest.txt") == "no container runs"


@pytest.mark.parametrize("part", ["log", "inspect.json", "usage.txt", "largest.txt"])
async def test_a_docker_that_does_not_answer_is_raised(containers: FakeContainers, part: str) -> None:
    """Who keeps it writes down that it is missing, and why."""
    containers.trouble = "Docker does not answer"
    with pytest.raises(ContainersUnreachable, match="Docker does not answer"):
        await told(containers, part)


@pytest.mark.parametrize("part", ["log", "inspect.json", "usage.txt", "processes.txt", "largest.txt"])
async def test_cancelled_it_leaves_no_task(containers: FakeContainers, part: str) -> None:
    containers.hangs, containers.log_ends = True, HANG
    before = asyncio.all_tasks()
    asking = asyncio.ensure_future(told(containers, part))
    for _ in range(3):
        await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before
