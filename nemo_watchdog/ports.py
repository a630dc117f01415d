"""The seams: what the runtime needs from adapters, as Protocols. The runtime imports these and no adapter."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from pydantic import BaseModel

from nemo_watchdog.evidence import Questions
from nemo_watchdog.model import (
    ActionRequest,
    ActionResult,
    Category,
    ContainerEvent,
    ContainerStatus,
    ContainerUsage,
    Finding,
    Footprint,
    LogLine,
    Moment,
    Notification,
    RunState,
)
from nemo_watchdog.recreation import Recreation


class Clock(Protocol):
    def now(self) -> Moment: ...


class Probe(Protocol):
    """Looks once. The runtime bounds each look with the dependency's timeout and turns what escapes into a finding.

    `look` may be cancelled at any await and must then leave nothing open. It never blocks the event loop.
    A failure of the target is a finding, never an exception.
    """

    async def look(self) -> Finding: ...

    async def close(self) -> None: ...


@runtime_checkable
class EvidenceSource(Protocol):
    """What a probe may be beside `Probe`: it can tell what a restart would destroy.

    Each answer is text for people. It is asked beside a look, so on connections of its own, in any order, several at
    once; it may be cancelled at any await and must then leave nothing open. What it raises is written down as missing:
    `EvidenceError` has the words for people.
    """

    def evidence(self) -> Questions: ...


MOST_LOG_LINES = 5000
"""So many lines of a container's log are read at once: reading them holds up nobody else's look."""


class Containers(Protocol):
    """The container engine. Every call is bounded in time; raises `ContainersUnreachable` when it does not answer.

    A question that it answers with an error raises that error's kind `QuestionRefused`.
    """

    async def inspect(self, name: str) -> ContainerStatus:
        """The container's status; `RunState.MISSING` when there is none of that name."""
        ...

    async def labels(self, *, never_started: bool = False) -> Mapping[str, Mapping[str, str]]:
        """The labels of every container that was started once, whether it runs now or not, by its name.

        With `never_started` also of those that were only made.
        """
        ...

    def events(self) -> AsyncIterator[ContainerEvent]:
        """Container events for ever; reconnects by itself and then yields `action == "reconnected"`, or first `lost`.

        Before that one, `engine_restarted` when the engine was started anew: `at` is when the old one was heard last.
        """
        ...

    async def history(self, name: str, container_id: str) -> Sequence[ContainerEvent]:
        """What the engine remembers of that container's events, oldest first; it may have forgotten the oldest.

        By its id, whatever it was called when they came; they bear the name that is given.
        """
        ...

    async def remembers_since(self) -> datetime | None:
        """The engine's own time since which it remembers every event; None when it remembers none at all."""
        ...

    async def takes_callers(self) -> bool:
        """Whether a new caller is answered: an engine that goes down tells those that it has how it ends containers."""
        ...

    async def ping(self) -> None:
        """Returns when the engine says that it lives."""
        ...

    async def usage(self, name: str) -> ContainerUsage:
        """What a running container uses now."""
        ...

    async def uninterruptible(self, name: str) -> frozenset[int]:
        """The ids of a running container's processes that nothing interrupts now: they wait for a disk or a driver."""
        ...

    async def titles(self, name: str) -> Sequence[str]:
        """The command lines of a running container's processes, as these write them themselves.

        Unlike the other questions it may wait for memory of a process that hangs in the kernel.
        """
        ...

    async def log(self, name: str, since: datetime) -> Sequence[LogLine]:
        """What the container has written since then, oldest first; the newest part of it when that is much.

        That is `MOST_LOG_LINES` at most, and fewer when lines are very long.
        """
        ...

    async def last_words(self, name: str, lines: int) -> Sequence[LogLine]:
        """The last so many lines that the container has written, oldest first, however much it wrote before."""
        ...

    async def inspection(self, name: str) -> Mapping[str, Any]:
        """All that the engine knows of a container, in its own words: secrets among it."""
        ...

    async def largest(self, most: int) -> Sequence[tuple[str, ContainerUsage]]:
        """The running containers that use most memory, at most so many, the largest first."""
        ...

    async def execute(self, name: str, command: Sequence[str]) -> int | None:
        """The exit code of a command inside a running container; None when it cannot be run there.

        Raises `ContainersUnreachable` also for one whose end nobody knows.
        """
        ...

    async def restart(self, name: str, stop_timeout: float) -> None:
        """Orders a restart and waits for its end; `stop_timeout` in seconds before it is killed.

        Like every order it has no deadline of its own, and raises `OrderFailed` when the engine said no,
        `OrderUncertain` when it may have heard the order, `ContainersUnreachable` when it surely has not.
        """
        ...

    async def start(self, name: str) -> None:
        """Orders a start of what does not run, as every order; raises `NotOrdered` when it runs already."""
        ...

    async def kill(self, name: str, signal: int) -> None:
        """Orders that signal for the main process, as every order; it is over when it was sent."""
        ...

    async def unpause(self, name: str) -> None:
        """Orders that what is paused goes on, as every order."""
        ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A call by a job, at monotonic seconds. `said` is one line of the job's own words."""

    at: float
    well: bool
    said: str = ""


class Heartbeats(Protocol):
    """The heartbeats that jobs send to the daemon. Times are monotonic seconds."""

    @property
    def listening_since(self) -> float: ...

    def now(self) -> float: ...

    def last(self, dependency: str) -> Heartbeat | None: ...


