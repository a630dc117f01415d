"""The past of the public page: read beside the answers, each day that is over once, the newest first."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from nemo_watchdog.engine.published import Published
from nemo_watchdog.journal import SqliteJournal
from nemo_watchdog.policy.policy import Public
from nemo_watchdog.stores import LookRun
from nemo_watchdog.web import public_past
from nemo_watchdog.web.past import Past
from nemo_watchdog.web.public_past import DAYS, Known, PublicPast
from tests.unit.engine.world import dependency, policy
from tests.unit.pasts import BOOT
from tests.unit.runtime.shell import until
from tests.unit.web.published import Looks, Reader

CHAT = Published.of(policy(dependency("gateway", public=Public("Chat"))))
NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)


class Reading:
    """A past of whose looks a test decides."""

    def __init__(self, folder: Path) -> None:
        SqliteJournal(folder / "journal.db", BOOT).close()
        self.looks = Looks()
        self.past = PublicPast(Past(Reader(folder / "journal.db"), looks_of=self.looks.of))

    async def known(self, now: datetime = NOW, published: Published = CHAT) -> Known:
        return await self.past.known(published, (), now)

    @property
    def days(self) -> list[str]:
        """Those that were read, in that order."""
        return [each.date().isoformat() for each in self.looks.since]


@pytest.fixture
async def reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Reading]:
    monkeypatch.setattr(public_past, "RESTS", 0.0)
    monkeypatch.setattr(public_past, "DAYS_EVERY", 0.0)
    monkeypatch.setattr(public_past, "WAITS", 30.0)
    monkeypatch.setattr(public_past, "WAITS_BRIEFLY", 30.0)
    made = Reading(tmp_path)
    yield made
    await made.past.close()


def uptimes(known: Known) -> dict[str, float | None]:
    return {each.day: each.uptime for each in known.days["Chat"]}


def good(begin: datetime, end: datetime) -> LookRun:
    return LookRun("gateway", "ok", None, begin, end, 10, 1.0, 1.0, (0,) * 7)


async def test_ninety_days_are_read_the_newest_first(reading: Reading) -> None:
    """And told the oldest first, today last."""
    known = await reading.known()
    assert known.complete
    over = [day for day in reading.days if day != "2026-01-05"]
    assert over == sorted(over, reverse=True)
    assert (len(over), over[0], over[-1]) == (DAYS - 1, "2026-01-04", "2025-10-08")
    assert list(uptimes(known)) == sorted(reading.days)


async def test_the_page_is_there_before_all_is_read_and_fills_up(
    reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of days that nobody has read nothing is known; it says that it is not complete."""
    read_all, at_most = reading.looks.of, 5
    may_go_on = asyncio.Event()

    async def slow(dependency: str, since: datetime, until: datetime) -> list[LookRun]:
        if len(reading.looks.since) >= at_most:
            await may_go_on.wait()
        await read_all(dependency, since, until)
        return [good(since, until)]

    reading.past._past._looks_of = slow
    await reading.past.begin(CHAT, (), NOW)
    await until(lambda: len(reading.looks.since) >= at_most)
    monkeypatch.setattr(public_past, "WAITS_BRIEFLY", 0.0)
    first = uptimes(await reading.known())
    assert 1 <= sum(each is not None for each in first.values()) <= at_most
    assert first["2026-01-04"] == 1.0
    may_go_on.set()
    monkeypatch.setattr(public_past, "WAITS_BRIEFLY", 30.0)
    later = await reading.known()
    assert later.complete
    assert set(uptimes(later).values()) == {1.0}
    assert len(reading.days) == len(set(reading.days)) + 1  # today alone was read twice


