"""What is there of one service: its containers, by the labels that Compose gives them, and who has hands on them.

A container that somebody stopped is started by `up`: whoever did it would find it running. Of those that a policy
watches the gates know who ended them; of the others, such as further replicas, Docker is asked here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nemo_watchdog.engine.signals import deadly
from nemo_watchdog.engine.touches import taken_off
from nemo_watchdog.model import ContainerStatus, RunState
from nemo_watchdog.ports import ActionContext, Containers

PROJECT = "com.docker.compose.project"
SERVICE = "com.docker.compose.service"
ONE_OFF = "com.docker.compose.oneoff"
VERSION = "com.docker.compose.version"

_RUNS = frozenset({RunState.RUNNING, RunState.RESTARTING})
_ENDED = frozenset({RunState.EXITED, RunState.DEAD})
_GONE = frozenset({RunState.MISSING, RunState.REMOVING})


@dataclass(frozen=True, slots=True)
class Replicas:
    """The containers of one service by name, those that were made and never started among them."""

    status: Mapping[str, ContainerStatus]
    made_by: Mapping[str, str]
    """The version of Compose that made each; empty where no label says so."""

    @property
    def running(self) -> int:
        return sum(status.state in _RUNS for status in self.status.values())


async def replicas_of(containers: Containers, project: str, service: str) -> Replicas:
    """Raises `ContainersUnreachable`. What `run` has made is a job, and none of them."""
    labels = {
        name: own
        for name, own in (await containers.labels(never_started=True)).items()
        if (own.get(PROJECT), own.get(SERVICE)) == (project, service) and own.get(ONE_OFF, "").lower() != "true"
    }
    status = {name: await containers.inspect(name) for name in sorted(labels)}
    there = {name: each for name, each in status.items() if each.state not in _GONE}
    return Replicas(there, {name: labels[name].get(VERSION, "") for name in there})


async def hands_on(context: ActionContext, replicas: Replicas) -> str:
    """What somebody has done to one of them, for people; empty when nobody did. Raises `ContainersUnreachable`."""
    for name, status in replicas.status.items():
        if status.state is RunState.PAUSED:
            return f"somebody paused {name} through Docker"
        if off := taken_off(status):
            return f"{name}: {off}"
        ended = status.state in _ENDED and not context.watches(name)
        if ended and (why := await _ended(context.containers, name, status)):
            return why
    # An inspect shows nobody who is stopping one: Docker's events do, and they are asked last.
    touched = {name: context.touched(name) for name in replicas.status}
    return next((f"{name}: {what}" for name, what in touched.items() if what), "")


async def _ended(containers: Containers, name: str, status: ContainerStatus) -> str:
    """Why one that nobody watches is not to be started; empty when it ended by itself."""
    since, begun, over = await containers.remembers_since(), status.started_at, status.finished_at
    if since is None or begun is None or over is None or since > over:
        return f"Docker does not remember who ended {name}: start it, or remove it, by hand"
    past = await containers.history(name, status.container_id)
    ordered = any((each.action == "stop" or deadly(each, status)) and each.at and each.at >= begun for each in past)
    return f"somebody stopped {name} through Docker" if ordered else ""
