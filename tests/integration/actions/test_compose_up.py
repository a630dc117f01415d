"""`compose.up` with a real Compose, a real Docker Engine and a project of tiny containers."""

from __future__ import annotations

import asyncio
import json
import secrets
import socket
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest_asyncio

from nemo_watchdog.actions.compose.up import KIND, UpOptions, lacks
from nemo_watchdog.containers import DockerContainers
from nemo_watchdog.demo.docker_cli import DockerError, command, docker
from nemo_watchdog.model import ActionOutcome, ActionRequest, ActionResult, ContainerStatus, RunState, Target
from nemo_watchdog.ports import ActionContext, Subject
from nemo_watchdog.testing.servers import free_port
from tests.integration.compose_service import IDLE, WORKER, service
from tests.integration.daemon import Daemon
from tests.parts import need

STUBBORN = "trap '' TERM; while :; do sleep 1; done"


@dataclass
class Project:
    """Its file has `web`, which the tests change, and `db`, which nothing may touch."""

    folder: Path
    name: str = field(default_factory=lambda: f"nemotest{secrets.token_hex(4)}")

    @property
    def file(self) -> Path:
        return self.folder / "docker-compose.yml"

    @property
    def jobs(self) -> Path:
        return self.folder / "jobs"

    def write(self, script: str = WORKER, **web: Any) -> None:
        self.jobs.mkdir(exist_ok=True)
        services = {"web": {**service(script, self.jobs), **web}, "db": service(IDLE, self.jobs)}
        self.file.write_text(json.dumps({"version": "2.4", "services": services}), encoding="utf-8")

    async def compose(self, *words: str) -> None:
        await command(need("docker-compose"), "-p", self.name, "-f", str(self.file), *words)

    def give(self, *names: str) -> None:
        for name in names:
            (self.jobs / f"{name}.waiting").touch()

    async def taken(self, count: int) -> None:
        """Returns when so many jobs are being worked at."""
        async with asyncio.timeout(30.0):
            while len(list(self.jobs.glob("*.taken"))) < count:
                await asyncio.sleep(0.05)

    async def up(
        self,
        containers: DockerContainers,
        *,
        reason: str = "timeout",
        docker_host: str = "",
        watched: Iterable[str] = (),
        within: float = 60.0,
        **options: Any,
    ) -> ActionResult:
        given = {"file": str(self.file), "project": self.name, "service": "web", **options}
        checked = KIND.options.model_validate(given)
        target = Target(KIND.target_kind, KIND.target(checked, Subject("web")))
        context = ActionContext(containers, watches=frozenset(watched).__contains__, docker_host=docker_host)
        request = ActionRequest("a-1", "i-1", "web", "compose.up", target, checked, None, within, reason=reason)
        return await KIND.make(context).run(request)

    async def replicas(self, containers: DockerContainers, service: str = "web") -> dict[str, ContainerStatus]:
        labels = await containers.labels(never_started=True)
        own = (self.name, service)
        names = sorted(
            name
            for name, each in labels.items()
            if (each.get("com.docker.compose.project"), each.get("com.docker.compose.service")) == own
        )
        return {name: await containers.inspect(name) for name in names}


@pytest_asyncio.fixture
async def project(docker_engine: str, containers: DockerContainers, tmp_path: Path) -> AsyncIterator[Project]:
    """Both services run. Whatever a test does to `web`, `db` is the same container in the same run at its end."""
    need("docker-compose")
    made = Project(tmp_path)
    made.write()
    try:
        await made.compose("up", "-d")
        before = await made.replicas(containers, "db")
        yield made
        after = await made.replicas(containers, "db")
        assert {name: each.run for name, each in after.items()} == {name: each.run for name, each in before.items()}
        assert len(after) == 1
    finally:
        made.write()
        await made.compose("down", "-v", "-t", "0")


async def test_this_machine_lacks_nothing(project: Project) -> None:
    """As `check` would ask it."""
    assert lacks(UpOptions(file=[str(project.file)], project=project.name, service="web")) == ""


async def test_a_service_that_is_down_is_brought_up(project: Project, containers: DockerContainers) -> None:
    """Its container was removed, or has ended by itself."""
    (name,) = await project.replicas(containers)
    await docker("rm", "-f", name)
    result = await project.up(containers)
    assert (result.outcome, result.detail) == (
        ActionOutcome.SUCCEEDED,
        "Compose brought the service up; 1 run, 0 did before",
    )
    (name,) = await project.replicas(containers)
    with suppress(DockerError):  # what is asked for this may end with the container
        await docker("exec", name, "/bin/sh", "-c", "kill -KILL -1; kill -TERM 1")
    async with asyncio.timeout(30.0):
        while (await containers.inspect(name)).state is not RunState.EXITED:
            await asyncio.sleep(0.05)
    assert (await project.up(containers)).outcome is ActionOutcome.SUCCEEDED
    assert (await containers.inspect(name)).state is RunState.RUNNING


