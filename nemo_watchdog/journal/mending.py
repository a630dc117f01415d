"""Going on from what can be read, when a person has said so: a new file with it, and the old ones kept aside.

A crash at any point leaves either the damage as it was or the new journal whole: the head is the last to change.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path

from nemo_watchdog.errors import JournalError
from nemo_watchdog.journal import codec, receipts, seal
from nemo_watchdog.journal.migrations import migrate
from nemo_watchdog.journal.reading import COLUMNS, OUTBOX_COLUMNS, Found, connect
from nemo_watchdog.journal.seal import head_of, sync_folder


def create(path: Path) -> None:
    """An empty journal. Raises `OSError` and `sqlite3.Error`."""
    seal.Head().write(head_of(path))  # first: a journal without a head is damaged, a head of nothing is not
    _build(path, Found()).replace(path)
    sync_folder(path.parent)


def renew(path: Path, found: Found, at: datetime) -> None:
    """Puts a new journal with what was found in the place of the damaged one. Raises `OSError` and `sqlite3.Error`.

    Nobody may have the old one open. What there is of it is kept in the folder `damaged-TIME` beside it.
    """
    new = _build(path, found)
    aside = path.with_name(f"damaged-{at:%Y%m%dT%H%M%S.%fZ}")
    aside.mkdir(mode=0o700, exist_ok=True)
    beside = [Path(f"{path}{suffix}") for suffix in ("-wal", "-shm")]
    for file in (path, *beside, head_of(path)):
        with suppress(FileNotFoundError, FileExistsError):
            os.link(file, aside / file.name)
    for file in beside:
        file.unlink(missing_ok=True)
    new.replace(path)
    sync_folder(path.parent)
    found.head().write(head_of(path))


def _build(path: Path, found: Found) -> Path:
    """The new file, complete and on disk, under a name of its own."""
    new = path.with_name(f"{path.name}.new")
    for file in (new, Path(f"{new}-journal")):
        file.unlink(missing_ok=True)
    os.close(os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    with closing(connect(new, "mode=rw")) as connection:
        migrate(connection)
        connection.execute("BEGIN IMMEDIATE")
        digests = [seal.digest(*row) for row in found.rows]
        connection.executemany(
            f"INSERT INTO records ({COLUMNS}, digest) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - the words are this module's own
            [(*row, digest) for row, digest in zip(found.rows, digests, strict=True)],
        )
        connection.execute(
            "UPDATE tally SET records = ?, last = ?, total = ?",
            (len(digests), found.head().last, seal.add(seal.NOTHING, digests)),
        )
        for item in found.outbox:
            with suppress(sqlite3.IntegrityError, JournalError):
                codec.read_notification(0, str(item[2]))
                connection.execute(f"INSERT INTO outbox ({OUTBOX_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", item)  # noqa: S608 - the words are this module's own
        receipts.put_back(connection, found.told, found.threads)
        connection.execute("COMMIT")
    return new
