"""The adapter against a real Docker Engine and a real, tiny container."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest
import pytest_asyncio

from nemo_watchdog.containers import DockerContainers
from nemo_watchdog.containers.parse import parse_time
from nemo_watchdog.demo.docker_cli import docker
from nemo_watchdog.demo.images import USR_MOUNTS, ensure_image
from nemo_watchdog.engine import signals
from nemo_watchdog.errors import ContainersUnreachable
from nemo_watchdog.model import ContainerEvent, Past, Reason, RunState
from nemo_watchdog.probes.gpu.container import ContainerView
from nemo_watchdog.probes.gpu.xid_events import container_of
from nemo_watchdog.probes.shared.beside import Beside
from nemo_watchdog.runtime.container_watch import LAST_WORDS_WITHIN

LATENCY = timedelta(seconds=0.5)
"""From a death to its event; measured some 20 ms, and a busy machine is given room."""


@pytest_asyncio.fixture
async def container(docker_engine: str) -> AsyncIterator[str]:
    """The name of a running container, removed after the test."""
    name = f"nemo-test-{secrets.token_hex(4)}"
    image = await ensure_image()
    options = ("--name", name, "--label", "nemo-watchdog-test.made=1", "--network", "none", "-e", "PASSWORD=hunter2")
    await docker("run", "-d", *options, *USR_MOUNTS, image, "/bin/sh", "-c", "trap 'exit 0' TERM; sleep 600 & wait")
    yield name
    await docker("rm", "-f", name)


class Ear:
    """Keeps the events of one container, each with the UTC time at which it came."""

    def __init__(self, containers: DockerContainers, name: str) -> None:
        self.heard: list[tuple[datetime, ContainerEvent]] = []
        self.listening = asyncio.Event()
        self._more = asyncio.Condition()
        self._task = asyncio.ensure_future(self._listen(containers, name))

    async def until(self, wanted: Callable[[ContainerEvent], bool]) -> datetime:
        """The time of the first event that is wanted; a failure after 20 s."""
        async with asyncio.timeout(20), self._more:
            while True:
                for at, event in self.heard:
                    if wanted(event):
                        return at
                await self._more.wait()

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.wait({self._task})

    async def _listen(self, containers: DockerContainers, name: str) -> None:
        async with aclosing(cast("AsyncGenerator[ContainerEvent, None]", containers.events())) as events:
            async for event in events:
                if event.action == "reconnected":
                    self.listening.set()
                if event.container == name:
                    async with self._more:
                        self.heard.append((datetime.now(UTC), event))
                        self._more.notify_all()


@pytest_asyncio.fixture
async def ear(containers: DockerContainers, container: str) -> AsyncIterator[Ear]:
    ear = Ear(containers, container)
    async with asyncio.timeout(20):
        await ear.listening.wait()
    yield ear
    await ear.close()


async def test_inspect_through_a_containers_life(containers: DockerContainers, container: str) -> None:
    """Running, paused, exited and missing are what the Engine says, with the start and the exit code."""
    running = await containers.inspect(container)
    assert running.state is RunState.RUNNING
    assert running.started_at is not None
    assert abs(datetime.now(UTC) - running.started_at) < timedelta(minutes=2)
    assert running.exit_code is None
    assert running.health is None
    assert "hunter2" not in repr(running)
    await docker("pause", container)
    assert (await containers.inspect(container)).state is RunState.PAUSED
    await docker("unpause", container)
    await docker("kill", container)
    await docker("wait", container)
    killed = await containers.inspect(container)
    assert (killed.state, killed.exit_code, killed.oom_killed) == (RunState.EXITED, 137, False)
    assert killed.run == running.run
    await docker("rm", container)
    assert (await containers.inspect(container)).state is RunState.MISSING
    assert (await containers.inspect(running.container_id[:12])).state is RunState.MISSING


@pytest_asyncio.fixture
async def network(docker_engine: str) -> AsyncIterator[str]:
    """A network of one's own, removed after the test with what is on it."""
    name = f"nemo-test-{secrets.token_hex(4)}"
    await docker("network", "create", "--label", "nemo-watchdog-test.made=1", name)
    yield name
    there = await docker("ps", "-aq", "--filter", f"label=nemo-watchdog-test.network={name}")
    await docker("rm", "-f", "-v", *there.split())
    await docker("network", "rm", name)


