"""A container as Docker sees it, or the Docker Engine itself. A Docker that does not answer is blindness.

The look ends before its deadline: an Engine that hangs must not look like a container that does.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from time import monotonic

from nemo_watchdog.durations import duration
from nemo_watchdog.errors import ContainersUnreachable, QuestionRefused
from nemo_watchdog.model import ContainerStatus, ContainerUsage, Finding, Reason, RunState, degraded, failed, ok
from nemo_watchdog.policy.policy import Budget
from nemo_watchdog.policy.units import BudgetText, Duration, Ratio
from nemo_watchdog.ports import Containers, ProbeContext
from nemo_watchdog.probes.shared.beside import Beside
from nemo_watchdog.probes.shared.docker_refusal import refusal
from nemo_watchdog.probes.shared.options import ProbeOptions

KILLED = 137

USAGE_TAKES = 2.0
"""Seconds: an Engine samples once a second."""

PATIENCE = 0.9
"""The part of the look's timeout that Docker gets."""

OOM_TOLD_FOR = 600.0
"""Seconds for which a process that was killed for memory in a container that goes on is told."""

EXIT_CODES = {
    125: "Docker could not run it",
    126: "its command cannot be executed",
    127: "its command was not found",
    137: "killed with SIGKILL: a stop that timed out, or `kill -9`",
    139: "crashed with a segmentation fault",
    143: "ended by SIGTERM",
}
"""What Docker's exit codes say (docker run, "Exit status"; 128 + the signal's number)."""

DOWN = {
    RunState.PAUSED: Reason.PAUSED,
    RunState.RESTARTING: Reason.RESTARTING,
    RunState.REMOVING: Reason.SHUTTING_DOWN,
    RunState.CREATED: Reason.EXITED,
    RunState.MISSING: Reason.CONTAINER_MISSING,
}


class DockerOptions(ProbeOptions):
    slow_after: Duration | None = None
    """Without a container: a Docker Engine that takes longer for an answer is degraded."""
    max_memory: Ratio | None = None
    """Degraded when the container uses more than this part of its memory limit, or of the machine's memory."""
    max_cpu: Ratio | None = None
    """Degraded when it uses more than this part of the CPU that it may use, on average since the last look."""
    max_restarts: BudgetText = Budget(3, 600.0)
    """Degraded when Docker's own restart policy starts it more often than this."""


