"""The proof that no record is missing: a checksum in each, their sum in the database, the last one in a file beside it.

SQLite drops without a word what a damaged write-ahead log no longer proves, and a database is as sound when it is
yesterday's (https://www.sqlite.org/fileformat2.html#the_write_ahead_log). The sum finds what is missing in the middle,
the file beside it what is missing at the end. Checksums are against accidents, not against people.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

Row = tuple[int, str, float, str, str, str, str]
"""id, at_utc, at_monotonic, boot_id, type, incident, body; as the columns of the table `records` stand."""

BINDING = frozenset({"action_intended", "escalated", "paused", "resumed", "touched", "released", "journal_accepted"})
"""Types of the records that hold the watchdog back: none of them may be lost without a word."""

SIZE = 32
"""Bytes of a checksum."""


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

    @classmethod
    def of(cls, row: Row) -> Head:
        return cls(row[0], digest(*row).hex())

    def write(self, path: Path) -> None:
        """Into place at once, and on disk on return. Raises `OSError`."""
        new = path.with_name(f"{path.name}.new")
        text = json.dumps({"last": self.last, "digest": self.digest, "check": self._check()}) + "\n"
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        new.replace(path)
        sync_folder(path.parent)

    @classmethod
    def read(cls, path: Path) -> Head | None:
        """None where there is no such file. Raises `OSError`, and `ValueError` for what `write` did not write."""
        try:
            values = json.loads(path.read_bytes())
            head = cls(values["last"], values["digest"])
            if values["check"] != head._check():
                raise ValueError("its checksum is wrong")
        except FileNotFoundError:
            return None
        except (KeyError, TypeError) as error:
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
