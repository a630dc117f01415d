"""A past that never was: ninety days of looks, and some outages, written before the daemon begins.

Nothing in it is by chance: the same days are bad in each set of pictures.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

from nemo_watchdog import records as r
from nemo_watchdog.archive import SqliteArchive
from nemo_watchdog.engine.incidents import name_of
from nemo_watchdog.journal import SqliteJournal
from nemo_watchdog.model import Moment
from nemo_watchdog.state_dir import ARCHIVE_NAME, JOURNAL_NAME
from nemo_watchdog.stores import LATENCY_BOUNDS, LookRun

DAYS = 90
LATELY = timedelta(days=1, hours=1)
"""So long back it is made piece by piece: the bars and the lines of latency show that."""

PIECE = timedelta(minutes=10)
DAY = timedelta(days=1)
EVERY = timedelta(seconds=10)

LATENCIES: Mapping[str, float] = {
    "postgres": 0.004, "redis": 0.0012, "gateway": 0.021, "website": 0.034, "worker": 0.0008, "gemma": 0.18,
    "mail": 0.006, "host": 0.009, "docker": 0.015,
}  # fmt: skip
"""Seconds that a look takes on a usual day."""


@dataclass(frozen=True, slots=True)
class Spell:
    """A bad one: so long `ago` it began. With `told` there was an incident, and people wrote that for users."""

    ago: timedelta
    lasted: timedelta
    names: tuple[str, ...]
    reason: str
    outcome: str = "failed"
    told: tuple[str, ...] = ()


def _ago(days: float = 0.0, hours: float = 0.0) -> timedelta:
    return timedelta(days=days, hours=hours)


SPELLS = (
    Spell(_ago(71, 4), _ago(hours=5), ("gateway", "website"), "timeout"),
    Spell(_ago(58, 9), _ago(hours=1.2), ("mail",), "refused"),
    Spell(_ago(44, 2), _ago(hours=0.15), ("gateway", "website"), "exited"),
    Spell(_ago(33, 7), _ago(hours=9), ("gemma",), "timeout"),
    Spell(_ago(32, 20), _ago(hours=0.2), ("gemma",), "timeout"),
    Spell(_ago(19, 1), _ago(hours=0.4), ("website",), "wrong_answer"),
    Spell(
        _ago(9, 6),
        _ago(hours=3.1),
        ("gemma",),
        "timeout",
        told=("The assistant answers slowly, or not at all.", "It answers again. A machine had to be replaced."),
    ),
    Spell(
        _ago(4, 11),
        _ago(hours=0.6),
        ("gateway", "website"),
        "refused",
        told=("Orders cannot be placed. We are on it.", "Orders can be placed again; none was lost."),
    ),
    Spell(_ago(hours=19), _ago(hours=0.3), ("mail",), "timeout"),
    Spell(_ago(hours=14), _ago(hours=1.6), ("gateway", "website"), "slow", "degraded"),
    Spell(_ago(hours=7.2), _ago(hours=0.1), ("worker",), "refused"),
)


def make(state_dir: Path, now: datetime) -> None:
    """Into a state directory that no daemon has used yet; up to `now`, aware UTC."""
    state_dir.mkdir(mode=0o700)
    with closing(SqliteArchive(state_dir / ARCHIVE_NAME)) as archive:
        for name in LATENCIES:
            archive.keep_looks(list(_runs(name, now)))
    with closing(SqliteJournal(state_dir / JOURNAL_NAME, "an earlier boot")) as journal:
        for spell in sorted(SPELLS, key=lambda each: each.ago, reverse=True):
            for at, record in _incident(spell, now) if spell.told else ():
                journal.append([record.body()], [], at)


def _runs(name: str, now: datetime) -> Iterator[LookRun]:
    """One after the other without a gap: days that are over, then pieces of the last one."""
    borders = {now - LATELY, now}
    borders |= {now - back * DAY for back in range(2, DAYS + 1)}
    borders |= {now - LATELY + step * PIECE for step in range(LATELY // PIECE)}
    for spell in SPELLS:
        if name in spell.names:
            borders |= {now - spell.ago, now - spell.ago + spell.lasted}
    for begin, end in pairwise(sorted(borders)):
        yield _run(name, begin, end, now)


def _run(name: str, begin: datetime, end: datetime, now: datetime) -> LookRun:
    spell = next(
        (each for each in SPELLS if name in each.names and now - each.ago <= begin < now - each.ago + each.lasted), None
    )
    looks = max(1, (end - begin) // EVERY)
    took = 1.5 if spell is not None else LATENCIES[name] * _mood(name, begin, now)
    counts = [0] * (len(LATENCY_BOUNDS) + 1)
    counts[sum(took > bound for bound in LATENCY_BOUNDS)] = looks
    outcome, reason = (spell.outcome, spell.reason) if spell is not None else ("ok", None)
    return LookRun(name, outcome, reason, begin, end - EVERY, looks, looks * took, took, tuple(counts))


def _mood(name: str, at: datetime, now: datetime) -> float:
    """How much slower than usual: a wave over the day, with ripples of each one's own."""
    hours, own = (now - at).total_seconds() / 3600.0, sum(name.encode())
    return 1.35 + 0.55 * math.sin(hours / 3.8 + own) + 0.25 * math.sin(hours * 1.7 + own * 3) ** 3


def _incident(spell: Spell, now: datetime) -> Sequence[tuple[Moment, r.Record]]:
    def at(utc: datetime) -> Moment:
        return Moment(1e7 - (now - utc).total_seconds(), utc)

    began, root = now - spell.ago, spell.names[0]
    ended = began + spell.lasted
    incident = name_of(root, at(began), ())
    first, last = spell.told
    opened = r.IncidentOpened(
        incident, root, "SEV2", "core-down", "down", "fault", spell.reason, "no answer", affected=", ".join(spell.names)
    )
    resolved = r.IncidentResolved(incident, root, spell.lasted.total_seconds(), "every member is up")
    return (
        (at(began), opened),
        (at(began + timedelta(minutes=6)), r.NoteAdded(incident, "public", first, "ada")),
        (at(ended), resolved),
        (at(ended + timedelta(minutes=2)), r.NoteAdded(incident, "public", last, "ada")),
    )
