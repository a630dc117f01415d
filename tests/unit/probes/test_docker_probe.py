"""The docker probe: a container as Docker tells of it, and a Docker that does not tell."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from nemo_watchdog.model import Category, ContainerUsage, Finding, Outcome, Reason, RunState
from nemo_watchdog.ports import ProbeContext
from nemo_watchdog.probes import docker as module
from nemo_watchdog.probes.docker import DockerOptions, DockerProbe
from nemo_watchdog.testing import FakeContainers, ManualClock

GIB = float(1 << 30)


class Clock:
    """The probe's monotonic clock, moved by the test."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(module, "monotonic", made)
    return made


@pytest.fixture
def containers() -> FakeContainers:
    return FakeContainers(ManualClock(), ["it"])


def probe(
    containers: FakeContainers, container: str | None = "it", timeout: float = 2.0, **options: Any
) -> DockerProbe:
    checked = DockerOptions.model_validate(options)
    return DockerProbe(checked, ProbeContext("it", timeout, 10.0, container, containers))


async def look(containers: FakeContainers, **change: Any) -> Finding:
    containers.statuses["it"] = replace(containers.statuses["it"], **change)
    return await probe(containers).look()


@pytest.mark.parametrize(
    ("change", "reason", "said"),
    [
        ({"state": RunState.EXITED, "exit_code": 1}, Reason.EXITED, "with code 1"),
        ({"state": RunState.EXITED, "exit_code": 127}, Reason.EXITED, "not found"),
        ({"state": RunState.EXITED, "exit_code": 137}, Reason.EXITED, "SIGKILL"),
        ({"state": RunState.EXITED, "exit_code": 139}, Reason.EXITED, "segmentation"),
        ({"state": RunState.EXITED, "exit_code": 143}, Reason.EXITED, "SIGTERM"),
        ({"state": RunState.DEAD}, Reason.EXITED, "dead"),
        ({"state": RunState.EXITED, "exit_code": 137, "oom_killed": True}, Reason.OOM_KILLED, "memory"),
        ({"state": RunState.PAUSED}, Reason.PAUSED, "paused"),
        ({"state": RunState.RESTARTING}, Reason.RESTARTING, "restarting"),
        ({"state": RunState.REMOVING}, Reason.SHUTTING_DOWN, "removing"),
        ({"state": RunState.CREATED}, Reason.EXITED, "created"),
        ({"health": "unhealthy"}, Reason.UNHEALTHY, "HEALTHCHECK"),
        ({"health": "starting"}, Reason.STARTING, "HEALTHCHECK"),
    ],
)
async def test_each_state_has_its_reason(
    containers: FakeContainers, change: dict[str, Any], reason: Reason, said: str
) -> None:
    """What Docker says of a container becomes a failed look with a line for people."""
    finding = await look(containers, **change)
    assert (finding.outcome, finding.reason) == (Outcome.FAILED, reason)
    assert said in finding.detail


@pytest.mark.parametrize("health", [None, "healthy"])
async def test_a_container_that_runs_is_well(containers: FakeContainers, health: str | None) -> None:
    """With or without a HEALTHCHECK of its own."""
    assert (await look(containers, health=health)).outcome is Outcome.OK


async def test_a_missing_container_is_blindness(containers: FakeContainers) -> None:
    """There is nothing to judge."""
    finding = await probe(containers, "gone").look()
    assert finding.reason is Reason.CONTAINER_MISSING
    assert finding.reason.category is Category.BLIND


@pytest.mark.parametrize("container", ["it", None], ids=["a container", "the Engine"])
@pytest.mark.parametrize("how", ["trouble", "hangs"])
async def test_a_docker_that_does_not_answer_is_blindness_before_the_deadline(
    containers: FakeContainers, container: str | None, how: str
) -> None:
    """A hanging Engine never looks like a container that hangs, which a restart may be tried on."""
    containers.trouble = "no answer" if how == "trouble" else ""
    containers.hangs = how == "hangs"
    finding = await probe(containers, container, timeout=0.1).look()
    assert finding.reason is Reason.DOCKER_UNREACHABLE
    assert finding.reason.category is Category.BLIND


