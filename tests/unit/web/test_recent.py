"""The last 24 hours in half hours: what looks make of each, and how they are read beside whoever asks."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from nemo_watchdog.errors import ArchiveError
from nemo_watchdog.journal.reader import JournalReader
from nemo_watchdog.stores import LookRun
from nemo_watchdog.web import recent as of_recent
from nemo_watchdog.web.past import Past
from nemo_watchdog.web.recent import EVERY, HALF_HOUR, HALVES, PIECE, HalfHour, Recent, RecentView, halves_of

NOON = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
LONG = 60.0
"""Seconds that nobody waits, for it is there."""


def run(
    first: float,
    last: float,
    outcome: str = "ok",
    reason: str | None = None,
    *,
    looks: int = 10,
    mean: float = 0.01,
    about: str = "gateway",
) -> LookRun:
    """From so many minutes after noon to so many."""
    times = (NOON + timedelta(minutes=first), NOON + timedelta(minutes=last))
    return LookRun(about, outcome, reason, *times, looks, looks * mean, 2 * mean, ())


def halves(*runs: LookRun, many: int = 2) -> list[HalfHour]:
    """From noon on."""
    return halves_of(runs, [NOON + place * HALF_HOUR for place in range(many)])


# -- from looks to half hours


def test_of_a_half_hour_the_worst_is_said_with_its_reason() -> None:
    """And how many looks saw that."""
    (half,) = halves(
        run(0, 14, looks=84),
        run(15, 16, "degraded", "slow", looks=7),
        run(17, 17, "failed", "refused", looks=1),
        many=1,
    )
    assert (half.word, half.reason, half.bad, half.looks) == ("down", "refused", 1, 92)


@pytest.mark.parametrize(
    ("outcome", "reason", "word"),
    [
        ("ok", None, "ok"),
        ("degraded", "slow", "degraded"),
        ("failed", "timeout", "down"),
        ("failed", "auth_failed", "blind"),
        ("failed", "a_reason_of_a_newer_version", "down"),
    ],
)
def test_a_look_is_said_in_one_word(outcome: str, reason: str | None, word: str) -> None:
    """What could not be seen is not down."""
    (half,) = halves(run(0, 10, outcome, reason), many=1)
    assert (half.word, half.reason) == (word, reason)


def test_what_cannot_be_seen_is_worse_than_slow_and_better_than_down() -> None:
    blind, slow = run(5, 6, "failed", "auth_failed"), run(7, 8, "degraded", "slow")
    assert halves(slow, blind)[0].word == "blind"
    assert halves(slow, blind, run(9, 9, "failed", "refused"))[0].word == "down"


def test_of_several_reasons_that_of_most_looks_is_said() -> None:
    few, many = run(0, 1, "failed", "timeout", looks=2), run(2, 9, "failed", "refused", looks=9)
    assert halves(few, many)[0].reason == "refused"


def test_where_nobody_looked_nothing_is_known() -> None:
    assert halves(run(0, 10))[1] == HalfHour(NOON + HALF_HOUR)


def test_a_run_over_a_border_counts_on_both_sides_by_its_time() -> None:
    """A third of it before, two thirds after."""
    before, after = halves(run(20, 50, "failed", "refused", looks=30))
    assert (before.word, before.looks, after.word, after.looks) == ("down", 10, "down", 20)


def test_what_is_before_and_after_does_not_count() -> None:
    (half,) = halves(run(-30, -1, "failed", "refused"), run(0, 29), run(30, 40, "failed", "refused"), many=1)
    assert (half.word, half.looks) == ("ok", 10)


def test_latency_is_the_mean_of_what_answered() -> None:
    """What failed took as long as its timeout, and says nothing of how fast it is."""
    fast, slow = run(0, 9, looks=30, mean=0.01), run(10, 14, "degraded", "slow", looks=10, mean=0.05)
    hangs = run(15, 20, "failed", "timeout", looks=10, mean=5.0)
    assert halves(fast, slow, hangs)[0].latency == pytest.approx(0.02)
    assert halves(hangs)[0].latency is None


# -- how they are read


class Looks:
    """An archive in memory; `asked` is which spans were asked for of whom."""

    def __init__(self) -> None:
        self.runs: list[LookRun] = []
        self.asked: list[tuple[str, datetime, datetime]] = []
        self.trouble = ""
        self.answers = asyncio.Event()
        self.answers.set()

    async def of(self, dependency: str, since: datetime, until: datetime) -> Sequence[LookRun]:
        self.asked.append((dependency, since, until))
        await self.answers.wait()
        if self.trouble:
            raise ArchiveError(self.trouble)
        return [
            each for each in self.runs if each.dependency == dependency and each.last >= since and each.first <= until
        ]


class Times:
    """The wall clock and the loop's, moved by the test."""

    def __init__(self) -> None:
        self.utc = NOON

    def __call__(self) -> datetime:
        return self.utc


