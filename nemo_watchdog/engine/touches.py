"""What was done to a target and is remembered: our last action on it, a hold for people, an end that was nobody's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from nemo_watchdog.model import ActionOutcome, ContainerEvent, ContainerStatus, Footprint, Moment, Reason, RunState

PENDING_FOR = 300.0
"""Seconds for which an Engine that has not answered an order in time may still carry it out."""


class Initiator(StrEnum):
    """Who sent a signal through Docker. The words begin a sentence that people read."""

    OURS = "the watchdog"
    THEIRS = "somebody"
    UNCLEAR = "somebody, or an order of ours whose result is unknown,"


@dataclass(slots=True)
class Act:
    """The last thing that we did to a target. One whose result nobody knows has no end."""

    action_id: str
    began: datetime
    leaves: Footprint = field(default_factory=Footprint)
    ended: datetime | None = None
    under_way: bool = True
    unclear_until: Moment | None = None
    """How long it explains what is seen, when nobody knows whether or when it ended."""
    given_up: datetime | None = None
    """When we stopped waiting for its result."""
    again: tuple[datetime, ...] = ()
    """When more was ordered, to take back what nobody knows the end of: each sends signals of its own."""

    @property
    def orders(self) -> tuple[datetime, ...]:
        """When each order of it was given, the oldest first."""
        return (self.began, *self.again)

    def end(self, outcome: str, at: Moment, looks_for: float) -> None:
        """`looks_for` in seconds: one whose result is unknown may still do its work for so long, a slow one longer."""
        self.under_way = False
        if outcome in (ActionOutcome.SUCCEEDED, ActionOutcome.FAILED):
            self.ended = at.utc
        else:
            looks_for = max(looks_for, PENDING_FOR) if outcome == ActionOutcome.TIMED_OUT else looks_for
            self.given_up = at.utc
            self.unclear_until = Moment(at.monotonic + looks_for, at.utc + timedelta(seconds=looks_for))

    def explains_until(self, status: ContainerStatus | None, now: float) -> float | None:
        """Monotonic seconds until which the end of that run may be its doing, though nobody knows; None at no time."""
        over = self.unclear_until
        if over is None or now >= over.monotonic:
            return None
        began = status.started_at if status is not None else None
        return over.monotonic if began is None or began < self.orders[-1] else None

    def started(self, status: ContainerStatus) -> bool:
        """That run may be what it has started."""
        over = self.unclear_until.utc if self.unclear_until is not None else self.ended
        begun = status.started_at
        in_time = begun is not None and self.began <= begun and (over is None or begun <= over)
        return self.leaves.starts and in_time

    def late(self, status: ContainerStatus | None) -> float:
        """Seconds by which the run that it has started began after its result was waited for."""
        if status is None or status.started_at is None or self.given_up is None or not self.started(status):
            return 0.0
        return max(0.0, (status.started_at - self.given_up).total_seconds())

    def initiators_of(
        self, status: ContainerStatus, sent: Iterable[ContainerEvent]
    ) -> list[tuple[ContainerEvent, Initiator]]:
        """Who sent each. A kill of ours is one signal: another one like it is somebody's."""
        told, spent = list[tuple[ContainerEvent, Initiator]](), False
        for event in sent:
            who = Initiator.THEIRS if spent else self._initiator_of(status, event)
            spent = spent or (self.leaves.signal is not None and who is not Initiator.THEIRS)
            told.append((event, who))
        return told

    def _initiator_of(self, status: ContainerStatus, sent: ContainerEvent) -> Initiator:
        """What we send goes to a run that is older than our last order by then, and while that goes on."""
        if sent.at is None or status.started_at is None or not self.leaves.sends(sent):
            return Initiator.THEIRS
        order = max((each for each in self.orders if each <= sent.at), default=None)
        if order is None or status.started_at >= order:
            return Initiator.THEIRS
        if self.ended is None:
            over = self.unclear_until
            return Initiator.UNCLEAR if over is None or sent.at <= over.utc else Initiator.THEIRS
        return Initiator.OURS if sent.at <= self.ended else Initiator.THEIRS


