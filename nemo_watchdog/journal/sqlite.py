"""The journal: what was committed survives a crash and a power cut, and what cannot be written is a `JournalError`."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nemo_watchdog.errors import JournalError
from nemo_watchdog.journal import codec, reading, receipts, seal
from nemo_watchdog.journal.files import Files
from nemo_watchdog.journal.seal import BINDING, Head
from nemo_watchdog.model import Moment, Notification
from nemo_watchdog.ports import Clock
from nemo_watchdog.receipts import Receipt, Received
from nemo_watchdog.stores import OutboxItem

OPENING_TYPES = ("incident_opened", "incident_reopened", "incident_declared")
NEWEST_SAYS_ALL = ("heartbeat_heard", "image_proven", "remedy_learned", "start_learned")
"""Of these types only the newest record of each key is ever asked for."""
KEY = ("dependency", "image", "reason", "action", "options")
"""What such a record is of, as far as its type has it."""
HEALTH_TYPE = "health_changed"
CLOSING_TYPES = ("incident_resolved", "incident_merged")


class _SystemClock:
    def now(self) -> Moment:
        return Moment(time.monotonic(), datetime.now(UTC))


class SqliteJournal:
    """One daemon's journal at `path`; satisfies `stores.Journal` and `receipts.Receipts`.

    Calls block for one fsync (milliseconds), or two.

    `boot_id` names this boot of the machine (Linux: /proc/sys/kernel/random/boot_id): monotonic readings compare
    within one boot only. The file and its folder are made when they do not exist, readable by their owner alone.
    The constructor raises `JournalError` when there is no reading or making a journal here at all. What it finds
    damaged can be replayed as far as it goes, and all else raises `JournalDamaged` until `accept`. Every method
    raises `JournalError`; after a failed write the next one may succeed.
    """

    def __init__(self, path: Path, boot_id: str, *, clock: Clock | None = None) -> None:
        self._path = path
        self._boot_id = boot_id
        self._clock: Clock = clock or _SystemClock()
        self._files = Files(path)
        self._unproven: tuple[Any, Head | None] = (None, None)
        """What was committed last, while the head that proves it is not yet beside it."""

    def append(self, records: Sequence[Mapping[str, Any]], notifications: Sequence[Notification], at: Moment) -> None:
        """See `stores.Journal.append`. On return the transaction is on disk (synchronous=FULL).

        Of records that bind the watchdog the proof is too; when only that fails, the same call again writes it alone.
        """
        utc = codec.write_time(at.utc)
        rows = [
            (utc, at.monotonic, self._boot_id, record["type"], str(record.get("incident") or ""), body)
            for record, body in ((record, codec.write_record(record)) for record in records)
        ]
        items = [
            (notification.key, contact, codec.write_notification(notification), utc, at.monotonic, self._boot_id, utc)
            for notification in notifications
            for contact in notification.contacts
        ]
        if not rows and not items:
            return
        if self._unproven[0] != (rows, items):
            with self._files.transaction() as connection:
                head = _insert(connection, rows)
                connection.executemany(
                    "INSERT INTO outbox (key, contact, body, due_utc, due_monotonic, boot_id, changed_utc) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key, contact) DO NOTHING",
                    items,
                )
            self._unproven = ((rows, items), head)
        if head := self._unproven[1]:
            self._files.prove(head)
        self._unproven = (None, None)

    def check(self) -> None:
        """See `stores.Journal.check`."""
        self._files.check()

    def distrust(self, why: str) -> None:
        """Whoever reads the records cannot make sense of one: it takes no write until a person accepts that."""
        self._files.distrust(why)

    def accept(self, at: Moment) -> str:
        """See `stores.Journal.accept`."""
        return self._files.accept(at.utc)

    def replay(self, now: Moment) -> Sequence[tuple[Moment, Mapping[str, Any]]]:
        """See `stores.Journal.replay`.

        A record of another boot is as old as UTC says, or as old as the last record of that boot plus the monotonic
        time between the two, whichever is less: a wall clock that jumped must not make a spent budget look old.
        """
        read = [
            (codec.read_time(row, utc), mono, boot, codec.read_record(row, body))
            for row, utc, mono, boot, _, _, body in self._files.rows()
        ]
        last: dict[str, tuple[datetime, float]] = {boot: (utc, mono) for utc, mono, boot, _ in read}
        replayed: list[tuple[Moment, Mapping[str, Any]]] = []
        for utc, mono, boot, record in read:
            if boot == self._boot_id:
                age = now.monotonic - mono
            else:
                last_utc, last_mono = last[boot]
                since_last = max((now.utc - last_utc).total_seconds(), 0.0)
                age = min((now.utc - utc).total_seconds(), since_last + last_mono - mono)
            replayed.append((Moment(now.monotonic - age if age > 0.0 else now.monotonic, utc), record))
        return replayed

    def records(self, incident: str | None = None, limit: int = 1000) -> Sequence[tuple[Moment, Mapping[str, Any]]]:
        """The last `limit` records, of one incident or of all, oldest first, with the moments as they were written."""
        with self._files.reading() as connection:
            rows = connection.execute(
                "SELECT id, at_utc, at_monotonic, body FROM records WHERE ?1 IS NULL OR incident = ?1 "
                "ORDER BY id DESC LIMIT ?2",
                (incident, limit),
            ).fetchall()
        return [
            (Moment(mono, codec.read_time(row, utc)), codec.read_record(row, body))
            for row, utc, mono, body in reversed(rows)
        ]

    def pending(self, limit: int) -> Sequence[OutboxItem]:
        """See `stores.Journal.pending`. Due: the new, what waited through a reboot, and by the monotonic clock."""
        now = self._clock.now()
        with self._files.reading() as connection:
            rows = connection.execute(
                "SELECT id, contact, body, attempts, due FROM (SELECT id, contact, body, attempts, "
                "attempts = 0 OR boot_id != ? OR due_monotonic <= ? AS due, "
                "row_number() OVER (PARTITION BY contact ORDER BY id) AS place "
                "FROM outbox WHERE state = 'pending') WHERE place <= ? ORDER BY id",
                (self._boot_id, now.monotonic, limit),
            ).fetchall()
        return [
            OutboxItem(row, contact, codec.read_notification(row, body), attempts, bool(due))
            for row, contact, body, attempts, due in rows
        ]

    def delivered(self, item_id: int, at: Moment) -> None:
        self._settle(item_id, "delivered", at, "")

    def retry_later(self, item_id: int, at: Moment, delay: float, detail: str) -> None:
        """See `stores.Journal.retry_later`."""
        try:
            due_utc = codec.write_time(datetime.fromtimestamp(at.utc.timestamp() + delay, UTC))
        except (ValueError, OverflowError) as error:
            raise JournalError(f"a retry in {delay} seconds cannot be written to the journal: {error}") from error
        with self._files.transaction() as connection:
            changed = connection.execute(
                "UPDATE outbox SET attempts = attempts + 1, due_utc = ?, due_monotonic = ?, boot_id = ?, "
                "changed_utc = ?, detail = ? WHERE id = ?",
                (due_utc, at.monotonic + delay, self._boot_id, codec.write_time(at.utc), detail, item_id),
            ).rowcount
            self._must_have_changed(changed, item_id)

    def give_up(self, item_id: int, at: Moment, detail: str) -> None:
        self._settle(item_id, "given_up", at, detail)

    def received(self, limit: int) -> Received:
        """See `receipts.Receipts.received`."""
        with self._files.reading() as connection:
            return receipts.read(connection, limit)

    def keep_receipts(self, kept: Sequence[Receipt], at: Moment) -> None:
        """See `receipts.Receipts.keep_receipts`."""
        with self._files.transaction() as connection:
            receipts.write(connection, kept, codec.write_time(at.utc))

    def outbox_counts(self) -> Mapping[str, int]:
        """How many items are `pending`, `delivered` and `given_up`."""
        counts = {"pending": 0, "delivered": 0, "given_up": 0}
        with self._files.reading() as connection:
            counts.update(connection.execute("SELECT state, count(*) FROM outbox GROUP BY state"))
        return counts

    def prune(self, before: datetime) -> int:
        """Forgets settled outbox items and whole closed incidents that are older than `before`; returns how many rows.

        An incident goes only when it is closed and its newest record is older. Facts outside incidents (a pause,
        a container held for a person) stay, but of heartbeats only each job's newest, and likewise of what was learned
        of an action, of starts or of an image. How each dependency was last stays, whichever incident it was in:
        without its end a trouble that is over would look as if it lasted.
        `before` must lie further back than the longest budget window.
        """
        limit = codec.write_time(before)
        opening, closing, superseded = (
            ", ".join(f"'{kind}'" for kind in kinds) for kinds in (OPENING_TYPES, CLOSING_TYPES, NEWEST_SAYS_ALL)
        )
        key = ", ".join(f"json_extract(body, '$.{name}')" for name in KEY)
        newest = self._files.prove_newest()  # the head must not name a record that goes
        with self._files.transaction() as connection:
            gone = connection.execute(
                "DELETE FROM outbox WHERE state != 'pending' AND changed_utc < ?", (limit,)
            ).rowcount
            over = connection.execute(
                "SELECT id, digest FROM records WHERE incident IN (SELECT incident FROM records "  # noqa: S608 - the words are this module's own
                "WHERE incident NOT IN ('', ?) GROUP BY incident HAVING max(at_utc) < ? "
                f"AND max(CASE WHEN type IN ({closing}) THEN id ELSE 0 END) "
                f">= max(CASE WHEN type IN ({opening}) THEN id ELSE 0 END)) "
                "AND id NOT IN (SELECT max(id) FROM records "
                "WHERE type = ? GROUP BY json_extract(body, '$.dependency')) "
                f"UNION SELECT id, digest FROM records WHERE type IN ({superseded}) "
                f"AND id NOT IN (SELECT max(id) FROM records WHERE type IN ({superseded}) GROUP BY type, {key})",
                (newest[5] if newest else "", limit, HEALTH_TYPE),
            ).fetchall()
            connection.executemany("DELETE FROM records WHERE id = ?", [(row,) for row, _ in over])
            records, total = connection.execute("SELECT records, total FROM tally").fetchone()
            connection.execute(
                "UPDATE tally SET records = ?, total = ?",
                (records - len(over), seal.take(total, [digest for _, digest in over])),
            )
            gone += receipts.prune(connection, limit)
        return int(gone) + len(over)

    def close(self) -> None:
        """Closes the file and lets another daemon have the state directory. A second call does nothing."""
        self._files.close()

    def _settle(self, item_id: int, state: str, at: Moment, detail: str) -> None:
        with self._files.transaction() as connection:
            changed = connection.execute(
                "UPDATE outbox SET state = ?, changed_utc = ?, detail = ? WHERE id = ?",
                (state, codec.write_time(at.utc), detail, item_id),
            ).rowcount
            self._must_have_changed(changed, item_id)

    def _must_have_changed(self, changed: int, item_id: int) -> None:
        if changed != 1:
            raise JournalError(f"the journal {self._path} has no outbox item {item_id}")


def _insert(connection: sqlite3.Connection, rows: Sequence[tuple[str, float, str, str, str, str]]) -> Head | None:
    """Writes the records and counts them; the head that must follow when one of them binds the watchdog."""
    if not rows:
        return None
    records, last, total = connection.execute("SELECT records, last, total FROM tally").fetchone()
    sealed = [(number, *row) for number, row in enumerate(rows, start=last + 1)]
    digests = [seal.digest(*row) for row in sealed]
    connection.executemany(
        f"INSERT INTO records ({reading.COLUMNS}, digest) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - the words are this module's own
        [(*row, digest) for row, digest in zip(sealed, digests, strict=True)],
    )
    connection.execute(
        "UPDATE tally SET records = ?, last = ?, total = ?",
        (records + len(rows), last + len(rows), seal.add(total, digests)),
    )
    return Head.of(sealed[-1]) if any(row[3] in BINDING for row in rows) else None
