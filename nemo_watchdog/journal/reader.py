"""Reads of past incidents beside the writer: each on a read-only connection of its own, and with an end in time.

An incident's id begins with the time of its opening (`20261123-031502-gateway`), so in the order of the ids the newest
is the last. That order is in the index of the records by incident, and a page is found without any other.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nemo_watchdog import records as r
from nemo_watchdog.errors import JournalError
from nemo_watchdog.incident_views import DeliveryView
from nemo_watchdog.journal import codec, reading
from nemo_watchdog.journal.files import FAILURES
from nemo_watchdog.model import Moment
from nemo_watchdog.timeline.reading import Written
from nemo_watchdog.timeline.summary import SUMMED_UP

WITHIN = 5.0
"""Seconds after which a read is given up: SQLite keeps its write-ahead log for whoever reads."""

LOOKED_AT = 1000
"""Incidents that are looked at for one page (some 40 ms): of rare ones it may hold fewer than fit."""

STEPS = 10_000
"""Instructions of SQLite's machine between two looks at the clock; some 0.1 ms."""

ROWS_OF_ONE = 20_000
"""The newest records of one incident that are read."""

OPENED = (r.IncidentOpened, r.IncidentDeclared)
BEGAN = (*OPENED, r.IncidentReopened)
ENDED = (r.IncidentResolved, r.IncidentMerged)
JOINED = (*BEGAN, r.MemberJoined, r.MemberRecovered, r.MemberDown)
GRAVE = (*OPENED, r.SeverityRaised)


Kinds = Iterable[type[r.Record]]


def _types(*kinds: type[r.Record]) -> str:
    return ", ".join(f"'{kind.TYPE}'" for kind in kinds)