async def test_what_is_overloaded_is_scaled_up_and_the_load_gets_through(
    project: Project, containers: DockerContainers
) -> None:
    """What is at work goes on with its work; once as many run, there is nothing more to do."""
    project.give("a", "b")
    await project.taken(1)
    before = await project.replicas(containers)
    result = await project.up(containers, reason="overloaded", scale=2)
    assert result.outcome is ActionOutcome.SUCCEEDED, result
    assert result.detail.endswith("2 run, 1 did before")
    await project.taken(2)
    after = await project.replicas(containers)
    assert len(after) == 2
    assert {name: after[name].run for name in before} == {name: each.run for name, each in before.items()}
    again = await project.up(containers, reason="overloaded", scale=2)
    assert (again.outcome, again.detail) == (ActionOutcome.REFUSED, "already 2 of 2 run: there is nothing to start")
    fewer = await project.up(containers, scale=1)
    assert fewer.outcome is ActionOutcome.REFUSED
    plain = await project.up(containers)  # the file says one
    assert plain.outcome is ActionOutcome.SUCCEEDED
    assert {name: each.run for name, each in (await project.replicas(containers)).items()} == {
        name: each.run for name, each in after.items()
    }


async def test_a_file_that_was_changed_is_put_in_force_unless_it_is_busy(
    project: Project, containers: DockerContainers
) -> None:
    """What is busy keeps the container that it has."""
    (before,) = (await project.replicas(containers)).values()
    project.write(IDLE)
    busy = await project.up(containers, reason="overloaded", scale=2)
    assert busy.outcome is ActionOutcome.SUCCEEDED, busy
    assert before.run in {each.run for each in (await project.replicas(containers)).values()}
    changed = await project.up(containers)
    assert changed.outcome is ActionOutcome.SUCCEEDED, changed
    after = await project.replicas(containers)
    assert len(after) == 2
    assert before.container_id not in {each.container_id for each in after.values()}
    assert {each.state for each in after.values()} == {RunState.RUNNING}


async def test_a_replica_that_somebody_stopped_stays_stopped(project: Project, containers: DockerContainers) -> None:
    """Docker remembers who ended it; of the container that the policy watches the gates know."""
    await project.up(containers, scale=2)
    first, second = await project.replicas(containers)
    await docker("stop", "-t", "5", second)
    result = await project.up(containers, scale=2, watched=[first])
    assert (result.outcome, result.detail) == (ActionOutcome.REFUSED, f"somebody stopped {second} through Docker")
    assert (await containers.inspect(second)).state is RunState.EXITED


async def test_a_broken_file_orders_nothing(project: Project, containers: DockerContainers) -> None:
    """Compose's words say where."""
    good = project.file.read_text(encoding="utf-8")
    before = await project.replicas(containers)
    project.file.write_text("services: [", encoding="utf-8")
    result = await project.up(containers)
    project.file.write_text(good, encoding="utf-8")
    assert result.outcome is ActionOutcome.REFUSED
    assert result.detail.startswith("the Compose file cannot be used: ")
    assert "error" in result.detail.lower()
    assert (await project.up(containers, service="nobody")).detail == "the Compose file has no service nobody"
    assert {name: each.run for name, each in before.items()} == {
        name: each.run for name, each in (await project.replicas(containers)).items()
    }