@dataclass(frozen=True, slots=True)
class Hold:
    """Why a target is left alone, since `placed` (UTC); the ends are monotonic seconds.

    Without `until`, until it runs again; with it somebody is stopping it, and that may take so long. With
    `outlived_from` it is over as soon as it answers a look that began then or later.
    """

    what: str
    placed: datetime
    until: float | None = None
    quiet_until: float = 0.0
    """Until when nobody is told."""
    undone: bool = False
    """A restart of ours undid it: until somebody starts it anew."""
    run: str = ""
    """When the run began that it is of; empty of what was never started, and where an older version wrote it down."""
    finished: str = ""
    """When that run had ended; empty while it went on."""
    outlived_from: float | None = None
    stops: bool = False
    """Somebody was ending that run before it was held for this."""

    @property
    def goes_on(self) -> bool:
        """Somebody is at work on what still runs."""
        return self.until is not None or self.outlived_from is not None or self.stops

    def is_ending(self, run: str) -> bool:
        """That run, which began then, is being ended by somebody."""
        return self.run == run != "" and (self.stops or (self.until is not None and self.outlived_from is None))

    @property
    def freezes(self) -> bool:
        """It runs and does nothing, for as long as somebody wants."""
        return self.until is None and self.outlived_from is not None

    @property
    def ends_when(self) -> str:
        """What follows "until the container"."""
        if self.undone:
            return "is started anew by somebody"
        if self.freezes:
            return "is let go on (signal CONT) or answers again"
        return "runs again" if self.until is None else "has ended or answers again"

    def holds(self, now: float) -> bool:
        return self.until is None or now < self.until

    def is_of(self, status: ContainerStatus) -> bool:
        """Of that run, and of no later one."""
        if self.run:
            return self.run == told_time(status.started_at)
        return status.started_at is None or status.started_at <= self.placed

    def is_of_the_end(self, status: ContainerStatus) -> bool:
        """Of the end of that run, which has one; or of a run that goes on, as it does still."""
        return self.is_of(status) and (not self.run or bool(self.finished) or status.finished_at is None)


def told_time(at: datetime | None) -> str:
    """Docker's time, as records keep it."""
    return "" if at is None else at.isoformat()


def taken_off(status: ContainerStatus | None) -> str:
    """What a person did to a container that runs without the network that it was made for; "" when nobody did.

    No record of it is kept: an inspect shows it for as long as it is so.
    """
    if status is None or status.state is not RunState.RUNNING or not status.off_network:
        return ""
    return f"somebody took the container off its network {status.off_network}"


A_LOOP_IS_FASTER = timedelta(minutes=1)
"""Than this Docker starts what ends at once again and again: its longest wait between two starts."""


def left_down(status: ContainerStatus) -> str:
    """What a person did to a container that Docker started again and again, and does no more; "" when nobody did.

    An inspect shows it: `docker update --restart no` leaves the count of the restarts, which an order sets back to 0.
    """
    ran, ended = status.started_at, status.finished_at
    short = ran is not None and ended is not None and ended - ran < A_LOOP_IS_FASTER
    if status.state is not RunState.EXITED or status.restarted_by_docker or not status.restarts or not short:
        return ""
    return "somebody told Docker not to start the container again and again any more"


@dataclass(frozen=True, slots=True)
class Ending:
    """What became of a run: what its end is called, what ended it if not itself, and why it is left alone.

    `held` is empty when it may be started, and not `certain` where only nothing speaks for a start; nobody is told for
    `quiet` seconds. `said` are its last words, where they gave the reason.
    """

    reason: Reason = Reason.EXITED
    held: str = ""
    quiet: float = 0.0
    by: str = ""
    said: str = ""
    certain: bool = True

    @property
    def is_surely_held(self) -> bool:
        return bool(self.held) and self.certain


@dataclass(frozen=True, slots=True)
class End:
    """A run that no person ended: Docker's time of the end, what it died of, and what ended it if not itself."""

    finished: str
    reason: str
    by: str = ""