@pytest.mark.parametrize("by", ["name", "id", "prefix", "default"])
async def test_what_was_taken_off_its_network_is_seen(containers: DockerContainers, network: str, by: str) -> None:
    """A stop takes nothing off; a disconnect does, and no restart puts it back."""
    identity = (await docker("network", "inspect", "-f", "{{.Id}}", network)).strip()
    wanted = {"name": network, "id": identity, "prefix": identity[:12], "default": "default"}[by]
    found, off = ("bridge", "bridge") if by == "default" else (network, wanted)
    container = f"{network}-one"
    options = ("--name", container, "--label", f"nemo-watchdog-test.network={network}", "--network", wanted)
    await docker("run", "-d", *options, *USR_MOUNTS, await ensure_image(), "sleep", "600")
    assert (await containers.inspect(container)).off_network == ""
    await docker("stop", "-t", "1", container)
    assert (await containers.inspect(container)).off_network == ""
    await docker("start", container)
    await docker("network", "disconnect", found, container)
    assert (await containers.inspect(container)).off_network == off
    await docker("restart", "-t", "1", container)
    assert (await containers.inspect(container)).off_network == off
    await docker("network", "connect", found, container)
    assert (await containers.inspect(container)).off_network == ""


@pytest.mark.parametrize("mode", ["none", "host", "container"])
async def test_what_has_no_network_of_its_own_was_taken_off_none(
    containers: DockerContainers, container: str, network: str, mode: str
) -> None:
    """`NetworkMode` names no network there."""
    name = f"{network}-child"
    wanted = f"container:{container}" if mode == "container" else mode
    options = ("--name", name, "--label", f"nemo-watchdog-test.network={network}", "--network", wanted)
    await docker("run", "-d", *options, *USR_MOUNTS, await ensure_image(), "sleep", "600")
    assert (await containers.inspect(name)).off_network == ""


async def test_a_stop_by_a_person_shows_as_kill_die_stop(ear: Ear, container: str) -> None:
    """`docker stop` is a kill with SIGTERM through the API, a death and a stop, in this order."""
    await docker("stop", container)
    await ear.until(lambda event: event.action == "stop")
    said = [(event.action, event.signal) for _, event in ear.heard]
    assert said[0] == ("kill", 15)
    assert [action for action, _ in said if action in {"die", "stop"}] == ["die", "stop"]


@pytest.mark.parametrize(("word", "number"), [("KILL", 9), ("SIGUSR1", 10), ("15", 15)])
async def test_a_kill_tells_its_signal(ear: Ear, container: str, word: str, number: int) -> None:
    """`docker kill` is told with the number of the signal."""
    await docker("kill", "--signal", word, container)
    await ear.until(lambda event: (event.action, event.signal) == ("kill", number))


async def test_docker_remembers_who_ended_a_container(containers: DockerContainers, container: str) -> None:
    """A stop is remembered as a signal before the end, a death by itself as an end alone; both after the start."""
    run = await containers.inspect(container)
    assert run.started_at is not None
    await docker("stop", container)
    stopped = await containers.inspect(container)
    past = Past(tuple(await containers.history(container, stopped.container_id)))
    assert [(event.action, event.signal) for event in signals.sent(stopped, past)] == [("kill", 15), ("stop", None)]
    assert signals.is_told(stopped, past)
    assert signals.is_whole(stopped, past)
    await docker("start", container)
    again = await containers.inspect(container)
    assert again.started_at is not None
    os.kill(int(await docker("inspect", "--format", "{{.State.Pid}}", container)), signal.SIGKILL)
    await docker("wait", container)
    crashed = await containers.inspect(container)
    past = Past(tuple(await containers.history(container, crashed.container_id)))
    assert signals.sent(crashed, past) == []
    assert signals.is_told(crashed, past)
    assert signals.is_whole(crashed, past)
    oldest = await containers.remembers_since()
    assert oldest is not None
    assert oldest <= min(event.at for event in past.events if event.at is not None)


