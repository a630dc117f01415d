"""The docker and log probes against a real Engine: every row of their pages that a real container can show."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import time

import pytest

from nemo_watchdog.containers import DockerContainers
from nemo_watchdog.demo.docker_cli import docker
from nemo_watchdog.model import Finding, Outcome, Reason
from nemo_watchdog.ports import Probe, ProbeContext
from nemo_watchdog.probes import PROBES
from tests.integration.small_containers import FOREVER, GREEDY, LITTLE_MEMORY, WHEN_TOLD, Run


def probe(containers: DockerContainers, kind: str, container: str | None, **options: object) -> Probe:
    entry = PROBES[kind]
    return entry.make(entry.options.model_validate(options), ProbeContext("it", 5.0, 1.0, container, containers))


async def until(watching: Probe, reason: Reason | None, within: float = 20.0) -> Finding:
    """Looks again and again until it says this."""
    async with asyncio.timeout(within):
        while (finding := await watching.look()).reason is not reason:
            await asyncio.sleep(0.1)
    return finding


async def test_the_engine_answers(containers: DockerContainers) -> None:
    """Its latency is measured."""
    finding = await probe(containers, "docker", None).look()
    assert finding.outcome is Outcome.OK
    assert 0.0 < finding.measurements["docker_ping_seconds"] < 5.0


@pytest.mark.parametrize(("script", "said"), [("exit 3", "code 3"), ("no-such-command", "not found")])
async def test_an_exit_tells_its_code(run: Run, containers: DockerContainers, script: str, said: str) -> None:
    """With what Docker's codes mean."""
    finding = await until(probe(containers, "docker", await run(script)), Reason.EXITED)
    assert said in finding.detail


async def test_killed_by_a_signal(run: Run, containers: DockerContainers) -> None:
    """137 is SIGKILL, which is not yet a lack of memory."""
    name = await run(FOREVER)
    os.kill(int(await docker("inspect", "--format", "{{.State.Pid}}", name)), signal.SIGKILL)
    finding = await until(probe(containers, "docker", name), Reason.EXITED)
    assert "SIGKILL" in finding.detail


async def test_killed_for_memory(run: Run, containers: DockerContainers) -> None:
    """The kernel ends what asks for more than the limit, and Docker says so."""
    name = await run(f"{WHEN_TOLD}; exec {GREEDY}", *LITTLE_MEMORY)
    await docker("exec", name, "touch", "/tmp/go")
    await until(probe(containers, "docker", name), Reason.OOM_KILLED)


async def test_a_child_killed_for_memory(run: Run, containers: DockerContainers) -> None:
    """The container goes on without the child, and that is told."""
    name = await run(f"{WHEN_TOLD}; {GREEDY}; {FOREVER}", *LITTLE_MEMORY)
    await docker("exec", name, "touch", "/tmp/go")
    finding = await until(probe(containers, "docker", name), Reason.MEMORY_HIGH)
    assert finding.outcome is Outcome.DEGRADED


async def test_paused_and_unpaused(run: Run, containers: DockerContainers) -> None:
    """A paused container serves nothing."""
    name = await run(FOREVER)
    watching = probe(containers, "docker", name)
    await docker("pause", name)
    await until(watching, Reason.PAUSED)
    await docker("unpause", name)
    await until(watching, None)


async def test_the_images_own_health_check(run: Run, containers: DockerContainers) -> None:
    """Starting, then healthy, then unhealthy as its command goes."""
    check = ("--health-cmd", "test -e /tmp/well", "--health-interval", "0.3s", "--health-retries", "2")
    name = await run(FOREVER, *check, "--health-start-period", "30s")
    watching = probe(containers, "docker", name)
    await until(watching, Reason.STARTING)
    await docker("exec", name, "touch", "/tmp/well")
    await until(watching, None)
    await docker("exec", name, "rm", "/tmp/well")
    await until(watching, Reason.UNHEALTHY)


async def test_docker_starts_it_again_and_again(run: Run, containers: DockerContainers) -> None:
    """Docker's own restart policy at work, and then too much at work."""
    watching = probe(
        containers, "docker", await run("sleep 0.3; exit 1", "--restart", "always"), max_restarts="2 per 10m"
    )
    seen = set()
    async with asyncio.timeout(40.0):
        while Reason.RESTART_LOOP not in seen:
            seen.add((await watching.look()).reason)
            await asyncio.sleep(0.05)
    assert Reason.EXITED not in seen


