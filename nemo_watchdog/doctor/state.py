"""What the daemon remembers: its state directory, who may read it, the room in it, the journal, the API's token."""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from nemo_watchdog.doctor.checkup import Finding, Grade, bad, good, skipped, warning
from nemo_watchdog.durations import duration
from nemo_watchdog.errors import JournalError, in_one_line
from nemo_watchdog.journal.examination import examine
from nemo_watchdog.journal.seal import head_of
from nemo_watchdog.sizes import size
from nemo_watchdog.state_dir import ANSWER_KEY_NAME, ARCHIVE_NAME, JOURNAL_NAME, TOKEN_NAME

STATE, JOURNAL, TOKEN, KEY = "state directory", "journal", "token", "answer.key"
LEAST_FREE = 100 * 1024 * 1024
"""Bytes: the journal grows by a few a day, and what fills the disk is mostly another program."""

_MIB = 1024 * 1024
_OTHERS = 0o077
_VERIFY = "nemo-watchdog journal verify"


def look_at_state(folder: Path) -> Iterator[Finding]:
    """Blocks where the disk does."""
    try:
        seen = folder.stat()
    except FileNotFoundError:
        remedy = "the daemon's first start makes it; if it runs already, give its own with --state-dir"
        yield warning(STATE, f"there is no {folder}", remedy)
        return
    except OSError as error:
        yield skipped(
            STATE, f"{folder} cannot be looked at: {error.strerror}", "run it with sudo, or as the daemon's user"
        )
        return
    if not stat.S_ISDIR(seen.st_mode):
        yield bad(STATE, f"{folder} is no directory", "give another with --state-dir, or move that away")
        return
    if os.geteuid() not in {0, seen.st_uid}:
        remedy = "run it with sudo, or as the daemon's user"
        yield skipped(
            STATE, f"{folder} belongs to {_name(seen.st_uid)}, and only its owner may see what is in it", remedy
        )
        return
    yield from _directory(folder, seen)
    yield from _journal(folder / JOURNAL_NAME)
    yield from _secret(folder / TOKEN_NAME, TOKEN, "pause the watchdog")
    yield from (each for each in _secret(folder / ANSWER_KEY_NAME, KEY, "take outages") if each.grade is not Grade.GOOD)


def _directory(folder: Path, seen: os.stat_result) -> Iterator[Finding]:
    troubles = [*_rights(folder, seen), *_room(folder)]
    if troubles:
        yield from troubles
    else:
        room = os.statvfs(folder)
        yield good(STATE, f"{folder} is {_name(seen.st_uid)}'s alone, {size(room.f_bavail * room.f_frsize)} free")


def _rights(folder: Path, seen: os.stat_result) -> Iterator[Finding]:
    if seen.st_mode & _OTHERS:
        yield bad(STATE, f"others may look into {folder} (mode {seen.st_mode & 0o7777:04o})", f"chmod 700 {folder}")
    journal = folder / JOURNAL_NAME
    logs = (folder / f"{name}-wal" for name in (JOURNAL_NAME, ARCHIVE_NAME))
    mine = (journal, folder / ARCHIVE_NAME, *logs, head_of(journal), folder / TOKEN_NAME, folder / ANSWER_KEY_NAME)
    if strange := [file.name for file in mine if file.exists() and file.lstat().st_uid != seen.st_uid]:
        owner = _name(seen.st_uid)
        what = (
            f"{', '.join(strange)} do not belong to {owner}, whose the directory is: somebody else ran the daemon here"
        )
        yield bad(STATE, what, f"stop the daemon, chown -R {owner}: {folder}, start it")


def _room(folder: Path) -> Iterator[Finding]:
    room = os.statvfs(folder)
    free = room.f_bavail * room.f_frsize
    if room.f_flag & os.ST_RDONLY:
        remedy = "mount it for writing (dmesg says why the kernel made it read-only): nothing is done until then"
        yield bad(STATE, f"the file system of {folder} is read-only", remedy)
    elif not os.access(folder, os.W_OK | os.X_OK):
        yield bad(STATE, f"nothing can be written into {folder}", f"chmod 700 {folder}")
    if free < LEAST_FREE:
        remedy = f"make room: df -h {folder}; with a full disk nothing is done"
        yield bad(STATE, f"only {size(free)} are free for {folder}", remedy)
    elif room.f_files and not room.f_favail:
        yield bad(STATE, f"no file can be made in {folder}: no inode is free", f"remove files: df -i {folder}")


def _journal(path: Path) -> Iterator[Finding]:
    try:
        found = examine(path)
    except JournalError as error:
        yield bad(JOURNAL, in_one_line(str(error)), f"run it as the daemon's user, or with sudo: {_VERIFY}")
        return
    if found.damage:
        more = len(found.damage) - 1
        what = in_one_line(found.damage[0]) + (f" (and {more} more)" if more else "")
        yield bad(
            JOURNAL, f"it is damaged, and nothing is done: {what}", f"{_VERIFY}, then journal accept --reason TEXT"
        )
    elif not found.there:
        yield skipped(JOURNAL, "there is none yet: the daemon's first start makes it")
    elif found.newest is None:
        yield good(JOURNAL, "whole, with no record yet")
    else:
        age = duration(max((datetime.now(UTC) - found.newest).total_seconds(), 0.0))
        yield good(JOURNAL, f"whole: {found.records} records, the newest {age} ago")


def _secret(path: Path, name: str, may: str) -> Iterator[Finding]:
    """Only its rights and its size: what is in it is a secret."""
    try:
        seen = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISREG(seen.st_mode):
        yield bad(name, f"{path} is no regular file", "remove it and restart the daemon, which makes a new one")
    elif seen.st_mode & _OTHERS:
        remedy = f"chmod 600 {path}; who has read it may {may}: remove it and restart to have a new one"
        yield bad(name, f"others may read {path} (mode {seen.st_mode & 0o7777:04o})", remedy)
    elif not seen.st_size:
        yield bad(name, f"{path} is empty", "remove it and restart the daemon, which makes a new one")
    else:
        yield good(name, "its owner alone may read it")


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
