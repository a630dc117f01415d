"""What Docker says of a container, in words of our own. Frozen data, standard library only."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Way:
    """Two addresses of one port, each (host, port): as this machine publishes it, and the container's own."""

    published: tuple[str, int]
    own: tuple[str, int]


class RunState(StrEnum):
    """What Docker says about a container: its own states, and two for what Docker could not say."""

    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    RESTARTING = "restarting"
    REMOVING = "removing"
    EXITED = "exited"
    DEAD = "dead"
    MISSING = "missing"
    """Docker answers and has no container of that name."""
    UNREACHABLE = "unreachable"
    """Docker does not answer: nothing is known about the container."""


@dataclass(frozen=True, slots=True)
class ContainerStatus:
    """One inspect of a container.

    `started_at` with `container_id` identifies a run (Docker Engine API, ContainerInspect: State.StartedAt).
    `health` is Docker's own HEALTHCHECK word ("healthy", "unhealthy", "starting") or None.
    `stop_signal` is the number of the signal that `docker stop` sends first (Config.StopSignal; SIGTERM by default).
    """

    state: RunState
    container_id: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    exit_code: int | None = None
    oom_killed: bool = False
    health: str | None = None
    stop_signal: int = 15
    restarts: int = 0
    """How often Docker's own restart policy has started it (RestartCount); an order to restart sets it back to 0."""
    restarted_by_docker: bool = True
    """Docker starts it again when it ends (HostConfig.RestartPolicy); False when it does not."""
    cpus: float | None = None
    """CPU cores that it may use; None without a limit."""
    off_network: str = ""
    """The network that it was made for, when somebody took it off that: a restart does not put it back."""
    ways: tuple[Way, ...] = ()
    """To its TCP ports that are published; none of one that does not run."""
    network_of: str = ""
    """The container whose network it uses (`HostConfig.NetworkMode` is `container:`), by id or name; empty: its own."""
    image: str = ""
    """The id of the image that it was made from (`sha256:...`)."""
    image_name: str = ""
    """What that was called then (Config.Image); it may be another image's name by now."""
    detail: str = ""

    @property
    def run(self) -> tuple[str, datetime | None]:
        return (self.container_id, self.started_at)


@dataclass(frozen=True, slots=True)
class ContainerEvent:
    """One line of Docker's event stream; `reconnected` when it was opened, `lost` when it ended (container is "").

    `signal` is set for `kill` events: the number that somebody sent through the API. `at` is Docker's own UTC time; of
    `reconnected`, the time since which the streams have told, or this one is about to tell, every event; of `lost`, the
    time at which it was surely open, None where it never was.
    """

    container: str
    action: str
    signal: int | None = None
    at: datetime | None = None
    container_id: str = field(default="", compare=False)
    """What it is, whatever it is called by now; empty where nobody told."""


@dataclass(frozen=True, slots=True)
class Past:
    """What is known of a container's events, oldest first.

    None that came at or after `whole_since` (the engine's own aware UTC time) is missing; None when nobody can tell.
    While the engine was `away`, from then to then, nobody could order anything: what ended was its own doing.
    """

    events: tuple[ContainerEvent, ...] = ()
    whole_since: datetime | None = None
    away: tuple[datetime, datetime] | None = None


@dataclass(frozen=True, slots=True)
class Footprint:
    """What an order of ours leaves in Docker's states and events, so that it is taken for nobody else's.

    As it stands here it is that of a restart.
    """

    stops: bool = True
    """It ends the run: by the container's stop signal, and by KILL when that takes too long."""
    starts: bool = True
    """A run that begins meanwhile may be its doing."""
    signal: int | None = None
    """It sends this one, once, and nothing else."""
    unpauses: bool = False
    """It lets go on what somebody has paused."""

    def sends(self, event: ContainerEvent) -> bool:
        """That signal may be its own."""
        return self.stops or (self.signal is not None and event.action == "kill" and event.signal == self.signal)


@dataclass(frozen=True, slots=True)
class ContainerUsage:
    """One sample of what a container uses. Memory in bytes as `docker stats` shows it, without inactive file pages.

    `cpu` counts its CPU time in seconds since its start. `memory_limit` is the machine's memory without a limit. `disk`
    counts bytes read and written, `sent` and `sent_packets` what it sent over its own network; 0 where nobody counts.
    """

    memory: float
    memory_limit: float
    cpu: float
    online_cpus: int
    disk: int = 0
    sent: int = 0
    sent_packets: int = 0


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line that a container wrote, at Docker's UTC time."""

    at: datetime
    text: str