@dataclass(frozen=True, slots=True)
class ProbeContext:
    """What a probe may know about the dependency that it looks at. `timeout` in seconds, of one look.

    `container` is the dependency's, if it has one; `containers` answers questions about it. `heartbeats` are None
    where no daemon runs.
    """

    dependency: str
    timeout: float
    interval: float
    container: str | None = None
    containers: Containers | None = None
    heartbeats: Heartbeats | None = None


class ProbeKind(Protocol):
    """One entry of the catalog: the options that a policy may give, and how to make a probe from them."""

    @property
    def options(self) -> type[BaseModel]: ...

    @property
    def make(self) -> Callable[[Any, ProbeContext], Probe]: ...


class Action(Protocol):
    """Acts once on the world, within `request.timeout`; failures are results, never exceptions.

    `run` may be cancelled at any await and must then leave nothing open. It never blocks the event loop.
    """

    async def run(self, request: ActionRequest) -> ActionResult: ...


@runtime_checkable
class SettlingAction(Action, Protocol):
    """One that leaves behind what a verdict must end: the action of a kind that `settles`."""

    async def settle(self, request: ActionRequest, helped: bool | None) -> ActionResult:  # noqa: FBT001 - a verdict
        """Ends what `run` with this request has left behind, however far it came; again is no harm.

        None: nobody knows how `run` ended, or whether it helped. Otherwise as `run`. Anything but `succeeded` is tried
        again, and then a person is told: the detail says what is left over, and what to do.
        """
        ...


def _by_nobody(_container: str) -> str:
    """Where nobody listens."""
    return ""


def _as_it_is(text: str) -> str:
    """Where no policy has secrets."""
    return text


def _none(_container: str) -> bool:
    """Where nothing is watched."""
    return False


@dataclass(frozen=True, slots=True)
class ActionContext:
    """What an action may use."""

    containers: Containers
    touched: Callable[[str], str] = _by_nobody
    """What somebody has done to that container since the action was decided; "" when nobody did anything."""
    redact: Callable[[str], str] = _as_it_is
    """Takes the secrets of the policy out of what came from outside, before it is cut; from any thread."""
    watches: Callable[[str], bool] = _none
    """Whether that container is a dependency's: then the gates know who ended it, and have let the action through."""
    docker_host: str = ""
    """Docker's address, as DOCKER_HOST has it; empty: its usual one."""
    recreation: Recreation | None = None
    """Makes containers anew; None where nobody can."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What an action may know of the dependency that it is for, to name what it acts on."""

    dependency: str
    container: str | None = None


def _at_once(_options: Any) -> float:
    return 0.0


def _nothing(_options: Any) -> str:
    return ""


def _as_a_restart(_options: Any) -> Footprint:
    return Footprint()


def _never(_options: Any) -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionKind:
    """One entry of the catalog: what a step that does it may say, what it acts on, and how to make it."""

    options: type[BaseModel]
    """The keys that such a step may have beside those of every step."""
    make: Callable[[ActionContext], Action]
    """Called for each order; nothing that it makes outlives the order."""
    target_kind: str
    """A word: `container`, `unit`, `file`. Of two actions on one target one waits for the other."""
    target: Callable[[Any, Subject], str]
    """The name of what a step with these options acts on for this dependency. It is shown: no secret."""
    needs: tuple[str, ...] = ()
    """Keys that a dependency must have whose remedy does this."""
    helps: frozenset[Category] = frozenset({Category.FAULT})
    """The only kinds of failure that it can mend; never `blind`, of which nothing is known."""
    states: frozenset[RunState] = frozenset()
    """Of the container that it acts on, in which it can do anything; empty: in all of them."""
    destroys: bool = True
    """What a person would want to see of the trouble may be gone after it: evidence is taken first."""
    reaches_container: bool = False
    """Of an action on something else: it may stop and start the dependency's own container as well."""
    takes_along: bool = False
    """It restarts, after its target, the containers that the step's `also` names."""
    settles: bool = False
    """It leaves behind what the verdict on it must end; what it makes is a `SettlingAction`."""
    lacks: Callable[[Any], str] = _nothing
    """What this machine lacks for such a step, and what to do, for people; empty: nothing. It may block."""
    footprint: Callable[[Any], Footprint] = _as_a_restart
    """Of an action on a container: what it leaves in Docker's states and events."""
    unpauses_after: Callable[[Any], float | None] = _never
    """Seconds for which a container must have been paused before it is let go on; None: it lets nothing go on."""
    proves_after: Callable[[Any], float | None] = _never
    """Seconds for which an image must have served to be one that it goes back to; None: it goes back to none."""
    may_take: Callable[[Any], float] = _at_once
    """Seconds that the options give it by themselves; a step's `timeout` must be longer."""


@dataclass(frozen=True)
class Catalog:
    """What a policy may write after `probe:` and after `do:`.

    Asking for a name may import a plugin: it raises `PluginError` when that cannot be used.
    """

    probes: Mapping[str, ProbeKind]
    actions: Mapping[str, ActionKind]


@dataclass(frozen=True, slots=True)
class Delivery:
    """How it went: delivered, or failed. `detail` never holds a secret."""

    delivered: bool
    retryable: bool = False
    detail: str = ""
    reached: bool = False
    """Failed, and somebody has it: one address of several, or who stands in for the contact."""
    waits_for: tuple[str, ...] = ()
    """Nothing was tried: what is still to be told to these contacts comes first where they are reached."""


class Notifier(Protocol):
    """Delivers one notification, and what is `earlier`, to one contact in bounded time; failures are results."""

    async def deliver(self, notification: Notification, contact: str) -> Delivery: ...

    async def close(self) -> None: ...
