"""What a program said as it ended: lines of the real programs, and lines that others made them write."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from nemo_watchdog.engine.last_words import LONGEST, SAID_JUST_BEFORE, at_risk
from nemo_watchdog.model import ContainerEvent, ContainerStatus, LogLine, Past, Reason, RunState

ENDED = datetime(2026, 11, 26, 13, 7, 10, tzinfo=UTC)
PG = "2026-11-26 13:07:09.684 UTC [43] "
REDIS = "1:M 26 Nov 2026 13:07:09.631 "


def ended(code: int | None = 1, **more: object) -> ContainerStatus:
    began = ENDED - timedelta(hours=1)
    status = {"state": RunState.EXITED, "started_at": began, "finished_at": ENDED, "exit_code": code, **more}
    return ContainerStatus(**status)  # type: ignore[arg-type]


def lines(*texts: str, before: float = 0.5) -> list[LogLine]:
    return [LogLine(ENDED - timedelta(seconds=before), text) for text in texts]


def told_by(status: ContainerStatus, said: Sequence[LogLine], *past: ContainerEvent) -> tuple[Reason, str] | None:
    return at_risk(status, said, Past(past))


def die(seconds: float) -> ContainerEvent:
    """An end so many seconds before this one."""
    return ContainerEvent("postgres", "die", at=ENDED - timedelta(seconds=seconds))


def reason(texts: Sequence[str], code: int | None = 1) -> Reason | None:
    told = told_by(ended(code), lines(*texts))
    return None if told is None else told[0]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ('FATAL:  could not write lock file "postmaster.pid": No space left on device', Reason.DISK_FULL),
        ('FATAL:  could not write to file "pg_wal/xlogtemp.43": No space left on device', Reason.DISK_FULL),
        ('PANIC:  could not write to file "pg_wal/xlogtemp.37": No space left on device', Reason.DISK_FULL),
        ('PANIC:  could not write to file "pg_logical/replorigin": Disk quota exceeded', Reason.DISK_FULL),
        ('PANIC:  could not fsync file "pg_wal/000000010000000000000001": Input/output error', Reason.IO_ERROR),
        ('FATAL:  could not open file "global/pg_control": Input/output error', Reason.IO_ERROR),
        ('FATAL:  could not create lock file "postmaster.pid": Read-only file system', Reason.READ_ONLY),
        ("PANIC:  could not locate a valid checkpoint record", Reason.DATA_CORRUPTED),
        ("PANIC:  could not locate a valid checkpoint record at 0/1500780", Reason.DATA_CORRUPTED),
        ("FATAL:  could not locate required checkpoint record", Reason.DATA_CORRUPTED),
        ("FATAL:  incorrect checksum in control file", Reason.DATA_CORRUPTED),
        ("PANIC:  WAL contains references to invalid pages", Reason.DATA_CORRUPTED),
        ('PANIC:  could not read file "global/pg_control": read 0 of 296', Reason.DATA_CORRUPTED),
        ("FATAL:  database files are incompatible with server", Reason.DATA_UNUSABLE),
        ('FATAL:  data directory "/data/pg" has invalid permissions', Reason.DATA_UNUSABLE),
        ('FATAL:  data directory "/data/pg" has wrong ownership', Reason.DATA_UNUSABLE),
        ('FATAL:  data directory "/data/pg" does not exist', Reason.DATA_UNUSABLE),
        ('FATAL:  specified data directory "/data/pg" is not a directory', Reason.DATA_UNUSABLE),
        ('FATAL:  "/data" is not a valid data directory', Reason.DATA_UNUSABLE),
        ('FATAL:  required WAL directory "pg_wal" does not exist', Reason.DATA_UNUSABLE),
        ('FATAL:  could not change directory to "/data": No such file or directory', Reason.DATA_UNUSABLE),
        ('FATAL:  could not read permissions of directory "/data": Permission denied', Reason.DATA_UNUSABLE),
        ('PANIC:  could not open file "global/pg_control": Permission denied', Reason.DATA_UNUSABLE),
        ("FATAL:  WAL was generated with wal_level=minimal, cannot continue recovering", Reason.DATA_UNUSABLE),
        ("FATAL:  recovery ended before configured recovery target was reached", Reason.DATA_UNUSABLE),
        ('FATAL:  could not open file "global/pg_filenode.map": No such file or directory', Reason.DATA_CORRUPTED),
        ('FATAL:  could not open directory "pg_notify": No such file or directory', Reason.DATA_CORRUPTED),
        ('FATAL:  could not open directory "./pg_wal": No such file or directory', Reason.DATA_CORRUPTED),
        (
            'PANIC:  could not open file "pg_wal/000000010000000000000001": No such file or directory',
            Reason.DATA_CORRUPTED,
        ),
        ('FATAL:  could not read file "global/pg_filenode.map": read 0 of 512', Reason.DATA_CORRUPTED),
        ('FATAL:  relation mapping file "global/pg_filenode.map" contains incorrect checksum', Reason.DATA_CORRUPTED),
        ('PANIC:  checksum mismatch for replication slot file "pg_replslot/a/state": is 1, ', Reason.DATA_CORRUPTED),
        ('PANIC:  replication slot file "pg_replslot/a/state" has wrong magic number: 1', Reason.DATA_CORRUPTED),
        ('FATAL:  invalid data in file "backup_label"', Reason.DATA_CORRUPTED),
        ("FATAL:  syntax error in history file: x", Reason.DATA_CORRUPTED),
        ("PANIC:  unexpected timeline ID 2 (should be 1) in shutdown checkpoint record", Reason.DATA_CORRUPTED),
        ("PANIC:  invalid redo in checkpoint record", Reason.DATA_CORRUPTED),
        # what a restart may mend, or what is no matter of its data
        ('FATAL:  invalid value for parameter "shared_buffers": "x"', None),
        ('FATAL:  lock file "postmaster.pid" already exists', None),
        ("FATAL:  could not create shared memory segment: No space left on device", None),
        ('FATAL:  could not create lock file "/run/x.lock": No such file or directory', None),
        ("FATAL:  could not create semaphores: No space left on device", None),
        ("FATAL:  the database system is not yet accepting connections", None),
        ('FATAL:  could not open file "/home/me/base/x": No such file or directory', None),
        ('FATAL:  could not load private key file "server.key": Permission denied', None),
        # what a client writes there
        ('ERROR:  could not open file "base/5/16384": No such file or directory', None),
        ('FATAL:  database ""/data" is not a valid data directory" does not exist', None),
        ('LOG:  could not write to file "x": No space left on device', None),  # RAISE LOG
        ('ERROR:  could not extend file "base/5/16384": No space left on device', None),
        ('WARNING:  could not write to file "x": No space left on device', None),
        ('STATEMENT:  PANIC:  could not write to file "x": No space left on device', None),
        ('LOG:  statement: select $$ PANIC:  could not write to file "x": No space left on device', None),
        ('FATAL:  role "could not write: No space left on device" does not exist', None),
        ('FATAL:  database "x PANIC:  could not write: No space left on device', None),
        ("FATAL:  unsupported frontend protocol: No space left on device", None),
        ("FATAL:  could not connect to the primary server: FATAL:  x: No space left on device", None),
    ],
)
def test_postgres(said: str, expected: Reason | None) -> None:
    """With its last line after it; PANIC and FATAL are words that no client can raise."""
    assert reason([PG + said, PG + "LOG:  database system is shut down"]) is expected


CONFIGURATION = 'postgres: could not access the server configuration file "/data/postgresql.conf": '
NO_SYSTEM = ("postgres: could not find the database system", 'Expected to find it in the directory "/data",')
NO_CONTROL = 'but could not open file "/data/global/pg_control": '
MISSING = "No such file or directory"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ([CONFIGURATION + MISSING], Reason.DATA_UNUSABLE),
        (["/usr/lib/postgresql/15/bin/" + CONFIGURATION + "Permission denied"], Reason.DATA_UNUSABLE),
        ([CONFIGURATION + "Input/output error"], Reason.IO_ERROR),
        (['postgres: could not access directory "/data": ' + MISSING, "Run initdb or"], Reason.DATA_UNUSABLE),
        ([*NO_SYSTEM, NO_CONTROL + MISSING], Reason.DATA_UNUSABLE),
        ([*NO_SYSTEM, NO_CONTROL + "Input/output error"], Reason.IO_ERROR),
        ([CONFIGURATION + MISSING, "a", "b", "c"], None),
        (["somebody: " + CONFIGURATION + MISSING], None),
        (["\t" + CONFIGURATION + MISSING], None),
        (["postgres: superuser_reserved_connections (9) must be less than max_connections (3)"], None),
        (["postgres does not know where to find the server configuration file."], None),
    ],
)
def test_postgres_without_its_data_directory(said: Sequence[str], expected: Reason | None) -> None:
    """It has no log yet: only its last lines of all count, and only with the code that it ends with there."""
    assert reason(said, code=2) is expected
    assert reason(said, code=1) is not Reason.DATA_UNUSABLE


def test_what_postgres_says_of_its_data_directory_is_shown() -> None:
    """In one line, without its own name."""
    told = told_by(ended(2), lines(*NO_SYSTEM, NO_CONTROL + MISSING))
    assert told is not None
    assert told[1] == f"could not find the database system {NO_SYSTEM[1]} {NO_CONTROL}{MISSING}"


@pytest.mark.parametrize(
    ("line", "counts"),
    [
        ("2026-11-26 13:07:09 +03 [43] PANIC:  incorrect checksum in control file", True),
        ("2026-11-26 13:07:09 UTC [43]: [1-1] user=,db=,app=,client= PANIC:  incorrect checksum in control file", True),
        ("2026-11-26 13:07:09.1 UTC [43] me@app PANIC:  incorrect checksum in control file", True),
        ("2026-11-26 13:07:09.1 UTC [43] app=PANIC:  incorrect checksum in control file LOG:  duration: 3 ms", False),
        ("2026-11-26 13:07:09.1 UTC [43] app=LOG:  x PANIC:  incorrect checksum in control file", False),
        ("\t2026-11-26 13:07:09.1 UTC [43] PANIC:  incorrect checksum in control file", False),
        ("PANIC:  incorrect checksum in control file", False),
        ("app said: 2026-11-26 13:07:09.1 UTC [43] PANIC:  incorrect checksum in control file", False),
    ],
)
def test_where_a_line_of_postgres_begins(line: str, counts: bool) -> None:
    """With time and process at its head and one severity in it: a second line of a statement begins with a tab."""
    assert (reason([line]) is Reason.DATA_CORRUPTED) is counts


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("# Wrong signature trying to load DB from file", Reason.DATA_CORRUPTED),
        ("# Fatal error loading the DB: Invalid argument. Exiting.", Reason.DATA_CORRUPTED),
        ("# Fatal error loading the DB: Input/output error. Exiting.", Reason.IO_ERROR),
        ("# Fatal error loading the DB: Permission denied. Exiting.", Reason.DATA_UNUSABLE),
        ("# Short read or OOM loading DB. Unrecoverable error, aborting now.", Reason.DATA_CORRUPTED),
        ("# Internal error in RDB reading offset 0, function at rdb.c:1 -> x", Reason.DATA_CORRUPTED),
        ("# Bad file format reading the append only file a.aof: make a backup of your", Reason.DATA_CORRUPTED),
        ("# Unexpected end of file reading the append only file a.aof. You can: 1) Make", Reason.DATA_CORRUPTED),
        ("# Unrecoverable error reading the append only file a.aof: Input/output error", Reason.IO_ERROR),
        ("# Unable to obtain the AOF file a.rdb length. stat: No such file or directory", Reason.DATA_CORRUPTED),
        ("# Write error writing append only file on disk: No space left on device", Reason.DISK_FULL),
        ("# Can't persist AOF for fsync error when the AOF fsync policy is 'always': x. E", Reason.PERSISTENCE_FAILED),
        ("# Can't open or create append-only dir appendonlydir: Read-only file system", Reason.READ_ONLY),
        ("# Can't open or create append-only dir appendonlydir: Permission denied", Reason.DATA_UNUSABLE),
        ("# Can't chdir to '/data': No such file or directory", Reason.DATA_UNUSABLE),
        ("# Can't handle RDB format version 99", Reason.DATA_UNUSABLE),
        ("# Can't recover from AOF write error when the AOF fsync policy is 'always'. Exi", Reason.PERSISTENCE_FAILED),
        ("# Invalid AOF manifest file format", Reason.DATA_CORRUPTED),
        ("# Found an empty AOF manifest", Reason.DATA_CORRUPTED),
        ("# Found a non-monotonic sequence number", Reason.DATA_CORRUPTED),
        ("# Unknown AOF file type", Reason.DATA_CORRUPTED),
        ("# Fatal error: can't open the append log file a.aof for reading: No such file", Reason.DATA_CORRUPTED),
        ("# The RDB file contains module data I can't load: no matching module type 'x'", Reason.DATA_UNUSABLE),
        ("# You can't have keys in a DB different than DB 0 when in Cluster mode. Exiting.", Reason.DATA_UNUSABLE),
        ("# Aborting Redis startup because of ACL errors: x", None),
        ("# Warning: Could not create server TCP listening socket *:6379: bind: Address already in use", None),
        ("# Out Of Memory allocating 12 bytes!", None),
        ("* Wrong signature trying to load DB from file", None),
        ("# User said Wrong signature trying to load DB from file", None),
    ],
)
def test_redis(said: str, expected: Reason | None) -> None:
    """Its last line, with its own mark of a warning."""
    assert reason([REDIS + "# Server initialized", REDIS + said]) is expected


def test_redis_is_believed_in_its_last_line_and_only_where_it_gave_up() -> None:
    """A script can write any line to its log; what its own checker prints after the last one is none of its lines."""
    planted = REDIS + "# Wrong signature trying to load DB from file"
    assert reason([planted, "[offset 41] AUX FIELD redis-bits = '64'"]) is Reason.DATA_CORRUPTED
    assert reason([planted, REDIS + "* 1 changes in 3600 seconds. Saving..."]) is None
    assert reason([planted, REDIS + "# User requested shutdown..."]) is None
    assert reason([planted], code=2) is None


def test_redis_that_gives_up_on_its_append_only_file_has_said_why_before() -> None:
    """What the disk did is the better reason, and the better words."""
    last = REDIS + "# Can't recover from AOF write error when the AOF fsync policy is 'always'. Exiting..."
    full = "Error writing to the AOF file: No space left on device"
    assert told_by(ended(), lines(REDIS + "# " + full, last)) == (Reason.DISK_FULL, full)
    assert reason([REDIS + "# Short write while writing to the AOF file: (nwritten=1, expected=2)", last]) is (
        Reason.PERSISTENCE_FAILED
    )
    assert reason([last]) is Reason.PERSISTENCE_FAILED


def test_redis_that_says_what_is_wrong_with_its_data_is_believed_over_the_line_before() -> None:
    """A disk that was full a moment ago mends no file, and alone it ended nothing."""
    full = REDIS + "# Error writing to the AOF file: No space left on device"
    assert reason([full, REDIS + "# Bad file format reading the append only file"]) is Reason.DATA_CORRUPTED
    assert reason([full, REDIS + "# Aborting Redis startup because of ACL errors: x"]) is None


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        ("OSError: [Errno 28] No space left on device: '/data/x'", Reason.DISK_FULL),
        ("OSError: [Errno 28] No space left on device", Reason.DISK_FULL),
        ("OSError: [Errno 5] Input/output error: '/data/x'", Reason.IO_ERROR),
        ("OSError: [Errno 30] Read-only file system: '/data/x'", Reason.READ_ONLY),
        ("panic: write /data/x: no space left on device", Reason.DISK_FULL),
        ('Error: Os { code: 28, kind: StorageFull, message: "No space left on device" }', None),
        ("cp: error writing '/data/x': No space left on device", Reason.DISK_FULL),
        ("write failed: No space left on device (os error 28)", Reason.DISK_FULL),
        ("OSError: [Errno 28] No space left on device: '/dev/shm/torch'", None),
        ('GET "/No space left on device" 404', None),
        ("the client said No space left on device", None),
    ],
)
def test_any_program(last: str, expected: Reason | None) -> None:
    """Its last line of all, and what that ends with; nothing of the line is shown."""
    assert reason(["Traceback (most recent call last):", last]) is expected
    assert reason([last, "and then it said something else"]) is None
    told = told_by(ended(), lines(last))
    assert told is None or "data" not in told[1]


@pytest.mark.parametrize(
    ("code", "counts"),
    [(1, True), (2, True), (134, True), (0, False), (128, False), (137, False), (139, False), (143, False)],
)
def test_what_was_killed_or_ended_well_explains_nothing(code: int, counts: bool) -> None:
    """Whatever it may have written before: it did not end for it."""
    assert (reason([PG + "PANIC:  incorrect checksum in control file"], code) is not None) is counts


def test_only_what_was_said_at_this_end_counts() -> None:
    """An old line is of something that it has outlived, one of the run before is of another end."""
    line = PG + "PANIC:  incorrect checksum in control file"
    long_ago = SAID_JUST_BEFORE.total_seconds() + 1.0
    assert told_by(ended(), lines(line, before=long_ago)) is None
    a_second_ago = ended(started_at=ENDED - timedelta(seconds=1))
    assert told_by(a_second_ago, lines(line, before=2.0), die(1.5)) is None
    assert told_by(a_second_ago, lines(line, before=7.0)) is None
    assert told_by(a_second_ago, lines(line), die(1.5)) is not None
    assert told_by(ended(started_at=ENDED + timedelta(hours=1)), lines(line)) is not None  # the clock was set back
    assert told_by(ended(finished_at=None), lines(line)) is None
    assert told_by(ended(code=None), lines(line)) is None
    assert told_by(ended(), []) is None


@pytest.mark.parametrize("late", [0.499, -0.01], ids=["before-its-end", "after-its-end"])
def test_what_ends_at_once_has_spoken_before_docker_says_that_it_was_started(late: float) -> None:
    """Docker writes down a start after it; the run before has ended before the first word of this one."""
    status = ended(started_at=ENDED - timedelta(seconds=late))
    line = PG + 'FATAL:  data directory "/data/pg" has invalid permissions'
    assert told_by(status, lines(line), die(30.0), die(-0.1)) is not None
    assert told_by(status, lines(line), die(0.5), die(-0.1)) is None


def test_what_is_shown_is_one_line_of_bounded_length() -> None:
    """The program's words, without what stands before them: that may name a user."""
    said = f'PANIC:  could not write to file "\x1b[2J{"x" * 500}": No space left on device'
    told = told_by(ended(), lines(PG.replace("[43] ", "[43] secret@app ") + said))
    assert told is not None
    assert told[1].startswith('PANIC: could not write to file " [2Jxxx')
    assert len(told[1]) == LONGEST
    assert "secret" not in told[1]


@pytest.mark.parametrize(("length", "is_cut"), [(LONGEST, False), (LONGEST + 1, True)])
def test_what_is_no_longer_than_that_is_shown_whole(length: int, is_cut: bool) -> None:
    said = "FATAL: incorrect checksum in control file".ljust(length, "x")
    told = told_by(ended(), lines(PG + said.replace(": ", ":  ")))
    assert told is not None
    assert len(told[1]) == LONGEST
    assert told[1].endswith("…") is is_cut
