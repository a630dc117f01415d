"""The proof that no record is missing: a checksum in each, their sum in the database, the last one in a file beside it.

SQLite drops without a word what a damaged write-ahead log no longer proves, and a database is as sound when it is
yesterday's (https://www.sqlite.org/fileformat2.html#the_write_ahead_log). The sum finds what is missing in the middle,
the file beside it what is missing at the end. When all of them are of another time, as a backup that was put back, the
file beside it shows that: it says when it was born, and a copy was born later. Checksums are against accidents, not
against people.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from nemo_watchdog.journal.birth import birth
from nemo_watchdog.regular_file import NotRegular, opened

Row = tuple[int, str, float, str, str, str, str]
"""id, at_utc, at_monotonic, boot_id, type, incident, body; as the columns of the table `records` stand."""

BINDING = frozenset(
    {
        "action_intended",
        "escalated",
        "paused",
        "resumed",
        "touched",
        "released",
        "maintenance_began",
        "maintenance_ended",
        "journal_accepted",
    }
)
"""Types of the records that hold the watchdog back: none of them may be lost without a word."""

SIZE = 32
"""Bytes of a checksum."""

MOST = 4096
"""Bytes of a head; it has some 200."""


_encoder = json.JSONEncoder(separators=(",", ":"))


def digest(*row: object) -> bytes:
    """The checksum of a record: over its number, its times and its words."""
    return hashlib.sha256(_encoder.encode(row).encode()).digest()


def add(total: bytes, digests: Iterable[bytes]) -> bytes:
    """The sum with more checksums in it; it does not depend on their order, so that the old can be taken out."""
    return _wrapped(_number(total) + sum(map(_number, digests)))


def take(total: bytes, digests: Iterable[bytes]) -> bytes:
    return _wrapped(_number(total) - sum(map(_number, digests)))


def _number(value: bytes) -> int:
    return int.from_bytes(value)


def _wrapped(value: int) -> bytes:
    return (value % (1 << 8 * SIZE)).to_bytes(SIZE)


NOTHING = bytes(SIZE)
"""The sum of no records."""


class DigestSum:
    """`add` as an aggregate function for SQLite."""

    def __init__(self) -> None:
        self._total = NOTHING

    def step(self, value: bytes) -> None:
        self._total = add(self._total, [value])

    def finalize(self) -> bytes:
        return self._total


@dataclass(frozen=True, slots=True)
class Head:
    """The newest record that the journal must have; number 0 while it has had none. The database may be ahead of it."""

    last: int = 0
    digest: str = ""
    copied: bool = field(default=False, compare=False)
    """Whether the file that it was read from is another one than was written: then nobody knows of what time it is."""

    @classmethod
    def of(cls, row: Row) -> Head:
        return cls(row[0], digest(*row).hex())

    def write(self, path: Path) -> None:
        """Into place at once, and on disk on return. The file says when it was born itself. Raises `OSError`."""
        new = path.with_name(f"{path.name}.new")
        new.unlink(missing_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            values = {"last": self.last, "digest": self.digest, "check": self._check(), "born": birth(descriptor)}
            file.write(json.dumps(values) + "\n")
            file.flush()
            os.fsync(descriptor)
        new.replace(path)
        sync_folder(path.parent)

    @classmethod
    def read(cls, path: Path) -> Head | None:
        """None where there is no such file. Raises `OSError`, and `ValueError` for what `write` did not write."""
        try:
            with opened(path) as descriptor:
                values = json.loads(os.read(descriptor, MOST))
                here = birth(descriptor)
            born = values.get("born")  # of an older version's head nobody can say it
            head = cls(values["last"], values["digest"], copied=None not in (born, here) and born != here)
            if values["check"] != head._check():
                raise ValueError("its checksum is wrong")
        except FileNotFoundError:
            return None
        except NotRegular as error:
            raise ValueError(error.strerror) from None
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"it lacks {error}") from error
        return head

    def _check(self) -> str:
        return digest(self.last, self.digest).hex()


def head_of(journal: Path) -> Path:
    """Where the head of the journal at that path is kept: under a name that a pattern for the database misses."""
    return journal.with_suffix(".head")


def sync_folder(folder: Path) -> None:
    """What was made, renamed or removed in it is on disk on return."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