async def test_an_engine_that_is_slow_is_degraded(containers: FakeContainers, clock: Clock) -> None:
    """Its latency is measured, and too much of it is told."""

    async def slow() -> None:
        clock.now += 0.8

    containers.ping = slow  # type: ignore[method-assign]
    finding = await probe(containers, None, slow_after="500ms").look()
    assert (finding.outcome, finding.reason) == (Outcome.DEGRADED, Reason.SLOW)
    assert finding.measurements["docker_ping_seconds"] == pytest.approx(0.8)
    assert (await probe(containers, None, slow_after="1s").look()).outcome is Outcome.OK


async def test_docker_restarting_it_again_and_again_is_told(containers: FakeContainers, clock: Clock) -> None:
    """More restarts by Docker's own policy in the window than accepted; it ends when the window has moved on."""
    watching = probe(containers, max_restarts="3 per 10m")
    found = []
    for count in range(6):
        containers.statuses["it"] = replace(containers.statuses["it"], restarts=count)
        found.append((await watching.look()).reason)
        clock.now += 60.0
    assert found == [None, None, None, None, Reason.RESTART_LOOP, Reason.RESTART_LOOP]
    assert Reason.RESTART_LOOP.category is not Category.FAULT
    clock.now += 600.0
    assert (await watching.look()).outcome is Outcome.OK


async def test_an_order_to_restart_begins_the_count_anew(containers: FakeContainers, clock: Clock) -> None:
    """RestartCount falls back to 0 then."""
    watching = probe(containers, max_restarts="1 per 10m")
    for count in (5, 0, 1):
        containers.statuses["it"] = replace(containers.statuses["it"], restarts=count)
        assert (await watching.look()).outcome is Outcome.OK


@pytest.mark.parametrize("by", ["flag", "event"])
async def test_a_child_killed_for_memory_is_told_for_a_while(containers: FakeContainers, clock: Clock, by: str) -> None:
    """The container goes on without one of its processes; Docker's flag stays up until the next start."""
    watching = probe(containers)
    if by == "flag":
        containers.statuses["it"] = replace(containers.statuses["it"], oom_killed=True)
    else:
        containers.tell("it", "oom")
    finding = await watching.look()
    assert (finding.outcome, finding.reason) == (Outcome.DEGRADED, Reason.MEMORY_HIGH)
    clock.now += module.OOM_TOLD_FOR
    assert (await watching.look()).outcome is Outcome.OK


async def test_memory_against_the_limit(containers: FakeContainers) -> None:
    """As `docker stats` shows it."""
    containers.usages["it"] = ContainerUsage(0.9 * GIB, GIB, 0.0, 4)
    finding = await probe(containers, max_memory="80%").look()
    assert (finding.outcome, finding.reason) == (Outcome.DEGRADED, Reason.MEMORY_HIGH)
    assert finding.measurements["container_memory_used_ratio"] == pytest.approx(0.9)
    assert (await probe(containers, max_memory="95%").look()).outcome is Outcome.OK


@pytest.mark.parametrize(("cpus", "outcome"), [(1.0, Outcome.DEGRADED), (None, Outcome.OK)])
async def test_cpu_against_the_limit(
    containers: FakeContainers, clock: Clock, cpus: float | None, outcome: Outcome
) -> None:
    """The mean since the last look, by the cores that it may use; all of the machine's without a limit."""
    watching = probe(containers, max_cpu="80%")
    containers.statuses["it"] = replace(containers.statuses["it"], cpus=cpus)
    containers.usages["it"] = ContainerUsage(0.0, GIB, 100.0, 4)
    assert (await watching.look()).outcome is Outcome.OK
    clock.now += 10.0
    containers.usages["it"] = ContainerUsage(0.0, GIB, 109.0, 4)
    assert (await watching.look()).outcome is outcome


async def test_it_needs_a_way_to_docker() -> None:
    """Without one it cannot be made."""
    with pytest.raises(ValueError, match="way to Docker"):
        DockerProbe(DockerOptions(), ProbeContext("it", 2.0, 10.0))