async def test_a_death_is_heard_at_once(containers: DockerContainers, docker_engine: str) -> None:
    """A process that ends by itself gives `die` without `kill`, within moments of its end."""
    name = f"nemo-test-{secrets.token_hex(4)}"
    ear = Ear(containers, name)
    await ear.listening.wait()
    options = ("--name", name, "--label", "nemo-watchdog-test.made=1", "--network", "none", *USR_MOUNTS)
    await docker("run", "-d", *options, await ensure_image(), "/bin/sh", "-c", "exit 3")
    try:
        heard = await ear.until(lambda event: event.action == "die")
        ended = parse_time(await docker("inspect", "--format", "{{.State.FinishedAt}}", name))
    finally:
        await docker("rm", "-f", name)
        await ear.close()
    assert ended is not None
    assert heard - ended < LATENCY
    assert "kill" not in [event.action for _, event in ear.heard]


async def test_health_checks_are_heard_and_their_execs_are_not(
    containers: DockerContainers, docker_engine: str
) -> None:
    """The health of a container's own check comes as an event; the exec behind it does not."""
    name = f"nemo-test-{secrets.token_hex(4)}"
    ear = Ear(containers, name)
    await ear.listening.wait()
    check = (
        "--health-cmd",
        "true",
        "--health-interval",
        "0.2s",
        "--label",
        "nemo-watchdog-test.made=1",
        "--network",
        "none",
    )
    await docker("run", "-d", "--name", name, *check, *USR_MOUNTS, await ensure_image(), "/bin/sleep", "600")
    try:
        await ear.until(lambda event: event.action == "health_status: healthy")
        assert (await containers.inspect(name)).health == "healthy"
        assert [event.action for _, event in ear.heard if event.action.startswith("exec")] == []
    finally:
        await docker("rm", "-f", name)
        await ear.close()


async def test_a_process_that_nothing_interrupts_is_told_from_one_that_sleeps_or_is_stopped(
    containers: DockerContainers, container: str
) -> None:
    """The parent of a vfork waits as what waits for its disk does; what was stopped hangs."""
    stopped = "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)"
    vforked = "import ctypes, time; ctypes.CDLL(None).vfork(); time.sleep(600)"
    for script in (stopped, "import time; time.sleep(600)"):
        await docker("exec", "-d", container, "/usr/bin/python3", "-c", script)
    assert await containers.uninterruptible(container) == frozenset()
    await docker("exec", "-d", container, "/usr/bin/python3", "-c", vforked)
    async with asyncio.timeout(10):
        while len(await containers.uninterruptible(container)) != 1:
            await asyncio.sleep(0.1)
    await docker("kill", container)
    with pytest.raises(ContainersUnreachable):
        await containers.uninterruptible(container)


@pytest.mark.parametrize(
    ("command", "code"), [("exit 0", 0), ("exit 7", 7), ("yes | head -c 30000", 0), ("kill -9 $$", 137)]
)
async def test_a_command_in_a_container_gives_its_exit_code(
    containers: DockerContainers, container: str, command: str, code: int
) -> None:
    """Whatever it prints, up to 64 KiB."""
    assert await containers.execute(container, ["sh", "-c", command]) == code


async def test_a_command_that_cannot_run_gives_none_or_126(containers: DockerContainers, container: str) -> None:
    """No such program, no such container, a container that does not run."""
    assert await containers.execute(container, ["/no/such/program"]) in (None, 126, 127)
    assert await containers.execute("nemo-test-there-is-none", ["true"]) is None
    await docker("kill", container)
    assert await containers.execute(container, ["true"]) is None


async def test_a_command_that_floods_has_no_end_that_is_known(containers: DockerContainers, container: str) -> None:
    """That is no answer, and not the same as one that cannot run."""
    with pytest.raises(ContainersUnreachable, match="does not say how a command in a container ended"):
        await containers.execute(container, ["yes"])