@pytest.fixture
def looks() -> Looks:
    return Looks()


@pytest.fixture
def times() -> Times:
    return Times()


@pytest.fixture
async def recent(tmp_path: Path, looks: Looks, times: Times) -> AsyncIterator[Recent]:
    made = Recent(Past(JournalReader(tmp_path / "journal.db"), looks_of=looks.of), times)
    yield made
    await made.close()


async def of(recent: Recent, name: str = "gateway") -> RecentView:
    return (await recent.of([name], wait=LONG))[name]


def as_if_read_long_ago(recent: Recent, seconds: float = EVERY) -> None:
    """Another reading may begin; what failed may be tried again."""
    for each in recent._known.values():
        each.read_at -= seconds
    if recent._failed_at is not None:
        recent._failed_at -= seconds


async def test_a_day_is_48_half_hours_of_which_the_last_goes_on(recent: Recent, looks: Looks, times: Times) -> None:
    """By the clock, so that each stays the same once it is over."""
    times.utc = NOON + timedelta(minutes=10)
    looks.runs = [run(-24 * 60, -1), run(5, 9, "failed", "refused")]
    view = await of(recent)
    assert len(view.halves) == HALVES
    assert (view.halves[0].begin, view.halves[-1].begin) == (NOON - 47 * HALF_HOUR, NOON)
    assert [half.word for half in view.halves] == ["ok"] * 47 + ["down"]
    assert view.complete


async def test_it_is_read_in_pieces_once_and_kept(recent: Recent, looks: Looks) -> None:
    """Who asks again within a minute costs nothing."""
    await of(recent)
    assert len(looks.asked) == HALVES // PIECE
    assert max(until - since for _, since, until in looks.asked) <= PIECE * HALF_HOUR
    await of(recent)
    assert len(looks.asked) == HALVES // PIECE


async def test_after_a_minute_only_the_last_two_half_hours_are_read_anew(
    recent: Recent, looks: Looks, times: Times
) -> None:
    """What is over stays as it was."""
    looks.runs = [run(-300, -1)]
    await of(recent)
    looks.asked.clear()
    as_if_read_long_ago(recent)
    times.utc += timedelta(minutes=1)
    looks.runs = [run(0, 1, "failed", "refused")]
    view = await of(recent)
    assert looks.asked == [("gateway", NOON - HALF_HOUR, times.utc)]
    assert [half.word for half in view.halves[-3:]] == ["ok", "none", "down"]


async def test_after_a_long_time_what_is_missing_is_read(recent: Recent, looks: Looks, times: Times) -> None:
    """With the half hour that went on when it was read last."""
    await of(recent)
    looks.asked.clear()
    as_if_read_long_ago(recent, 3 * 3600)
    times.utc += timedelta(hours=3)
    looks.runs = [run(0, 175)]
    view = await of(recent)
    assert looks.asked == [("gateway", NOON, times.utc)]
    assert [half.word for half in view.halves[-7:]] == ["ok"] * 6 + ["none"]


