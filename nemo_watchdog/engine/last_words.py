"""What a program said as it ended: whether its data or its disk are at risk, which no restart mends. Pure.

Only what the program says of itself counts, and not what its clients can make it write:
- Of Postgres, FATAL and PANIC alone: `RAISE LOG` writes what a client likes (PostgreSQL 15, Errors and Messages). A
  line in which a second severity stands is nobody's word: an application's name may hold one.
- Of a Postgres that finds no data directory, and has no log yet, its very last lines, at an end with exit code 2.
- Of Redis, its very last line, at an end with exit code 1: a script's `redis.log` writes anything, but does not end it.
- Of any other program, the last line of all, and only what it ends with; none of it is shown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType

from nemo_watchdog.engine import signals
from nemo_watchdog.model import ContainerStatus, LogLine, Past, Reason

SAID_JUST_BEFORE = timedelta(seconds=10)
"""What was said longer before the end is not about it. A Postgres that gives up takes seconds to be down."""

LONGEST = 160
"""Characters of a line that are shown."""

ERRNO: Mapping[str, Reason] = MappingProxyType(
    {
        "no space left on device": Reason.DISK_FULL,
        "disk quota exceeded": Reason.DISK_FULL,
        "input/output error": Reason.IO_ERROR,
        "read-only file system": Reason.READ_ONLY,
    }
)
"""The C library's words (strerror), in which a program tells what its disk did."""

_ERRNO = "|".join(ERRNO)

# `log_line_prefix` of Postgres begins with the time and the process id (`%m [%p] `, the default); more may follow.
_POSTGRES = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? \S+ \[\d+\][^\"]*? (PANIC|FATAL):  (?P<said>.*)")
_SEVERITY = re.compile(r"\b(?:DEBUG|LOG|INFO|NOTICE|WARNING|ERROR|FATAL|PANIC|DETAIL|HINT|CONTEXT|QUERY|STATEMENT):  ")
_POSTGRES_DISK = re.compile(rf"could not (?!.*(?:shared memory|semaphore)).*: (?P<errno>{_ERRNO})", re.IGNORECASE)
"""Not those of the kernel's limits: `could not create shared memory segment: No space left on device`."""

_ITS_FILE = r"could not \w+(?: from)? (?:file|directory) \"(?:\./)?(?:global|base|pg_\w+)(?:/[^\"]*)?\".*: "
"""It names its own files as seen from its data directory; a client names others (COPY), and ends nothing by that."""

_POSTGRES_DATA = (
    (
        Reason.DATA_CORRUPTED,
        re.compile(
            r"could not locate (?:a valid|required) checkpoint record|could not find redo location"
            r"|incorrect checksum in control file|control file contains invalid|could not read file \"global/pg_control"
            r"|WAL contains references to invalid pages|WAL ends before |corrupted two-phase state"
            r"|could not access status of transaction|backup_label contains data inconsistent"
            r"|requested timeline \d+ (?:is not a child|does not contain)|according to history file"
            r"|(?:invalid data|syntax error) in (?:history )?file|unexpected timeline ID"
            r"|invalid (?:checkpoint record|redo in checkpoint record|(?:magic number|size) stored in file)"
            r"|calculated CRC checksum does not match|relation mapping file|could not restore image"
            r"|(?:checksum mismatch for )?replication slot (?:file|checkpoint)"
            rf"|{_ITS_FILE}(?:read \d|No such file or directory)"
        ),
    ),
    (
        Reason.DATA_UNUSABLE,
        re.compile(
            r"database files are incompatible|data directory \".*\" has (?:wrong ownership|invalid permissions)"
            r"|(?:specified )?data directory \".*\" (?:does not exist|is not a directory)"
            r"|\".*\" is not a valid data directory|required WAL directory \".*\" does not exist"
            r"|could not (?:read permissions of|change) directory|could not stat data directory"
            rf"|{_ITS_FILE}Permission denied"
            r"|WAL was generated with wal_level=minimal|recovery target timeline \d+ does not exist"
            r"|recovery ended before configured recovery target"
        ),
    ),
)

# It writes these, and ends with code 2, before it has a log: src/backend/utils/misc/guc.c, postmaster.c.
_NO_DATA = re.compile(
    r"(?:\S*/)?post(?:gres|master): could not (?:find the database system"
    r"|access (?:directory|the server configuration file) .*)"
)
_NO_DATA_CODE = 2
_NO_DATA_LINES = 3
_NO_DATA_DISK = re.compile(rf".*: (?P<errno>{_ERRNO})", re.IGNORECASE)

