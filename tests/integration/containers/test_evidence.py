"""What is kept of real containers: one that was killed for memory, one that goes on after a kill, one with a log."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from nemo_watchdog.containers import DockerContainers
from nemo_watchdog.containers.evidence import container_questions
from nemo_watchdog.containers.memory_group import GROUPS
from nemo_watchdog.demo.docker_cli import docker
from nemo_watchdog.model import RunState
from tests.integration.small_containers import FOREVER, GREEDY, LITTLE_MEMORY, WHEN_TOLD, Run
from tests.parts import absent


async def told(containers: DockerContainers, name: str, part: str) -> str:
    asked = container_questions(containers, name)
    return await {**asked.first, **asked.beside}[part]()


async def test_one_that_was_killed_for_memory(run: Run, containers: DockerContainers) -> None:
    """Docker's own word, its limit, and what it said before its end."""
    script = f"echo loading; echo 200 MiB more >&2; {WHEN_TOLD}; exec {GREEDY}"
    name = await run(script, *LITTLE_MEMORY)
    await docker("exec", name, "touch", "/tmp/go")
    async with asyncio.timeout(30):
        while (await containers.inspect(name)).state is not RunState.EXITED:
            await asyncio.sleep(0.1)
    usage = (await told(containers, name, "usage.txt")).splitlines()
    assert "exited" in usage
    assert "killed for memory, says Docker (OOMKilled): yes" in usage
    assert "its limit of memory: 32 MiB, with swap 32 MiB" in usage
    assert [line for line in usage if line.startswith("ended at ") and line.endswith(" with exit code 137")]
    log = (await told(containers, name, "log")).splitlines()
    assert sorted(line.partition(" ")[2] for line in log) == ["200 MiB more", "loading"]
    assert json.loads(await told(containers, name, "inspect.json"))["State"]["OOMKilled"] is True
    assert "which of its processes hang in the kernel is not told" in await told(containers, name, "processes.txt")


async def test_one_that_goes_on_after_a_kill(run: Run, containers: DockerContainers) -> None:
    """Its control group knows the peak, the limit, and how often the kernel killed in it."""
    if not await asyncio.to_thread(_shows_groups):
        absent(f"no control groups of memory below {GROUPS}")
    name = await run(f"{WHEN_TOLD}; {GREEDY}; echo it was killed; {FOREVER}", *LITTLE_MEMORY)
    await docker("exec", name, "touch", "/tmp/go")
    async with asyncio.timeout(30):
        while "it was killed" not in await told(containers, name, "log"):
            await asyncio.sleep(0.1)
    usage = (await told(containers, name, "usage.txt")).splitlines()
    assert "running" in usage
    assert "its control group: peak 32 MiB of limit 32 MiB, the kernel killed in it 1 times" in usage
    (now,) = [line for line in usage if line.startswith("memory now: ")]
    assert " of 32 MiB (" in now
    processes = await told(containers, name, "processes.txt")
    assert "/bin/sh -c" in processes
    assert "hang" in processes.splitlines()[0] or "state D" in processes.splitlines()[0]


async def test_the_largest_of_this_machine(run: Run, containers: DockerContainers) -> None:
    """The one that has most is before the one that has little."""
    hungry = await run(
        'exec python3 -c \'import time; x = b"x" * (48 << 20); print("full", flush=True); time.sleep(600)\''
    )
    small = await run(FOREVER)
    async with asyncio.timeout(30):
        while "full" not in await told(containers, hungry, "log"):
            await asyncio.sleep(0.1)
    names = [line.partition(":")[0] for line in (await told(containers, small, "largest.txt")).splitlines()]
    assert len(names) <= 5
    assert hungry in names
    assert small not in names or names.index(hungry) < names.index(small)


def _shows_groups() -> bool:
    return (GROUPS / "memory" / "memory.max_usage_in_bytes").exists() or Path(GROUPS / "cgroup.controllers").exists()