async def test_a_clock_that_was_set_back_has_all_read_anew(recent: Recent, looks: Looks, times: Times) -> None:
    await of(recent)
    looks.asked.clear()
    as_if_read_long_ago(recent)
    times.utc -= timedelta(hours=2)
    view = await of(recent)
    assert view.halves[-1].begin == NOON - timedelta(hours=2)
    assert len(looks.asked) == HALVES // PIECE


async def test_who_asks_waits_only_for_a_moment_and_gets_what_was_known(recent: Recent, looks: Looks) -> None:
    """Of what nobody has read yet, nothing; and the reading goes on beside."""
    known = await of(recent)
    as_if_read_long_ago(recent)
    looks.answers.clear()
    answered = await recent.of(["gateway", "redis"], wait=0.001)
    assert answered == {"gateway": known}
    looks.answers.set()
    assert (await of(recent, "redis")).complete


async def test_only_what_is_asked_for_is_read(recent: Recent, looks: Looks) -> None:
    await of(recent, "redis")
    assert {name for name, _, _ in looks.asked} == {"redis"}


async def test_an_archive_that_cannot_be_read_leaves_what_was_known(recent: Recent, looks: Looks) -> None:
    """It is not asked for every one of many names, and not at once again."""
    looks.runs = [run(-60, -1)]
    known = await of(recent)
    as_if_read_long_ago(recent)
    looks.trouble, before = "the disk is gone", len(looks.asked)
    answered = await recent.of(["gateway", "redis", "postgres"], wait=LONG)
    assert answered == {"gateway": RecentView(known.halves, complete=False)}
    assert len(looks.asked) == before + 1
    await recent.of(["gateway", "redis", "postgres"], wait=LONG)
    assert len(looks.asked) == before + 1
    looks.trouble = ""
    as_if_read_long_ago(recent)
    answered = await recent.of(["gateway", "redis", "postgres"], wait=LONG)
    assert all(answered[name].complete for name in ("gateway", "redis", "postgres"))


async def test_what_is_old_is_not_called_complete(recent: Recent, looks: Looks) -> None:
    await of(recent)
    as_if_read_long_ago(recent, 2 * EVERY)
    looks.answers.clear()
    assert not (await recent.of(["gateway"], wait=0.001))["gateway"].complete
    looks.answers.set()


async def test_of_what_flaps_much_is_summed_up_in_a_thread(
    recent: Recent, looks: Looks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No look waits for it."""
    threads: list[threading.Thread] = []

    def seen(runs: Sequence[LookRun], begins: Sequence[datetime]) -> list[HalfHour]:
        threads.append(threading.current_thread())
        return halves_of(runs, begins)

    monkeypatch.setattr(of_recent, "halves_of", seen)
    monkeypatch.setattr(of_recent, "IN_A_THREAD", 3)
    looks.runs = [run(minute, minute, "failed", "refused", looks=1) for minute in (-9, -8, -7)]
    await of(recent)
    assert [each is threading.main_thread() for each in threads] == [True, True, True, False]


async def test_what_nobody_asks_for_any_more_is_forgotten(recent: Recent) -> None:
    """Names that a policy had once must not fill the memory."""
    await of(recent, "gone")
    as_if_read_long_ago(recent, 25 * 3600)
    await of(recent, "gateway")
    assert list(recent._known) == ["gateway"]


async def test_at_its_end_nothing_is_read_any_more(tmp_path: Path, looks: Looks, times: Times) -> None:
    made = Recent(Past(JournalReader(tmp_path / "journal.db"), looks_of=looks.of), times)
    looks.answers.clear()
    await made.of(["gateway"], wait=0.001)
    await made.close()
    looks.answers.set()
    assert made._reading is not None
    assert made._reading.cancelled()