async def test_a_command_that_hangs_is_bounded(docker_engine: str, container: str) -> None:
    """It is blindness, in time."""
    containers = DockerContainers(None, timeout=1.0)
    began = time.monotonic()
    try:
        with pytest.raises(ContainersUnreachable, match="within 1s"):
            await containers.execute(container, ["sleep", "60"])
    finally:
        await containers.close()
    assert time.monotonic() - began < 3.0


async def test_the_container_of_a_process_is_known_by_its_control_group(
    containers: DockerContainers, container: str
) -> None:
    """As the kernel and Docker of this machine write it."""
    pid = int(await docker("inspect", "--format", "{{.State.Pid}}", container))
    assert container_of(pid) == (await containers.inspect(container)).container_id


async def test_a_container_that_loses_its_gpu_is_seen_and_a_restart_gives_it_back(docker_engine: str) -> None:
    """The device is any that every machine has: what counts is that Docker gave it."""
    name = f"nemo-test-{secrets.token_hex(4)}"
    options = ("--name", name, "--label", "nemo-watchdog-test.made=1", "--network", "none")
    device = ("--device", "/dev/null:/dev/nvidiactl")
    await docker("run", "-d", *options, *device, *USR_MOUNTS, await ensure_image(), "sleep", "600")
    containers = DockerContainers(None)
    try:

        async def sees() -> Reason | None:
            finding = await view.look(Beside(10.0))
            return None if finding is None else finding.reason

        view = ContainerView(containers, name)
        assert await sees() is None
        await docker("exec", name, "rm", "/dev/nvidiactl")
        view._next = 0.0
        assert await sees() is Reason.GPU_UNAVAILABLE
        await containers.restart(name, 0.0)
        assert await sees() is None
        never = ContainerView(containers, name)
        await docker("exec", name, "rm", "/dev/nvidiactl")
        finding = await never.look(Beside(10.0))
        assert finding is not None
        assert finding.reason is Reason.WRONG_TARGET
    finally:
        await containers.close()
        await docker("rm", "-f", name)


MUCH = "yes 'a line of a long log that nobody has ever rotated' | head -c 100000000"


@pytest.mark.parametrize("driver", ["json-file", "local"])
async def test_the_last_words_of_what_has_ended(containers: DockerContainers, network: str, driver: str) -> None:
    """Its last lines, from both of its streams, with the times of their writing, however much it wrote before."""
    name = f"{network}-teller"
    options = ("--name", name, "--label", f"nemo-watchdog-test.network={network}", "--log-driver", driver)
    script = f"{MUCH}; echo; echo one; while ! [ -e /go ]; do sleep 0.1; done; echo two >&2; exit 3"
    await docker("run", "-d", *options, *USR_MOUNTS, await ensure_image(), "sh", "-c", script)
    while await docker("logs", "--tail", "1", name) != "one":
        await asyncio.sleep(0.1)  # Docker reads each stream by itself, and may be behind with one
    await docker("exec", name, "touch", "/go")
    await docker("wait", name)
    began = time.monotonic()
    told = await containers.last_words(name, 50)
    took = time.monotonic() - began
    status = await containers.inspect(name)
    assert [line.text for line in told[-2:]] == ["one", "two"]
    assert len(told) == 50
    assert status.finished_at is not None
    assert abs(status.finished_at - told[-1].at) < LATENCY  # Docker stamps a line when it reads it
    assert took < LAST_WORDS_WITHIN


async def test_a_driver_that_keeps_no_log_has_no_last_words(containers: DockerContainers, network: str) -> None:
    """Docker says so, with 501: nothing is known, and nobody has to wait for it."""
    name = f"{network}-teller"
    options = ("--name", name, "--label", f"nemo-watchdog-test.network={network}", "--log-driver", "none")
    await docker("run", "-d", *options, *USR_MOUNTS, await ensure_image(), "sh", "-c", "echo one; exit 3")
    await docker("wait", name)
    with pytest.raises(ContainersUnreachable, match="501"):
        await containers.last_words(name, 50)