async def test_who_asks_later_does_not_wait_for_what_is_read(reading: Reading, monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as that was read lately: what is old may lack something."""
    assert (await reading.known()).complete
    monkeypatch.setattr(public_past, "WAITS_BRIEFLY", 0.0)
    reading.looks.answers.clear()
    assert (await reading.known()).complete
    monkeypatch.setattr(public_past, "LATELY", 0.0)
    monkeypatch.setattr(public_past, "WAITS", 0.0)
    assert not (await reading.known()).complete
    monkeypatch.setattr(public_past, "LATELY", 60.0)
    reading.looks.answers.set()
    monkeypatch.setattr(public_past, "WAITS_BRIEFLY", 30.0)
    assert (await reading.known()).complete


async def test_between_days_it_rests(reading: Reading, monkeypatch: pytest.MonkeyPatch) -> None:
    """For longer than it reads, so that much of it holds up nobody."""
    rested: list[float] = []
    sleep = asyncio.sleep

    async def counted(seconds: float) -> None:
        rested.append(seconds)
        await sleep(0)

    monkeypatch.setattr(public_past, "RESTS", 3.0)
    monkeypatch.setattr(asyncio, "sleep", counted)
    await reading.known()
    assert len(rested) == DAYS - 1
    assert min(rested) > 0.0


async def test_a_day_that_is_over_is_read_once_more_after_its_end(reading: Reading) -> None:
    """What was seen in its last minutes is in it then; the one that is ninety days old is gone."""
    late = datetime(2026, 1, 5, 23, 59, 30, tzinfo=UTC)
    midnight = datetime(2026, 1, 6, tzinfo=UTC)
    reading.looks.runs = [good(midnight - timedelta(hours=24), midnight - timedelta(hours=12))]
    assert uptimes(await reading.known(late))["2026-01-05"] == 1.0
    reading.looks.runs.append(
        LookRun("gateway", "failed", "refused", midnight - timedelta(hours=12), midnight, 9, 1.0, 1.0, (0,) * 7)
    )
    reading.looks.since.clear()
    known = await reading.known(midnight + timedelta(seconds=30))
    assert known.complete
    assert sorted(reading.days) == ["2026-01-05", "2026-01-06"]
    assert uptimes(known)["2026-01-05"] == 0.5
    assert (len(uptimes(known)), list(uptimes(known))[-1]) == (DAYS, "2026-01-06")


async def test_it_goes_on_where_it_could_not(reading: Reading) -> None:
    """What was read before is kept, and is not read again."""
    read_all = reading.looks.of

    async def breaks(dependency: str, since: datetime, until: datetime) -> object:
        if len(reading.looks.since) == 10:
            reading.looks.trouble = "the disk is gone"
        return await read_all(dependency, since, until)

    reading.past._past._looks_of = breaks  # type: ignore[assignment]
    assert not (await reading.known()).complete
    before = set(reading.days[:10])
    reading.looks.trouble = ""
    reading.past._past._looks_of = read_all
    reading.looks.since.clear()
    known = await reading.known()
    assert known.complete
    assert set(reading.days) & before <= {"2026-01-05"}


async def test_while_nothing_can_be_read_nothing_is_told(reading: Reading) -> None:
    reading.looks.trouble = "the disk is gone"
    known = await reading.known()
    assert (known.complete, known.days) == (False, {})


async def test_another_policy_is_read_anew(reading: Reading) -> None:
    """What the one before published is no more, also while much of it is read."""
    reading.looks.answers.clear()
    waiting = asyncio.create_task(reading.known())
    await until(lambda: len(reading.looks.since) == 2)
    other = Published.of(policy(dependency("store", public=Public("Files"))))
    reading.looks.answers.set()
    await waiting
    known = await reading.known(published=other)
    assert (known.complete, list(known.days)) == (True, ["Files"])


async def test_what_happened_is_waited_for_and_how_today_goes_is_not(
    reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an hour in which nobody asked: an outage of now must be told, and of a thousand the days take long."""
    assert (await reading.known()).complete
    monkeypatch.setattr(public_past, "LATELY", -1.0)
    monkeypatch.setattr(public_past, "WAITS_BRIEFLY", 0.0)
    told_at = reading.past._told_at
    reading.looks.answers.clear()
    known = await reading.known()
    assert reading.past._told_at > told_at
    assert not known.complete
    assert len(uptimes(known)) == DAYS
    reading.looks.answers.set()


async def test_days_are_put_together_again_when_something_of_them_has_changed(
    reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And only then: of a thousand components they are ninety thousand."""
    first = await reading.known()
    monkeypatch.setattr(public_past, "DAYS_EVERY", 3600.0)
    assert (await reading.known()).days is first.days
    reading.looks.runs = [good(NOW - timedelta(hours=12), NOW)]
    monkeypatch.setattr(public_past, "DAYS_EVERY", 0.0)
    later = await reading.known()
    assert later.days is not first.days
    assert uptimes(later)["2026-01-05"] == 1.0