async def test_a_port_that_is_taken(project: Project, containers: DockerContainers) -> None:
    """Docker's own words, and what Compose wrote is kept."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        project.write(IDLE, network_mode="bridge", ports=[f"127.0.0.1:{taken.getsockname()[1]}:80"])
        result = await project.up(containers)
    assert result.outcome is ActionOutcome.FAILED
    assert "address already in use" in result.detail
    assert "address already in use" in result.output


async def test_a_docker_that_is_not_there_or_does_not_answer(project: Project, containers: DockerContainers) -> None:
    """To us: nothing is ordered. To Compose alone: it fails, or is killed when its time is over."""
    nobody = f"tcp://127.0.0.1:{free_port()}"
    gone = DockerContainers(nobody, timeout=5.0)
    assert (await project.up(gone, docker_host=nobody)).outcome is ActionOutcome.REFUSED
    await gone.close()
    failed = await project.up(containers, docker_host=nobody)
    assert failed.outcome is ActionOutcome.FAILED
    assert "connect" in failed.detail.lower()
    with socket.socket(socket.AF_UNIX) as silent:
        path = project.folder / "silent.sock"
        silent.bind(str(path))
        silent.listen()
        deaf = DockerContainers(f"unix://{path}", timeout=0.5)
        assert (await project.up(deaf, docker_host=f"unix://{path}")).outcome is ActionOutcome.REFUSED
        await deaf.close()
        late = await project.up(containers, docker_host=f"unix://{path}", within=15.0)
    assert late.outcome is ActionOutcome.TIMED_OUT, late


async def test_a_timeout_in_the_middle_of_it(project: Project, containers: DockerContainers) -> None:
    """The old container does not let itself be stopped in time: Compose is killed, and nobody says that it is over."""
    project.write(STUBBORN, stop_grace_period="10m")
    time = asyncio.get_running_loop().time
    began = time()
    assert (await project.up(containers)).outcome is ActionOutcome.SUCCEEDED
    within = 5.0 + 2.0 * (time() - began)  # Compose alone takes seconds, and more on a busy machine
    project.write(IDLE, stop_grace_period="10m")  # Compose gives the old container the time that the new file says
    began = time()
    result = await project.up(containers, within=within)
    assert time() - began < within + 5.0
    assert result.outcome is ActionOutcome.TIMED_OUT
    assert "Recreating" in result.output


async def test_the_daemon_scales_up_what_has_too_much_to_do(project: Project, tmp_path: Path) -> None:
    """It serves all the while, and is not restarted; the queue is empty again, and the incident over."""
    policy = {
        "version": 1,
        "dependencies": {
            "web": {
                "probe": "command",
                "command": ["/bin/sh", "-c", f"! ls {project.jobs}/*.waiting"],
                "exit_codes": {"1": "degraded"},
                "container": f"{project.name}_web_1",
                "interval": "500ms",
                "confirm_interval": "500ms",
                "startup_grace": "1s",
                "remedy": "grow",
            }
        },
        "remedies": {
            "grow": {
                "when": {"category": ["fault", "busy"]},
                "steps": [
                    {"do": "docker.restart", "when": {"category": "fault"}},
                    {
                        "do": "compose.up",
                        "file": str(project.file),
                        "project": project.name,
                        "service": "web",
                        "scale": 2,
                        "when": {"reason": "reported_busy"},
                    },
                ],
                "budget": "3 per 1h",
            }
        },
    }
    folder = tmp_path / "daemon"
    folder.mkdir()
    async with Daemon(json.dumps(policy), folder) as daemon:
        await daemon.wait_for_health("web", "up")
        project.give("a", "b")
        ended = await daemon.event("action_ended", within=60.0)
        assert (ended["action"], ended["outcome"]) == ("compose.up", "succeeded")
        await daemon.event("incident_resolved", within=60.0)
        done = [line["action"] for line in daemon.events if line["event"] == "action_intended"]
        assert done == ["compose.up"]
    await project.taken(2)


async def test_what_compose_replaces_was_stopped_by_nobody_else(project: Project, tmp_path: Path) -> None:
    """The file says otherwise by now: the daemon has it made anew, and takes nothing of that for a person's stop."""
    mark = project.folder / "jobs" / "ill"
    policy = {
        "version": 1,
        "dependencies": {
            "web": {
                "probe": "command",
                "command": ["/bin/sh", "-c", f"! test -e {mark}"],
                "container": f"{project.name}_web_1",
                "interval": "500ms",
                "confirm_interval": "200ms",
                "startup_grace": "1s",
                "remedy": "anew",
            }
        },
        "remedies": {
            "anew": {
                "steps": [
                    {"do": "compose.up", "file": str(project.file), "project": project.name, "service": "web"},
                ],
                "budget": "1 per 1h",
            }
        },
    }
    folder = tmp_path / "daemon"
    folder.mkdir()
    async with Daemon(json.dumps(policy), folder) as daemon:
        await daemon.wait_for_health("web", "up")
        project.write(f"rm -f /jobs/{mark.name}; {IDLE}")
        mark.touch()
        ended = await daemon.event("action_ended", within=90.0)
        assert (ended["action"], ended["outcome"]) == ("compose.up", "succeeded")
        await daemon.event("incident_resolved", within=60.0)
        await daemon.more_looks(4)
        assert not [line for line in daemon.events if line["event"] in {"touched", "escalated"}]
        assert (await daemon.status())["dependencies"]["web"]["held"] is None