async def test_usage_against_the_limits(run: Run, containers: DockerContainers) -> None:
    """A loop that takes all of its fifth of a core, and memory by the limit; a busy machine has so much for it."""
    name = await run("while :; do :; done", "--cpu-period", "20000", "--cpu-quota", "4000", "--memory", "64m")
    watching = probe(containers, "docker", name, max_cpu="60%", max_memory="90%")
    finding = await until(watching, Reason.CPU_HIGH)
    assert 0.0 < finding.measurements["container_memory_used_ratio"] < 0.9
    assert 0.6 < finding.measurements["container_cpu_used_ratio"] < 1.3
    assert (await probe(containers, "docker", name, max_memory="0.01%").look()).reason is Reason.MEMORY_HIGH


async def test_missing(containers: DockerContainers, docker_engine: str) -> None:
    """A name that Docker does not know is blindness."""
    finding = await probe(containers, "docker", f"nemo-test-{secrets.token_hex(4)}").look()
    assert finding.reason is Reason.CONTAINER_MISSING


@pytest.mark.parametrize("options", [(), ("--tty",)], ids=["pipes", "terminal"])
async def test_lines_of_a_log(run: Run, containers: DockerContainers, options: tuple[str, ...]) -> None:
    """Both streams, with and without a terminal; what was written before the first look is old."""
    script = "echo panic: old; while [ ! -e /tmp/go ]; do sleep 0.1; done; echo fine; echo panic: new >&2; sleep 600"
    name = await run(script, *options)
    watching = probe(containers, "log", name, pattern="^panic", category="fault", alarm_at="1 per 10m")
    async with asyncio.timeout(20.0):
        while "old" not in await docker("logs", name):
            await asyncio.sleep(0.05)
    assert (await watching.look()).outcome is Outcome.OK
    await docker("exec", name, "touch", "/tmp/go")
    finding = await until(watching, Reason.REPORTED_FAULT)
    assert finding.measurements["log_matching_lines"] == 1.0
    assert "new" not in finding.detail


def cpu_of_counting() -> float:
    """Seconds that counting to five million takes: by it a look is measured, for machines and hours differ."""
    began = time.process_time()
    sum(range(5_000_000))
    return time.process_time() - began


@pytest.mark.parametrize("line", ["x", "y" * 2000, "z" * 20_000], ids=["tiny", "long", "longer-than-docker-takes"])
async def test_a_container_that_writes_without_end(run: Run, containers: DockerContainers, line: str) -> None:
    """It takes next to nothing from the loop that all looks share, and its newest lines are judged, not Docker."""
    script = f"line={line}; while :; do for n in 1 2 3 4 5 6 7 8 9; do echo $line; done; echo panic; done"
    name = await run(script, "--cpus", "0.3", "--log-opt", "max-size=5m", "--log-opt", "max-file=2")
    watching = probe(containers, "log", name, pattern="^panic", category="fault", alarm_at="3 per 1m")
    await watching.look()
    costs = []
    for _ in range(3):
        await asyncio.sleep(2.0)
        counting = cpu_of_counting()
        cpu = time.process_time()
        finding = await watching.look()
        assert finding.reason is Reason.REPORTED_FAULT, finding
        costs.append((time.process_time() - cpu) / counting)
    assert min(costs) < 3.0, costs  # what else runs on the machine makes a look dearer, and never cheaper


async def test_the_log_of_a_container_that_is_not_there(run: Run, containers: DockerContainers) -> None:
    """Never, and no more: Docker answers, so it is not unreachable. Named anew, it is read again."""
    name = await run(FOREVER)
    watching = probe(containers, "log", name, pattern="x")
    assert (await watching.look()).outcome is Outcome.OK
    await docker("rename", name, f"{name}-away")
    try:
        for each in (watching, probe(containers, "log", f"nemo-test-{secrets.token_hex(4)}", pattern="x")):
            finding = await each.look()
            assert finding.reason is Reason.CONTAINER_MISSING
            assert "No such container" in finding.detail
    finally:
        await docker("rename", f"{name}-away", name)
    assert (await watching.look()).outcome is Outcome.OK


async def test_a_log_that_docker_does_not_keep(run: Run, containers: DockerContainers) -> None:
    """The log driver `none`: the policy names a probe that cannot see here, and is told what to do."""
    name = await run(FOREVER, "--log-driver", "none")
    finding = await probe(containers, "log", name, pattern="x").look()
    assert finding.reason is Reason.WRONG_TARGET
    assert "log driver that Docker can read" in finding.detail