# How each dependency was last outlives its incident when the journal is pruned, and is none of it then.
KNOWN = f"EXISTS (SELECT 1 FROM records WHERE incident = ids.id AND type != '{r.HealthChanged.TYPE}')"
OPEN = (
    f"coalesce((SELECT type FROM records WHERE incident = ids.id AND type IN ({_types(*BEGAN, *ENDED)}) "
    f"ORDER BY id DESC LIMIT 1) NOT IN ({_types(*ENDED)}), 0)"
)
ABOUT = (
    f"EXISTS (SELECT 1 FROM records WHERE incident = ids.id AND type IN ({_types(*JOINED, r.RootChanged)}) "
    "AND :dependency IN (json_extract(body, '$.dependency'), json_extract(body, '$.root')))"
)
SEVERITY = (
    "(SELECT min(json_extract(body, '$.severity')) FROM records WHERE incident = ids.id "
    f"AND type IN ({_types(*GRAVE)})) = :severity"
)
NEWEST_FIRST = """
    WITH RECURSIVE ids (id) AS (
        SELECT max(incident) FROM records WHERE incident < :before
        UNION ALL
        SELECT (SELECT max(incident) FROM records WHERE incident < ids.id) FROM ids WHERE ids.id > :oldest
    )
    SELECT id, {wanted} FROM ids WHERE id >= :oldest AND id > ''
"""
DELIVERY = "id, contact, body, state, attempts, changed_utc, detail"
BEHIND_ALL = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class Asked:
    """Which incidents: opened at or after `since` and before `until`, both to the second; None and empty for all."""

    since: datetime | None = None
    until: datetime | None = None
    dependency: str = ""
    severity: str = ""
    open_only: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """The newest first, each with the records that its summary needs; `next` is behind what, when there may be more."""

    incidents: tuple[tuple[str, Written], ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class Outbox:
    """The newest messages, newest first, each with the incident that it is about (empty: none); `waiting` of all."""

    newest: tuple[tuple[str, DeliveryView], ...]
    waiting: int


class JournalReader:
    """Every method blocks for a file, may be called from any thread and raises `JournalError`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def incidents(self, asked: Asked, before_id: str | None, limit: int, kinds: Kinds = SUMMED_UP) -> Page:
        """At most `limit` of them, older than the incident `before_id`; of any that there is nothing else asked."""
        given = {
            "before": min(_begin_of_ids(asked.until, BEHIND_ALL), before_id or BEHIND_ALL),
            "oldest": _begin_of_ids(asked.since, ""),
            "dependency": asked.dependency,
            "severity": asked.severity,
        }
        conditions = [
            KNOWN,
            *([OPEN] if asked.open_only else []),
            *([ABOUT] if asked.dependency else []),
            *([SEVERITY] if asked.severity else []),
        ]
        query = NEWEST_FIRST.format(wanted=" AND ".join(conditions))
        with self._reading() as connection:
            found, following = _first(connection.execute(query, given), limit)
            rows = [(incident, _records(connection, incident, _types(*kinds))) for incident in found]
        return Page(tuple(rows), following)

    def records_of(self, incident: str) -> Written:
        """All of it, oldest first, and what says that another one has gone on in it; nothing for an unknown one."""
        with self._reading() as connection:
            if not _knows(connection, incident):
                return ()
            return _records(connection, incident)

    def records_of_each(self, incidents: Iterable[str], kinds: Kinds) -> Sequence[tuple[str, Written]]:
        """Of those that are known, their records of these kinds."""
        with self._reading() as connection:
            known = [incident for incident in incidents if _knows(connection, incident)]
            return [(incident, _records(connection, incident, _types(*kinds))) for incident in known]

    def deliveries_of(self, incident: str) -> Sequence[DeliveryView]:
        """What was to be told about it, and to whom, oldest first."""
        with self._reading() as connection:
            rows = connection.execute(
                f"SELECT {DELIVERY} FROM outbox WHERE key >= ?1 || ':' AND key < ?1 || ';' ORDER BY id",
                (incident,),
            ).fetchall()
        return [told for about, told in _deliveries(rows) if about == incident]

    def newest_deliveries(self, limit: int) -> Outbox:
        """So many of the newest, whatever they are about; and how many of all wait."""
        with self._reading() as connection:
            rows = connection.execute(f"SELECT {DELIVERY} FROM outbox ORDER BY id DESC LIMIT ?", (limit,)).fetchall()
            waiting = connection.execute("SELECT count(*) FROM outbox WHERE state = 'pending'").fetchone()[0]
        return Outbox(tuple(_deliveries(rows)), waiting)

    def knows(self, incident: str) -> bool:
        with self._reading() as connection:
            return _knows(connection, incident)

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """One state of the journal, as long as the block lasts."""
        ends = time.monotonic() + WITHIN
        try:
            with closing(reading.connect(self._path, "mode=ro")) as connection:
                connection.set_progress_handler(lambda: time.monotonic() > ends, STEPS)
                connection.execute("BEGIN")
                yield connection
        except FAILURES as error:
            late = time.monotonic() > ends
            why = f"that takes longer than {WITHIN:g}s" if late else str(error)
            raise JournalError(f"the journal {self._path} cannot be read: {why}") from error


def _begin_of_ids(at: datetime | None, otherwise: str) -> str:
    return otherwise if at is None else f"{at.astimezone(UTC):%Y%m%d-%H%M%S}"


def _first(rows: Iterable[tuple[str, int]], limit: int) -> tuple[list[str], str | None]:
    """So many that are wanted, as far as they are looked at; and the last one that was, when there are more."""
    found, last = list[str](), None
    for looked_at, (incident, wanted) in enumerate(rows):
        if looked_at == LOOKED_AT or (wanted and len(found) == limit):
            return found, last
        found += [incident] if wanted else []
        last = incident
    return found, None


def _deliveries(rows: Iterable[Sequence[Any]]) -> Iterator[tuple[str, DeliveryView]]:
    """Each with what it is about."""
    for row, contact, body, state, attempts, changed, detail in rows:
        notification = codec.read_notification(row, body)
        yield (
            notification.incident,
            DeliveryView(
                contact=contact,
                kind=notification.kind,
                title=notification.title,
                queued=notification.at.astimezone(UTC).isoformat(),
                state=state,
                changed=codec.read_time(row, changed).isoformat(),
                attempts=attempts + (state != "pending"),  # the last one is not counted on disk
                detail=detail,
            ),
        )


def _knows(connection: sqlite3.Connection, incident: str) -> bool:
    found = connection.execute(f"SELECT {KNOWN} FROM (SELECT ? AS id) AS ids", (incident,)).fetchone()[0]
    return bool(incident) and bool(found)


def _records(connection: sqlite3.Connection, incident: str, types: str = "") -> Written:
    columns = "id, at_utc, at_monotonic, body"
    of_types = f"AND type IN ({types}) " if types else ""
    rows = connection.execute(
        f"SELECT {columns} FROM records WHERE incident = ? {of_types}ORDER BY id DESC LIMIT ?",
        (incident, ROWS_OF_ONE),
    ).fetchall()
    if rows and not types:
        rows += connection.execute(
            f"SELECT {columns} FROM records WHERE id BETWEEN ? AND ? AND type = ? AND json_extract(body, '$.into') = ?",
            (rows[-1][0], rows[0][0], r.IncidentMerged.TYPE, incident),
        ).fetchall()
    return [_record(*row) for row in sorted(rows, key=lambda row: int(row[0]))]


def _record(row: int, utc: str, monotonic: float, body: str) -> tuple[Moment, Mapping[str, Any]]:
    return Moment(monotonic, codec.read_time(row, utc)), codec.read_record(row, body)