class DockerProbe:
    """Of a dependency with a container: that container. Of one without: the Engine."""

    def __init__(self, options: DockerOptions, context: ProbeContext) -> None:
        if context.containers is None:
            raise ValueError("the docker probe needs a way to Docker")
        self._options = options
        self._container = context.container
        self._containers: Containers = context.containers
        self._timeout = context.timeout
        self._patience = context.timeout * PATIENCE
        self._restarts: list[tuple[float, int]] = []
        self._run: object = None
        self._asked: datetime | None = None
        self._oom_at: float | None = None
        self._cpu: tuple[float, float] | None = None

    async def look(self) -> Finding:
        beside = Beside(self._timeout)
        try:
            async with asyncio.timeout(self._patience):
                if self._container is None:
                    return await self._look_at_the_engine()
                status = await self._containers.inspect(self._container)
        except TimeoutError:
            return failed(Reason.DOCKER_UNREACHABLE, f"Docker did not answer within {duration(self._patience)}")
        except QuestionRefused as error:
            return refusal(error)
        except ContainersUnreachable as error:
            return failed(Reason.DOCKER_UNREACHABLE, str(error))
        return await self._judge(self._container, status, beside)

    async def close(self) -> None:
        """The way to Docker is not ours to close."""

    async def _look_at_the_engine(self) -> Finding:
        began = monotonic()
        await self._containers.ping()
        took = monotonic() - began
        measured = {"docker_ping_seconds": took}
        limit = self._options.slow_after
        if limit is not None and took > limit:
            return degraded(Reason.SLOW, f"Docker answered after {duration(took)}", measured)
        return ok("Docker answers", measured)

    async def _judge(self, container: str, status: ContainerStatus, beside: Beside) -> Finding:
        if status.state in {RunState.EXITED, RunState.DEAD}:
            return _ended(status)
        if (reason := DOWN.get(status.state)) is not None:
            return failed(reason, status.detail or f"the container is {status.state}")
        measured = {"container_restarts": float(status.restarts)}
        if status.health == "unhealthy":
            return failed(Reason.UNHEALTHY, "its HEALTHCHECK calls it unhealthy", measured)
        if status.health == "starting":
            return failed(Reason.STARTING, "its HEALTHCHECK has not passed yet", measured)
        if status.run != self._run:
            self._run, self._asked, self._oom_at, self._cpu = status.run, status.started_at, None, None
        if await self._killed_for_memory(container, status, beside):
            return degraded(
                Reason.MEMORY_HIGH, "a process in it was killed for memory; the container goes on", measured
            )
        if trouble := self._restart_loop(status):
            return degraded(Reason.RESTART_LOOP, trouble, measured)
        if self._options.max_memory is None and self._options.max_cpu is None:
            return ok("the container runs", measured)
        usage = await beside.ask(self._containers.usage(container), USAGE_TAKES)
        if usage is None:
            return ok("the container runs; Docker does not tell what it uses", measured)
        return self._judge_usage(status, usage, measured)

    async def _killed_for_memory(self, container: str, status: ContainerStatus, beside: Beside) -> bool:
        """Lately, a process in a container that goes on. Some Engines set the flag for it, all send the event."""
        now, since = datetime.now(UTC), self._asked
        if since is not None:
            past = await beside.ask(self._containers.history(container, status.container_id))
            lately = [event for event in past or () if event.at is None or event.at >= since]
            if (status.oom_killed and self._oom_at is None) or any(event.action == "oom" for event in lately):
                self._oom_at = monotonic()
            self._asked = since if past is None else now
        return self._oom_at is not None and monotonic() - self._oom_at < OOM_TOLD_FOR

    def _restart_loop(self, status: ContainerStatus) -> str | None:
        now, allowed = monotonic(), self._options.max_restarts
        if self._restarts and status.restarts < self._restarts[-1][1]:
            self._restarts = []  # an order to restart, or a new container, counts from 0 again
        recent = [(at, count) for at, count in self._restarts if now - at < allowed.window]
        self._restarts = [*recent, (now, status.restarts)]
        grown = status.restarts - self._restarts[0][1]
        if grown > allowed.count:
            return f"Docker has restarted it {grown} times in {duration(now - self._restarts[0][0])}"
        return None

    def _judge_usage(self, status: ContainerStatus, usage: ContainerUsage, measured: dict[str, float]) -> Finding:
        memory = usage.memory / usage.memory_limit if usage.memory_limit else 0.0
        measured |= {"container_memory_bytes": usage.memory, "container_memory_used_ratio": memory}
        cpu = self._cpu_share(status, usage)
        if cpu is not None:
            measured["container_cpu_used_ratio"] = cpu
        if self._options.max_memory is not None and memory > self._options.max_memory:
            return degraded(Reason.MEMORY_HIGH, f"it uses {memory:.0%} of its memory", measured)
        if self._options.max_cpu is not None and cpu is not None and cpu > self._options.max_cpu:
            return degraded(Reason.CPU_HIGH, f"it uses {cpu:.0%} of the CPU that it may use", measured)
        return ok("the container runs", measured)

    def _cpu_share(self, status: ContainerStatus, usage: ContainerUsage) -> float | None:
        """None at the first look of a run: a share needs two samples."""
        now, before = monotonic(), self._cpu
        self._cpu = (now, usage.cpu)
        if before is None or now <= before[0]:
            return None
        return (usage.cpu - before[1]) / (now - before[0]) / (status.cpus or usage.online_cpus)


def _ended(status: ContainerStatus) -> Finding:
    if status.oom_killed and status.exit_code == KILLED:  # the flag is set when a child died, too
        return failed(Reason.OOM_KILLED, "the container was killed for memory")
    said = EXIT_CODES.get(status.exit_code or 0)
    code = "" if status.exit_code is None else f" with code {status.exit_code}"
    return failed(Reason.EXITED, f"the container {status.state}{code}" + (f": {said}" if said else ""))
