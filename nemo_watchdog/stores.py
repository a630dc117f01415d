"""The seams to the disk: what the runtime needs from the journal and the archive, as Protocols."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from nemo_watchdog.evidence import Evidence
from nemo_watchdog.model import Moment, Notification


@dataclass(frozen=True, slots=True)
class OutboxItem:
    """One notification still to deliver to one contact. `attempts` counts failed tries so far."""

    item_id: int
    contact: str
    notification: Notification
    attempts: int
    due: bool = True
    """False while it waits for its next try: what was made after it waits behind it."""


@dataclass(slots=True)  # not frozen: ten thousand are made at once, each three times as fast
class LookRun:
    """Looks in a row that saw the same (outcome, reason); aware UTC, seconds. `histogram` is by `LATENCY_BOUNDS`."""

    dependency: str
    outcome: str
    reason: str | None
    first: datetime
    last: datetime
    looks: int
    latency_sum: float
    latency_max: float
    histogram: tuple[int, ...]


LATENCY_BOUNDS = (0.005, 0.025, 0.1, 0.5, 2.5, 10.0)
"""Upper bounds in seconds of a run's histogram; its last count is of what took longer."""


class Archive(Protocol):
    """What is kept for people to read and what nothing is decided by: evidence, looks, how gates stood.

    Every method blocks for a file and raises `ArchiveError` when it cannot; losing it loses nothing that binds.
    """

    def keep_evidence(self, evidence: Evidence) -> None:
        """Takes the place of what was kept before with its incident, time, dependency and occasion."""
        ...

    def evidence_of(self, incident: str) -> Sequence[Evidence]:
        """All that was taken in it, oldest first; the index + 1 is its number in `EvidenceView`."""
        ...

    def keep_looks(self, runs: Sequence[LookRun]) -> None:
        """Writes the runs in one transaction.

        One takes the place of all that is there of its dependency from its `first` on: of itself as it was before, and
        of what was seen at times that are yet to come, where somebody has set the wall clock back.
        """
        ...

    def looks(self, dependency: str, since: datetime, until: datetime) -> Sequence[LookRun]:
        """The runs that have a look between the two times, oldest first."""
        ...

    def keep_gates(self, dependency: str, at: datetime, gates: str) -> None:
        """How every gate stood when something was decided: JSON of `GateView`s."""
        ...

    def gates(self, dependency: str, until: datetime) -> tuple[datetime, str] | None:
        """The last such JSON up to that time, and its time."""
        ...

    def prune(self, records_before: datetime, evidence_before: datetime, evidence_bytes: int) -> int:
        """Forgets what is older; of evidence also the oldest until at most so many bytes remain.

        One call forgets only so much that others need not wait long: the rows that went, 0 when nothing is left to go.
        """
        ...

    def close(self) -> None: ...


class Journal(Protocol):
    """Durable facts. `append` returns once they are on disk; every method raises `JournalError` when it cannot.

    Of a journal of which something is gone or changed, that is `JournalDamaged`, until `accept`; `replay` alone gives
    what can be read.
    """

    def append(self, records: Sequence[Mapping[str, Any]], notifications: Sequence[Notification], at: Moment) -> None:
        """Writes the records and queues the notifications, all or nothing, in one transaction.

        A notification whose key and contact were queued before is not queued again.
        """
        ...

    def replay(self, now: Moment) -> Sequence[tuple[Moment, Mapping[str, Any]]]:
        """All records in order. Each moment's monotonic reading is comparable with `now.monotonic`.

        Within one boot it is the reading that was written; from another boot it is rebuilt from UTC,
        and a time that lies in the future counts as now.
        """
        ...

    def pending(self, limit: int) -> Sequence[OutboxItem]:
        """Notifications that are not delivered, oldest first, at most `limit` for each contact."""
        ...

    def delivered(self, item_id: int, at: Moment) -> None: ...

    def retry_later(self, item_id: int, at: Moment, delay: float, detail: str) -> None:
        """Keeps the item for a try in `delay` seconds."""
        ...

    def give_up(self, item_id: int, at: Moment, detail: str) -> None: ...

    def check(self) -> None:
        """Returns when it could be written now, as far as can be seen without writing."""
        ...

    def accept(self, at: Moment) -> str:
        """A person lets a damaged journal go on with what can be read of it; what was damaged, in words."""
        ...

    def prune(self, before: datetime) -> int:
        """Forgets what was over before that time (aware UTC); the number of rows that went."""
        ...

    def close(self) -> None: ...
