"""An archive that is not sound, or not ours: nothing is decided by it, so the daemon goes on with a new one."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from nemo_watchdog.archive import SqliteArchive
from nemo_watchdog.archive.migrations import MIGRATIONS
from nemo_watchdog.errors import ArchiveError
from nemo_watchdog.evidence import Missing
from tests.unit.archive.parts import at, evidence, run

EVER = (at(-1e9), at(1e9))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Of an archive with something in it, which nobody has open."""
    file = tmp_path / "archive.sqlite3"
    with closing(SqliteArchive(file)) as archive:
        archive.keep_evidence(evidence(more=5, text="text\n" * 2000))
        archive.keep_looks([run(n * 100, n * 100 + 90) for n in range(500)])
    return file


def aside(path: Path) -> list[Path]:
    return sorted(path.parent.glob("archive.sqlite3.damaged-*"))


def test_a_file_that_is_no_database_is_put_aside(path: Path) -> None:
    """With a line in the log, and what was in it."""
    path.write_bytes(b"not a database" * 1000)
    with capture_logs() as lines, closing(SqliteArchive(path)) as archive:
        archive.keep_evidence(evidence())
        assert archive.evidence_of("i-1") == [evidence()]
    (old,) = aside(path)
    assert old.read_bytes() == b"not a database" * 1000
    (line,) = lines
    assert line["event"] == "archive is damaged: put aside, and a new one begun"
    assert (line["log_level"], line["aside"]) == ("error", str(old))


def test_only_the_newest_damaged_one_is_kept(path: Path) -> None:
    """A bad disk must not fill what is left of it."""
    for name in ("archive.sqlite3.damaged-20250101T000000Z", "archive.sqlite3.damaged-20250101T000000Z-wal"):
        (path.parent / name).write_text("old", encoding="ascii")
    path.write_bytes(b"not a database" * 1000)
    SqliteArchive(path).close()
    (old,) = aside(path)
    assert old.stat().st_size == 14_000


def test_damage_that_is_found_later_is_put_aside_by_the_next_write(path: Path) -> None:
    """The call that finds it says so; the one after it that writes goes on in a new file."""
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)  # all but the first page, with which it opens
    path.write_bytes(data)
    with closing(SqliteArchive(path)) as archive:
        with pytest.raises(ArchiveError, match=r"cannot be (read|written): .*malformed"):
            archive.looks("gateway", *EVER)
        with pytest.raises(ArchiveError, match="malformed"):
            archive.evidence_of("i-1")
        archive.keep_looks([run(0, 10)])
        assert archive.looks("gateway", *EVER) == [run(0, 10)]
    assert len(aside(path)) == 1


def test_damage_that_a_write_finds(path: Path) -> None:
    """That write is lost and says so, and the next one is kept."""
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    path.write_bytes(data)
    with closing(SqliteArchive(path)) as archive:
        with pytest.raises(ArchiveError, match="malformed"):
            archive.keep_evidence(evidence())
        archive.keep_evidence(evidence())
        assert archive.evidence_of("i-1") == [evidence()]
    assert len(aside(path)) == 1


def test_any_flipped_byte_is_an_error_or_no_harm(path: Path) -> None:
    """Whatever it hits, each call answers or is an `ArchiveError`, and in the end the archive takes writes."""
    whole = path.read_bytes()
    for place in (*range(100, 4096, 97), *range(4096, len(whole), 1009)):  # the header may say that it is another's
        data = bytearray(whole)
        data[place] ^= 0xA5
        path.write_bytes(data)
        with closing(SqliteArchive(path)) as archive:
            for call in (
                partial(archive.looks, "gateway", *EVER),
                partial(archive.evidence_of, "i-1"),
                partial(archive.gates, "gateway", at(0)),
                partial(archive.prune, at(10), at(-1e6), 2**30),
                partial(archive.keep_looks, [run(1e6, 1e6 + 10)]),
            ):
                with suppress(ArchiveError):
                    call()
            archive.keep_looks([run(1e6, 1e6 + 20)])
            assert archive.looks("gateway", at(1e6), at(2e6)) == [run(1e6, 1e6 + 20)], place
        for file in (*aside(path), *path.parent.glob("archive.sqlite3-*")):
            file.unlink()


def test_a_part_whose_text_is_damaged_is_a_missing_one(path: Path) -> None:
    """SQLite does not see it; the rest of the evidence can still be read."""
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("UPDATE parts SET text = x'00ff' WHERE place = 1")
    with closing(SqliteArchive(path)) as archive:
        (kept,) = archive.evidence_of("i-1")
    assert [part.name for part in kept.parts] == ["gateway.log", "part.1.txt", "part.2.txt", "part.3.txt", "part.4.txt"]
    assert Missing("part.0.txt", "its text is damaged on the disk") in kept.missing


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        (
            f"PRAGMA user_version = {len(MIGRATIONS) + 1}",
            r"written by a newer nemo-watchdog \(schema 2; this one knows 1\): install that version again, or move the",
        ),
        (
            "PRAGMA application_id = 7",
            "this SQLite file belongs to another program: move it away, and a new one is made",
        ),
    ],
)
def test_a_newer_or_foreign_file_is_refused_and_left_alone(path: Path, statement: str, said: str) -> None:
    """It is not damaged: somebody still wants it."""
    with closing(sqlite3.connect(path)) as raw:
        raw.execute(statement)
    before = path.read_bytes()
    with pytest.raises(ArchiveError, match=said):
        SqliteArchive(path)
    assert path.read_bytes() == before
    assert aside(path) == []


def test_an_empty_file_becomes_an_archive(path: Path) -> None:
    """A crash may have come between making it and filling it; space is given back all the same."""
    path.write_bytes(b"")
    with closing(SqliteArchive(path)) as archive:
        archive.keep_evidence(evidence())
        assert archive.evidence_of("i-1") == [evidence()]
    with closing(sqlite3.connect(path)) as raw:
        assert raw.execute("PRAGMA auto_vacuum").fetchone() == (2,)


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["folder", "pipe"])
def test_what_is_no_file_is_refused(tmp_path: Path, make: object) -> None:
    """SQLite would wait for the other end of a pipe."""
    path = tmp_path / "archive.sqlite3"
    make(path)  # type: ignore[operator]
    with pytest.raises(ArchiveError, match="is not a regular file: move it away, and a new one is made"):
        SqliteArchive(path)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    """In words."""
    path = tmp_path / "nowhere" / "archive.sqlite3"
    with pytest.raises(ArchiveError, match=f"the archive {path} cannot be written: .*No such file"):
        SqliteArchive(path)


def test_an_archive_that_is_removed_while_it_is_open_begins_anew(path: Path) -> None:
    """Somebody made room: what comes goes into a file that can be seen."""
    with closing(SqliteArchive(path)) as archive:
        path.unlink()
        archive.keep_looks([run(0, 10)])
        assert archive.looks("gateway", *EVER) == [run(0, 10)]
        assert archive.evidence_of("i-1") == []
    assert path.exists()
    assert aside(path) == []