_REDIS = re.compile(r"\d+:[A-Z] \d\d? \w{3} \d{4} \d\d:\d\d:\d\d\.\d{3} (?P<level>[.*#-]) (?P<said>.*)")
_REDIS_DISK = re.compile(rf".*: (?P<errno>{_ERRNO})(?:\. Exiting\.*)?", re.IGNORECASE)
_REDIS_DATA = (
    (
        Reason.DATA_CORRUPTED,
        re.compile(
            r"Wrong signature trying to load DB|Short read or OOM loading DB|Internal error in RDB reading"
            r"|Terminating server after rdb file reading failure|Wrong RDB checksum|RDB CRC error"
            r"|Fatal error loading the DB: Invalid argument|Error reading the RDB (?:preamble|base file)"
            r"|(?:Bad file format|Unexpected end of file|Unrecoverable error) reading the append only file"
            r"|Invalid AOF manifest file format|Unknown AOF file type|Read AOF manifest failed"
            r"|Found (?:an empty AOF manifest|duplicate base file information|a non-monotonic sequence number)"
            r"|The AOF manifest file contains too long line|Error loading data from RDB"
            r"|Fatal error: can't open the (?:AOF manifest|append log) file .*: No such file"
            r"|Unknown command '.*' reading the append only file|Unable to obtain the AOF file .* No such file"
            r"|The append log file .* doesn't exist|Unrecoverable error: corrupted cluster config file"
        ),
    ),
    (
        Reason.DATA_UNUSABLE,
        re.compile(
            r"Can't chdir to|Can't handle RDB format version|(?:Fatal error|Can't open).*: Permission denied"
            r"|The RDB file contains (?:AUX )?module data I can't load|You can't have keys in a DB different than DB 0"
        ),
    ),
    (
        Reason.PERSISTENCE_FAILED,
        re.compile(r"Can't (?:recover from AOF write error|persist AOF for fsync error)"),
    ),
)

_ANY_DISK = re.compile(
    rf"(?:.*[:\]] )?(?P<errno>{_ERRNO})(?:: '(?!/dev/shm)[^']*'| \(os error \d+\))?\.?", re.IGNORECASE
)


def tells_its_end(status: ContainerStatus) -> bool:
    """It has ended by its own decision, as not well: what is killed, or ends in good order, explains nothing."""
    code = status.exit_code
    return code is not None and (0 < code < 128 or code == 128 + signals.ABRT)


def at_risk(status: ContainerStatus, lines: Sequence[LogLine], past: Past) -> tuple[Reason, str] | None:
    """What the last lines of this run say against a new start, and in which words; None when nothing does.

    The words are one line that may be shown: the program's own about its files, of which no client is the author.
    """
    since, ended = signals.first_words_since(status, past), status.finished_at
    if not tells_its_end(status) or ended is None:
        return None
    recent = [
        line.text.rstrip()
        for line in lines
        if line.text.strip() and abs(ended - line.at) <= SAID_JUST_BEFORE and (since is None or line.at > since)
    ]
    code = status.exit_code
    return _of_postgres(recent) or _of_no_data(recent, code) or _of_redis(recent, code) or _of_any(recent)


def _of_postgres(lines: Sequence[str]) -> tuple[Reason, str] | None:
    for line in reversed(lines):
        told = _POSTGRES.fullmatch(line)
        if told is None or len(_SEVERITY.findall(line)) != 1:
            continue
        said = told["said"]
        reason = _by_errno(_POSTGRES_DISK, said) or _by_words(_POSTGRES_DATA, said)
        if reason is not None:
            return reason, _shown(f"{told[1]}: {said}")
    return None


def _of_no_data(lines: Sequence[str], exit_code: int | None) -> tuple[Reason, str] | None:
    last = lines[-_NO_DATA_LINES:]
    begins = next((at for at, line in enumerate(last) if _NO_DATA.fullmatch(line)), None)
    if begins is None or exit_code != _NO_DATA_CODE:
        return None
    said = " ".join(last[begins:]).partition(": ")[2]
    return _by_errno(_NO_DATA_DISK, said) or Reason.DATA_UNUSABLE, _shown(said)


def _of_redis(lines: Sequence[str], exit_code: int | None) -> tuple[Reason, str] | None:
    """After its own last line, a Redis that cannot read its file writes what its checker found.

    One that gives up on its append only file has said in the line before what the disk did.
    """
    own = [told for line in lines if (told := _REDIS.fullmatch(line))]
    if not own or own[-1]["level"] != "#" or exit_code != 1:
        return None
    said = own[-1]["said"]
    reason = _by_errno(_REDIS_DISK, said) or _by_words(_REDIS_DATA, said)
    if reason is Reason.PERSISTENCE_FAILED and len(own) > 1:
        cause = own[-2]["said"]
        if (disk := _by_errno(_REDIS_DISK, cause)) is not None:
            return disk, _shown(cause)
    return None if reason is None else (reason, _shown(said))


def _of_any(lines: Sequence[str]) -> tuple[Reason, str] | None:
    if not lines or _POSTGRES.match(lines[-1]) or _REDIS.match(lines[-1]):
        return None
    told = _ANY_DISK.fullmatch(lines[-1])
    return None if told is None else (ERRNO[told["errno"].lower()], told["errno"])


def _by_errno(pattern: re.Pattern[str], said: str) -> Reason | None:
    told = pattern.fullmatch(said)
    return None if told is None else ERRNO[told["errno"].lower()]


def _by_words(table: Sequence[tuple[Reason, re.Pattern[str]]], said: str) -> Reason | None:
    return next((reason for reason, pattern in table if pattern.match(said)), None)


def _shown(said: str) -> str:
    line = " ".join("".join(char if char.isprintable() else " " for char in said).split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"
