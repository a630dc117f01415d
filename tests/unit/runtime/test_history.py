"""Looks become runs: what goes in comes out, whatever the clock, the disk and the daemon do meanwhile."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from nemo_watchdog.archive import SqliteArchive
from nemo_watchdog.errors import ArchiveError
from nemo_watchdog.model import Finding, Moment, Observation, Reason, failed, ok
from nemo_watchdog.runtime import history as module
from nemo_watchdog.runtime.history import History
from nemo_watchdog.stores import LATENCY_BOUNDS, LookRun
from tests.unit.archive.parts import NOON, at
from tests.unit.runtime.shell import running, until
from tests.unit.runtime.test_archiving import Kept

TIMEOUT = failed(Reason.TIMEOUT, "no answer")
REFUSED = failed(Reason.REFUSED, "refused")
EVER = (at(-1e7), at(1e7))


class Looking:
    """A history with an archive in memory, and looks at times after noon."""

    def __init__(self) -> None:
        self.kept = Kept()
        self.history = History(self.kept.archiving, self.kept.shell.clock, self.kept.shell.metrics)

    def look(self, seconds: float, finding: Finding | None = None, latency: float = 0.004, of: str = "gateway") -> None:
        self.history.saw(of, Observation(finding or ok(), latency, Moment(seconds, at(seconds))))

    def looks(self, *seconds: float, finding: Finding | None = None) -> None:
        for each in seconds:
            self.look(each, finding)

    async def all(self, of: str = "gateway") -> Sequence[LookRun]:
        return await self.history.read(of, *EVER)


@pytest.fixture
async def looking() -> AsyncIterator[Looking]:
    made = Looking()
    yield made
    await made.kept.archiving.close(10.0)
    made.kept.shell.core.close()


def short(runs: Sequence[LookRun]) -> list[tuple[str, float, float, int]]:
    """Of each run the outcome, first and last in seconds after noon, and how many looks it has."""
    return [
        (run.reason or run.outcome, (run.first - NOON).total_seconds(), (run.last - NOON).total_seconds(), run.looks)
        for run in runs
    ]


async def test_looks_that_see_the_same_are_one_run(looking: Looking) -> None:
    """Another reason is another run, and the same one later a new one."""
    looking.looks(0, 10, 20)
    looking.looks(30, 40, finding=TIMEOUT)
    looking.looks(50, finding=REFUSED)
    looking.looks(60, 70)
    assert short(await looking.all()) == [
        ("ok", 0, 20, 3),
        ("timeout", 30, 40, 2),
        ("refused", 50, 50, 1),
        ("ok", 60, 70, 2),
    ]


async def test_what_a_run_says_of_its_looks(looking: Looking) -> None:
    """Their number, the sum and the longest of their latencies, and how many lay where; a bound belongs to its own."""
    latencies = [0.001, 0.005, 0.0051, 0.1, 0.3, 2.5, 9.0, 11.0, 12.0]
    for number, latency in enumerate(latencies):
        looking.look(number, latency=latency)
    (run,) = await looking.all()
    assert run.histogram == (2, 1, 1, 1, 1, 1, 2)
    assert run.latency_sum == pytest.approx(sum(latencies))
    assert (run.latency_max, run.looks) == (12.0, 9)
    assert (run.outcome, run.reason) == ("ok", None)
    assert (type(run.outcome), run.first.tzinfo) == (str, UTC)


async def test_a_run_ends_with_its_quarter_of_an_hour(looking: Looking) -> None:
    """Each dependency's at its own place, so that not all of them end at once."""
    names = [f"d-{number}" for number in range(30)]
    for second in range(0, 3600, 10):
        for name in names:
            looking.look(second, of=name)
    ends = Counter[int]()
    for name in names:
        runs = await looking.all(name)
        assert 4 <= len(runs) <= 5
        assert all((run.last - run.first).total_seconds() < 900 for run in runs)
        assert sum(run.looks for run in runs) == 360
        ends.update(int((run.last - NOON).total_seconds()) // 10 for run in runs[:-1])
    assert max(ends.values()) <= 6


async def test_all_is_written_and_read_as_it_was(looking: Looking) -> None:
    """Open runs too; what came since is read from memory."""
    looking.looks(0, 10)
    looking.looks(20, 30, finding=TIMEOUT)
    assert looking.kept.archive.runs == {}
    await looking.history.write()
    assert short(looking.kept.archive.runs["gateway"]) == [("ok", 0, 10, 2), ("timeout", 20, 30, 2)]
    looking.looks(40, finding=TIMEOUT)
    looking.looks(50)
    assert short(looking.kept.archive.runs["gateway"]) == [("ok", 0, 10, 2), ("timeout", 20, 30, 2)]
    assert short(await looking.all()) == [("ok", 0, 10, 2), ("timeout", 20, 40, 3), ("ok", 50, 50, 1)]
    await looking.history.write()
    assert short(looking.kept.archive.runs["gateway"]) == short(await looking.all())


async def test_only_what_is_new_is_written(looking: Looking) -> None:
    """A daemon whose looks are far apart keeps the disk still."""
    looking.looks(0, 10)
    await looking.history.write()
    written = list[LookRun]()
    looking.kept.archive.keep_looks = written.extend  # type: ignore[method-assign, assignment]
    await looking.history.write()
    assert written == []
    looking.looks(20)
    await looking.history.write()
    assert short(written) == [("ok", 0, 20, 3)]


async def test_what_has_a_look_between_two_times(looking: Looking) -> None:
    """From the disk and from memory."""
    looking.looks(0, 10)
    looking.looks(20, 30, finding=TIMEOUT)
    await looking.history.write()
    looking.looks(40, 50)
    assert short(await looking.history.read("gateway", at(30), at(40))) == [("timeout", 20, 30, 2), ("ok", 40, 50, 2)]
    assert short(await looking.history.read("gateway", at(-5), at(5))) == [("ok", 0, 10, 2)]
    assert await looking.history.read("gateway", at(31), at(39)) == []
    assert await looking.history.read("redis", *EVER) == []


async def test_the_last_runs_newest_first(looking: Looking) -> None:
    """From memory where that is enough, then from the last day, then from all that is kept."""
    now = looking.kept.shell.clock.now().utc
    start = (now - NOON).total_seconds()
    for ago in (200_000, 150_000, 4000, 3000):
        looking.looks(start - ago, finding=TIMEOUT if ago % 3 else REFUSED)
    await looking.history.write()
    looking.looks(start - 10, finding=REFUSED)
    looking.looks(start)
    recent = looking.history.recent
    assert [each - start for _, each, _, _ in short(await recent("gateway", 2))] == [0, -10]
    assert [each - start for _, each, _, _ in short(await recent("gateway", 4))] == [0, -10, -3000, -4000]
    assert [each - start for _, each, _, _ in short(await recent("gateway", 9))] == [
        *(0, -10, -3000, -4000),
        *(-150_000, -200_000),
    ]
    assert await recent("gateway", 0) == []


async def test_what_the_archive_lacks_can_be_read_without_it(looking: Looking) -> None:
    """The last runs are told while the disk is gone; a time range is not, for nobody knows what it lacks."""
    looking.looks(0, 10)
    looking.kept.refuses = looking.kept.archive.trouble = "no space"
    await looking.history.write()
    looking.looks(20, finding=TIMEOUT)
    assert short(await looking.history.recent("gateway", 5)) == [("timeout", 20, 20, 1), ("ok", 0, 10, 2)]
    with pytest.raises(ArchiveError, match="no space"):
        await looking.all()


async def test_what_cannot_be_written_waits(looking: Looking) -> None:
    """And is written when there is room again, all of it, in its order."""
    looking.kept.refuses = "no space"
    for number in range(10):
        looking.look(number * 10, TIMEOUT if number % 2 else None)
        await looking.history.write()
    assert looking.kept.troubles() == ["no evidence and no history is kept: no space"]
    looking.kept.refuses = ""
    await looking.history.write()
    assert [(each, looks) for _, each, _, looks in short(looking.kept.archive.runs["gateway"])] == [
        (number * 10, 1) for number in range(10)
    ]
    assert looking.kept.troubles() == []
    assert looking.kept.shell.metric("history_lost_total") == 0.0


async def test_too_much_that_waits_is_lost_and_counted(looking: Looking, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest goes; it is said once, and again only after the disk has taken all."""
    monkeypatch.setattr(module, "MOST_UNWRITTEN", 5)
    looking.kept.refuses = "no space"
    with capture_logs() as lines:
        for number in range(20):
            looking.looks(number * 10, number * 10 + 5, finding=TIMEOUT if number % 2 else None)
            await looking.history.write()
        looking.kept.refuses = ""
        await looking.history.write()
    assert looking.kept.shell.metric("history_lost_total") == 28.0
    assert [each for _, each, _, _ in short(await looking.all())] == [140, 150, 160, 170, 180, 190]
    events = Counter(line["event"] for line in lines)
    assert events["history is lost: the oldest that waits to be written goes"] == 1
    assert events["history is written again"] == 1


async def test_what_is_lost_while_it_is_being_written(looking: Looking, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of what came meanwhile is taken for written."""
    monkeypatch.setattr(module, "MOST_UNWRITTEN", 3)
    looking.looks(0)
    looking.looks(10, finding=TIMEOUT)
    await looking.history.write()
    looking.looks(20)
    with looking.kept.hanging():
        writing = asyncio.create_task(looking.history.write())
        await until(looking.kept.archiving._writing._turn.locked)
        for number in range(3, 9):
            looking.looks(number * 10, finding=TIMEOUT if number % 2 else None)
    await writing
    await looking.history.write()
    assert [each for _, each, _, _ in short(await looking.all())] == [0, 10, 20, 50, 60, 70, 80]
    assert short(looking.kept.archive.runs["gateway"]) == short(await looking.all())


async def test_a_write_that_is_given_up_in_the_middle_is_done_again(looking: Looking) -> None:
    """At a stop, say."""
    looking.looks(0, 10)
    looking.looks(20, finding=TIMEOUT)
    await looking.kept.archiving.keep_gates("gateway", at(0), "[]")
    with looking.kept.hanging():
        writing = asyncio.create_task(looking.history.write())
        await until(looking.kept.archiving._writing._turn.locked)
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
        looking.looks(30, finding=TIMEOUT)
    await looking.history.stop(10.0)
    assert short(looking.kept.archive.runs["gateway"]) == [("ok", 0, 10, 2), ("timeout", 20, 30, 2)]


async def test_a_stop_waits_only_so_long(looking: Looking) -> None:
    """For a disk that hangs; it is said in the log."""
    looking.looks(0, 10)
    with looking.kept.hanging(), capture_logs() as lines:
        await looking.history.stop(0.05)
    assert [line["event"] for line in lines] == ["history not written completely before the stop"]


async def test_it_is_written_again_and_again(looking: Looking, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the disk says meanwhile."""
    monkeypatch.setattr(module, "WRITE_EVERY", 0.005)
    looking.kept.refuses = "no space"
    looking.looks(0)
    async with running(looking.history.run()):
        await until(lambda: looking.kept.opened >= 3)
        looking.kept.refuses = ""
        await until(lambda: "gateway" in looking.kept.archive.runs)
        looking.looks(10)
        await until(lambda: looking.kept.archive.runs["gateway"][0].looks == 2)


async def test_what_is_watched_no_more_is_written_and_then_forgotten(looking: Looking) -> None:
    """And when it comes back it has a run of its own."""
    looking.looks(0, 10)
    looking.history.forget("gateway")
    looking.history.forget("never-seen")
    looking.looks(20)
    await looking.history.write()
    assert short(looking.kept.archive.runs["gateway"]) == [("ok", 0, 10, 2), ("ok", 20, 20, 1)]


@pytest.mark.parametrize("written", [False, True])
async def test_a_small_step_back_stands_still(looking: Looking, written: bool) -> None:
    """No look is lost, and none is before another."""
    looking.looks(0, 10, 20)
    if written:
        await looking.history.write()
    looking.looks(-5)
    looking.looks(5, finding=TIMEOUT)
    looking.looks(15, 25)
    looking.looks(35)
    assert short(await looking.all()) == [("ok", 0, 20, 4), ("timeout", 20.001, 20.001, 1), ("ok", 20.002, 35, 3)]
    await looking.history.write()
    assert short(looking.kept.archive.runs["gateway"]) == short(await looking.all())


@pytest.mark.parametrize("write_at", [(), (1,), (2,), (1, 2, 3)])
async def test_after_a_large_step_back_what_is_yet_to_come_is_forgotten(
    looking: Looking, write_at: tuple[int, ...]
) -> None:
    """On disk and in memory alike: the clock was wrong, and is right now."""

    async def step(number: int) -> None:
        if number in write_at:
            await looking.history.write()

    looking.looks(0, 60)
    looking.looks(70, 300, finding=TIMEOUT)
    await step(1)
    looking.looks(7000, 7010)
    await step(2)
    looking.look(7000, of="redis")
    looking.looks(200, 210)
    await step(3)
    looking.looks(220, finding=REFUSED)
    expected = [("ok", 0, 60, 2), ("timeout", 70, 199.999, 2), ("ok", 200, 210, 2), ("refused", 220, 220, 1)]
    assert short(await looking.all()) == expected
    await looking.history.write()
    assert short(looking.kept.archive.runs["gateway"]) == expected
    assert short(await looking.all("redis")) == [("ok", 7000, 7000, 1)]


LOOK = st.tuples(
    st.sampled_from([ok(), TIMEOUT, REFUSED]),
    st.floats(0, 30),
    st.sampled_from([0.0, 0.001, 1.0, 10.0, 400.0, 5000.0]),
    st.sampled_from(["", "", "", "write", "refuse", "room"]),
    st.sampled_from(["gateway", "redis"]),
)


def until_end(looks: Sequence[tuple[Finding, float, float, str, str]], jumps: Sequence[float]) -> None:
    """All that is asserted of a sequence of looks, with jumps of the wall clock beside the steps that it makes."""

    async def story() -> None:
        looking, now, seen = Looking(), 0.0, dict[str, list[tuple[Finding, float]]]()
        for number, (finding, latency, step, event, name) in enumerate(looks):
            now += step + (jumps[number % len(jumps)] if jumps else 0.0)
            looking.look(now, finding, latency, name)
            seen.setdefault(name, []).append((finding, latency))
            if event == "write":
                await looking.history.write()
            elif event:
                looking.kept.refuses = looking.kept.archive.trouble = "no space" if event == "refuse" else ""
        looking.kept.refuses = looking.kept.archive.trouble = ""
        before = {name: await looking.all(name) for name in seen}
        await looking.history.write()
        for name, given_looks in seen.items():
            runs = looking.kept.archive.runs[name]
            assert runs == before[name] == await looking.all(name)
            assert all(one.last < other.first for one, other in pairwise(runs))
            assert all(run.first <= run.last and sum(run.histogram) == run.looks for run in runs)
            if not jumps or min(jumps) > -module.SMALL_STEP / 1000:
                counts = Counter((finding.outcome, finding.reason) for finding, _ in given_looks)
                found = Counter[tuple[str, str | None]]()
                for run in runs:
                    found[run.outcome, run.reason] += run.looks
                assert found == counts
                assert sum(run.latency_sum for run in runs) == pytest.approx(sum(each for _, each in given_looks))
                assert max(run.latency_max for run in runs) == max(each for _, each in given_looks)
                whole = [sum(column) for column in zip(*(run.histogram for run in runs), strict=True)]
                bounds = [*LATENCY_BOUNDS, float("inf")]
                assert whole == [
                    sum(low < each <= high for _, each in given_looks)
                    for low, high in zip([-1.0, *LATENCY_BOUNDS], bounds, strict=True)
                ]
        await looking.kept.archiving.close(10.0)
        looking.kept.shell.core.close()

    asyncio.run(story())


@settings(max_examples=150)
@given(st.lists(LOOK, min_size=1, max_size=60))
def test_looks_in_are_looks_out(looks: Sequence[tuple[Finding, float, float, str, str]]) -> None:
    """By count, outcome, sum, longest and histogram, whenever it is written and whenever the disk refuses."""
    until_end(looks, ())


@settings(max_examples=150)
@given(st.lists(LOOK, min_size=1, max_size=60), st.lists(st.floats(-50, 50), min_size=1, max_size=5))
def test_small_steps_of_the_clock_lose_no_look(
    looks: Sequence[tuple[Finding, float, float, str, str]], jumps: Sequence[float]
) -> None:
    """Whatever happens, runs do not overlap; some fifty seconds back may come again and again."""
    until_end(looks, [each / 60 for each in jumps])


@settings(max_examples=150)
@given(st.lists(LOOK, min_size=1, max_size=60), st.lists(st.floats(-20_000, 20_000), min_size=1, max_size=5))
def test_runs_never_overlap_whatever_the_clock_does(
    looks: Sequence[tuple[Finding, float, float, str, str]], jumps: Sequence[float]
) -> None:
    """Hours forth and back, written or not: what memory says is what the disk says."""
    until_end(looks, jumps)


@settings(max_examples=20)
@given(st.lists(LOOK, min_size=1, max_size=40), st.lists(st.floats(-20_000, 20_000), min_size=1, max_size=3))
def test_the_disk_has_what_memory_had(
    tmp_path_factory: pytest.TempPathFactory,
    looks: Sequence[tuple[Finding, float, float, str, str]],
    jumps: Sequence[float],
) -> None:
    """The real archive keeps the same rules: whoever starts anew reads what was read before, to the microsecond."""

    async def story(path: Path) -> None:
        looking, now, names = Looking(), 0.0, set[str]()
        looking.kept.archive = SqliteArchive(path)  # type: ignore[assignment]
        for number, (finding, latency, step, event, name) in enumerate(looks):
            now += step + jumps[number % len(jumps)] * (number % 3 == 0)
            looking.look(now, finding, latency, name)
            names.add(name)
            if event == "write":
                await looking.history.write()
        before = {name: await looking.all(name) for name in names}
        await looking.history.write()
        looking.history = History(looking.kept.archiving, looking.kept.shell.clock, looking.kept.shell.metrics)
        for name in names:
            after = await looking.all(name)
            assert short(after) == short(before[name])
            for read, was in zip(after, before[name], strict=True):
                assert read.histogram == was.histogram
                assert read.latency_sum == pytest.approx(was.latency_sum, abs=1e-6)
                assert read.latency_max == pytest.approx(was.latency_max, abs=1e-6)
        await looking.kept.archiving.close(10.0)
        looking.kept.shell.core.close()

    asyncio.run(story(tmp_path_factory.mktemp("archive") / "archive.sqlite3"))


async def test_a_thousand_at_once_stall_nobody(looking: Looking, monkeypatch: pytest.MonkeyPatch) -> None:
    """One step of the event loop makes so many runs into rows at most, and others have their turn before the next."""
    base = datetime(2026, 3, 1, tzinfo=UTC)
    for number in range(1000):
        for look in range(3):
            moment = Moment(float(look), base + timedelta(seconds=look * 10))
            looking.history.saw(f"d-{number}", Observation(TIMEOUT if look else ok(), 0.004, moment))
    sizes, turns, at_turn = list[int](), 0, list[int]()
    keep = looking.history.archiving.keep_looks

    async def kept(runs: Sequence[LookRun]) -> None:
        sizes.append(len(runs))
        at_turn.append(turns)
        await keep(runs)

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    monkeypatch.setattr(looking.history.archiving, "keep_looks", kept)
    beside = asyncio.create_task(others())
    await looking.history.write()
    beside.cancel()
    assert len(looking.kept.archive.runs) == 1000
    assert max(sizes) <= module.AT_ONCE
    assert len(sizes) > 1
    assert all(before < after for before, after in pairwise(at_turn))
