"""What the engine orders, and what comes of it. Frozen data, standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from nemo_watchdog.docker_words import ContainerStatus


class ActionOutcome(StrEnum):
    """How an action ended. SUCCEEDED means only that Docker did what it was told; verification tells the rest."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REFUSED = "refused"
    """Certainly nothing was ordered, because something was not as it must be: it costs a backoff and nothing else."""
    TIMED_OUT = "timed_out"
    UNKNOWN = "unknown"
    """The daemon stopped before it learned the result: it counts as spent, and we look before trying again."""


CONTAINER = "container"
"""The kind of target that Docker's events, holds and the guard of the container actions are about."""


@dataclass(frozen=True, slots=True, order=True)
class Target:
    """What an action acts on. Budgets, concurrency, what is in flight and what people hold are counted by it."""

    kind: str
    """A word for people and metrics: `container`, `unit`, `file`."""
    name: str

    def __str__(self) -> str:
        return self.name if self.kind == CONTAINER else f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class Along:
    """One that an action takes along: restarted after its target, as it was judged."""

    dependency: str
    container: str
    run: ContainerStatus


@dataclass(frozen=True, slots=True)
class ActionRequest:
    """One act on the world, as the engine orders it. `timeout` in seconds bounds the whole call."""

    action_id: str
    incident: str
    dependency: str
    action: str
    target: Target
    options: Any = None
    """The checked options of the step, of the model that the action's kind names."""
    expected_run: ContainerStatus | None = None
    """The container that the engine judged. Another one of that name, or another run or state of it, is left alone."""
    timeout: float = 60.0
    severity: str = ""
    """Of the incident."""
    reason: str = ""
    """What the dependency fails with."""
    destroys: bool = True
    """Evidence is taken before it."""
    by: str = ""
    """The person who asked for it at once; empty: the watchdog decided."""
    settles: str = ""
    """The id of the action whose rest this ends; empty: it is no such order, but an action itself."""
    helped: bool | None = None
    """Whether that action did; None when nobody knows."""
    made: str = ""
    """What that action has made, as it said."""
    image: str = ""
    image_name: str = ""
    """Id and name of the image that has proven itself, of an action that goes back to one."""
    keeps_data: bool = False
    """Whether a dependency of the container does."""
    container: str = ""
    """The dependency's own, where the action may stop and start it as well; empty where it is the target, or is not."""
    along: tuple[Along, ...] = ()
    """In this order."""


@dataclass(frozen=True, slots=True)
class ActionResult:
    outcome: ActionOutcome
    detail: str = ""
    """One line, without a secret that the action knows."""
    output: str = ""
    """What it wrote, in lines: kept with the incident's evidence and shown nowhere else."""
    made: str = ""
    """What it has put in the place of its target, such as the id of a container."""
    left: frozenset[str] = frozenset()
    """Containers of those to take along for which certainly nothing was ordered."""
