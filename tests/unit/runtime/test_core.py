"""The core: events in at once, effects out in order, the disk before the deed."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
import uvloop
from structlog.testing import capture_logs

from nemo_watchdog.engine import events as ev
from nemo_watchdog.errors import JournalDamaged, JournalError
from nemo_watchdog.model import Moment, Notification, NotificationKind
from nemo_watchdog.runtime import core as module
from nemo_watchdog.runtime.clock import SystemClock
from nemo_watchdog.testing import ManualClock, MemoryJournal
from tests.unit.runtime.shell import Shell, running, settled, until


class SlowJournal(MemoryJournal):
    """A journal whose disk answers when the test says so."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self.may_write = threading.Event()
        self.may_write.set()
        self.asked = 0
        self.damaged_after_it = ""

    def append(self, records: Sequence[Mapping[str, Any]], notifications: Sequence[Notification], at: Moment) -> None:
        self.asked += 1
        if not self.may_write.wait(30.0):
            raise AssertionError("the test never let the disk answer")
        super().append(records, notifications, at)
        self.damage = self.damaged_after_it


@pytest.fixture
async def shell() -> AsyncIterator[Shell]:
    made = Shell()
    yield made
    made.core.close()


@pytest.fixture
async def slow() -> AsyncIterator[tuple[Shell, SlowJournal]]:
    made = Shell()
    journal = SlowJournal(made.manual)
    made.core._journal = journal
    yield made, journal
    journal.may_write.set()
    made.core.close()


async def test_the_intent_is_on_disk_before_the_action_runs(slow: tuple[Shell, SlowJournal]) -> None:
    """While the disk has not answered, nothing is carried out."""
    shell, journal = slow
    async with running(shell.core.write_forever()):
        await shell.up()
        await shell.core.written()
        journal.may_write.clear()
        asked = journal.asked
        shell.fail()
        await until(lambda: journal.asked > asked)
        await settled()
        assert shell.started == []
        assert "action_intended" not in journal.types()
        journal.may_write.set()
        await until(lambda: shell.started)
        assert "action_intended" in journal.types()


async def test_what_is_told_is_on_disk(slow: tuple[Shell, SlowJournal]) -> None:
    """Nobody reads in the log of an incident that a crash would forget."""
    shell, journal = slow
    async with running(shell.core.write_forever()):
        await shell.up()
        await shell.core.written()
        journal.may_write.clear()
        asked = journal.asked
        with capture_logs() as said:
            shell.fail()
            await until(lambda: journal.asked > asked)
            await settled()
            assert "incident_opened" not in [line["event"] for line in said]
            journal.may_write.set()
            await shell.core.written()
            assert "incident_opened" in [line["event"] for line in said]


async def test_a_disk_that_hangs_is_told_and_nothing_is_done(
    slow: tuple[Shell, SlowJournal], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log is then all that there is: it tells at once. When the disk answers, the records are there, once each."""
    monkeypatch.setattr(module, "SLOW_AFTER", 0.05)
    shell, journal = slow
    async with running(shell.core.write_forever()):
        await shell.up()
        await shell.core.written()
        journal.may_write.clear()
        with capture_logs() as said:
            shell.fail()
            await until(lambda: shell.core.engine.journal_trouble)
            assert shell.metric("journal_writable") == 0.0
            shell.core.tell(ev.PauseAsked("*", "the disk hangs", "ops"))
            words = [line["event"] for line in said]
            assert {"journal cannot be written: no action until it can", "incident_opened", "paused"} <= set(words)
            journal.may_write.set()
            await until(lambda: not shell.core.engine.journal_trouble)
            await shell.core.written()
            words = [line["event"] for line in said]
            assert words.count("incident_opened") == words.count("paused") == 1
        assert journal.types().count("incident_opened") == journal.types().count("paused") == 1
        assert shell.started == []
        assert shell.metric("journal_writable") == 1.0


async def test_an_action_is_handed_over_once_and_after_its_own_record(shell: Shell) -> None:
    """The executor sees a request whose intent can already be read back."""
    seen: list[bool] = []
    shell.core.on_action = lambda request: seen.append(
        any(body.get("action_id") == request.action_id for _, body in shell.memory.replay(shell.clock.now()))
    )
    async with running(shell.core.write_forever()):
        await shell.up()
        shell.fail(times=6)
        await shell.core.written()
    assert seen == [True]


async def test_what_cannot_be_written_is_not_done(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk refuses the action, tells the engine, and the record follows when the disk is back."""
    monkeypatch.setattr(module, "WRITE_AGAIN_AFTER", 0.005)
    async with running(shell.core.write_forever()):
        await shell.up()
        await shell.core.written()
        assert shell.metric("journal_writable") == 1.0
        shell.memory.trouble = "disk full"
        shell.fail()
        await until(lambda: shell.core.engine.journal_trouble)
        assert shell.core.engine.journal_trouble == "disk full"
        assert shell.metric("journal_writable") == 0.0
        shell.fail(times=3)
        await settled()
        assert shell.started == []
        shell.memory.trouble = ""
        await until(lambda: not shell.core.engine.journal_trouble)
        await shell.core.written()
        assert shell.metric("journal_writable") == 1.0
        types = shell.memory.types()
        assert types.index("action_intended") < types.index("action_ended")
        assert shell.started == []
        shell.manual.advance(60.0)
        shell.fail(times=3)
        await until(lambda: shell.started)
        assert len(shell.started) == 1


async def test_what_cannot_be_written_is_told_all_the_same(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """At once, each fact once, marked; nothing more when the disk is back, which has it without the mark."""
    monkeypatch.setattr(module, "WRITE_AGAIN_AFTER", 0.005)
    told: list[Notification] = []
    shell.core.on_unwritten = told.extend
    async with running(shell.core.write_forever()):
        await shell.up()
        await shell.core.written()
        shell.memory.trouble = "disk full"
        shell.fail()
        await until(lambda: shell.core.engine.journal_trouble)
        shell.fail(times=10)
        assert [each.kind for each in told] == [NotificationKind.OPENED]
        mark = "This is told from memory and not written down: disk full."
        assert all(each.body.endswith(f"\n{mark}") for each in told)
        assert shell.memory.outbox() == []
        shell.memory.trouble = ""
        await until(lambda: not shell.core.engine.journal_trouble)
        await shell.core.written()
    assert [each.kind for each in told] == [NotificationKind.OPENED]
    written = list(dict.fromkeys(key for _, key, _ in shell.memory.outbox()))
    assert written == [each.key for each in told]
    assert not any(mark in item.notification.body for item in shell.memory.pending(100))


async def test_a_damaged_journal_is_told_from_memory_and_kept_for_the_one_that_is_accepted(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found before the first event: nothing is done; and who accepts it is answered when all is on disk."""
    monkeypatch.setattr(module, "WRITE_AGAIN_AFTER", 3600.0)
    told: list[Notification] = []
    shell.core.on_unwritten = told.extend
    shell.memory.damage = "the journal is damaged: record 3 is missing"
    await shell.core.start()
    async with running(shell.core.write_forever()):
        await shell.up()
        shell.fail(times=13)
        await settled()
        assert shell.started == []
        assert [each.kind for each in told] == [NotificationKind.JOURNAL, NotificationKind.OPENED]
        assert told[1].body.endswith("not written down: the journal is damaged.")
        await shell.core.accept_journal("I have looked", "ops")
        await until(lambda: shell.started)
        await shell.core.written()
    types = shell.memory.types()
    assert types[0] == "journal_distrusted"
    assert types.index("incident_opened") < types.index("journal_accepted") < types.index("action_intended")


async def test_a_write_that_ended_before_the_damage_was_found_clears_nothing(
    slow: tuple[Shell, SlowJournal], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its success is heard after the damage, and says nothing of it."""
    monkeypatch.setattr(module, "WRITE_AGAIN_AFTER", 3600.0)
    shell, journal = slow
    async with running(shell.core.write_forever()):
        await shell.up()
        await shell.core.written()
        journal.may_write.clear()
        asked = journal.asked
        shell.fail()
        await until(lambda: journal.asked > asked)
        with capture_logs() as said:
            shell.core._journal_failed(JournalDamaged("record 3 is missing"))
            journal.damaged_after_it = "record 3 is missing"
            journal.may_write.set()
            await until(lambda: journal.asked > asked + 1)  # what was to be written next
            await shell.core.in_journal_thread(lambda: None)
            await settled()
        assert "journal can be written again" not in [line["event"] for line in said]
        assert shell.core.engine.volatile.journal_damaged
        assert shell.started == []


async def test_a_journal_is_looked_at_though_nothing_is_to_be_written(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its files may go, and room may come, while all is well."""
    monkeypatch.setattr(module, "LOOK_EVERY", 0.002)
    async with running(shell.core.look_at_journal_forever()):
        shell.memory.trouble = "the file is gone"
        await until(lambda: shell.core.engine.journal_trouble == "the file is gone")
        shell.memory.trouble = ""
        await until(lambda: not shell.core.engine.journal_trouble)
        assert shell.metric("journal_writable") == 1.0


async def test_a_stale_decision_is_not_carried_out(slow: tuple[Shell, SlowJournal]) -> None:
    """A disk that took longer than the decision is good for makes it void; the attempt counts as failed."""
    shell, journal = slow
    async with running(shell.core.write_forever()):
        await shell.up()
        await shell.core.written()
        journal.may_write.clear()
        asked = journal.asked
        shell.fail()
        await until(lambda: journal.asked > asked)
        shell.manual.advance(module.STALE_AFTER + 1.0)
        journal.may_write.set()
        await until(lambda: "action_ended" in journal.types())
        assert shell.started == []
        ended = [body for _, body in journal.replay(shell.clock.now()) if body["type"] == "action_ended"]
        assert [(body["outcome"], body["detail"]) for body in ended] == [
            ("refused", "not carried out: its intent reached the disk too late")
        ]


async def test_a_timely_decision_is_carried_out(slow: tuple[Shell, SlowJournal]) -> None:
    """A disk that is merely slow voids nothing."""
    shell, journal = slow
    async with running(shell.core.write_forever()):
        await shell.up()
        await shell.core.written()
        journal.may_write.clear()
        shell.fail()
        shell.manual.advance(module.STALE_AFTER - 1.0)
        journal.may_write.set()
        await until(lambda: shell.started)


async def test_an_uneventful_look_writes_nothing(shell: Shell) -> None:
    """A thousand good looks cost no disk."""
    async with running(shell.core.write_forever()):
        await shell.up()
        await shell.core.written()
        before = shell.memory.types()
        shell.observe(times=1000)
        await shell.core.written()
        assert shell.memory.types() == before


async def test_the_engine_is_woken_when_it_asked_to_be(shell: Shell) -> None:
    """A pause with an end ends by itself, and what waited for it is done as soon as it was looked at once more."""
    shell.core.on_probe_soon = lambda name: shell.fail(times=1)
    async with running(shell.core.write_forever()):
        await shell.up()
        shell.core.tell(ev.PauseAsked("*", "deploying", "ops", 5.0))
        shell.fail(times=3)
        await shell.core.written()
        assert shell.started == []
        timer = shell.core._timer
        assert timer is not None
        shell.manual.advance(10.0)
        timer._run()  # the event loop would, two seconds from now
        await until(lambda: shell.started)


async def test_the_earliest_waking_wins(shell: Shell) -> None:
    """A later wish never puts off an earlier one."""
    now = shell.clock.now()
    shell.core._wake_at(now.monotonic + 50.0, now)
    late = shell.core._timer
    shell.core._wake_at(now.monotonic + 10.0, now)
    early = shell.core._timer
    shell.core._wake_at(now.monotonic + 90.0, now)
    assert late is not None
    assert late.cancelled()
    assert early is not None
    assert shell.core._timer is early
    assert not early.cancelled()
    early.cancel()


async def test_a_later_wish_does_not_take_away_a_waking_that_is_due(shell: Shell) -> None:
    """An event that the loop handles before the timer that is due: what the engine waits for still happens."""
    ticks: list[ev.Event] = []
    tell = shell.core.tell

    def listen(event: ev.Event) -> None:
        ticks.extend([event] if isinstance(event, ev.Tick) else [])
        tell(event)

    shell.core.tell = listen  # type: ignore[method-assign]
    now = shell.clock.now()
    shell.core._wake_at(now.monotonic, now)
    time.sleep(0.01)  # noqa: ASYNC251 - the loop is late
    shell.core._wake_at(now.monotonic + 3600.0, now)
    await until(lambda: ticks)


async def test_a_stop_writes_what_is_queued(shell: Shell) -> None:
    """The last facts of a process are not lost."""
    async with running(shell.core.write_forever()):
        await shell.up()
        shell.core.tell(ev.PauseAsked("*", "deploying", "ops"))
        await shell.core.stop(5.0)
        assert "paused" in shell.memory.types()


async def test_a_stop_does_not_wait_for_ever_for_a_full_disk(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """The daemon ends although the journal cannot be written."""
    monkeypatch.setattr(module, "WRITE_AGAIN_AFTER", 0.005)
    async with running(shell.core.write_forever()):
        shell.memory.trouble = "disk full"
        shell.core.tell(ev.PauseAsked("*", "deploying", "ops"))
        await until(lambda: shell.core.engine.journal_trouble)
        await shell.core.stop(0.05)
        assert shell.memory.types() == []


async def test_listeners_hear_of_what_reached_the_disk(shell: Shell) -> None:
    """Outbox and alerts are poked after the write, not before."""
    heard: list[int] = []
    shell.core.on_written = lambda: heard.append(len(shell.memory.types()))
    async with running(shell.core.write_forever()):
        shell.core.tell(ev.PauseAsked("*", "deploying", "ops"))
        await shell.core.written()
    assert heard == [1]


async def test_the_engine_s_wish_for_a_look_is_passed_on(shell: Shell) -> None:
    """A change of a container is looked at now, not at the next interval."""
    soon: list[str] = []
    shell.core.on_probe_soon = soon.append
    await shell.up()
    assert "gateway" in soon


async def test_an_order_that_is_being_written_at_the_stop_is_not_carried_out(slow: tuple[Shell, SlowJournal]) -> None:
    """Its intent and its refusal are both on disk."""
    shell, journal = slow
    async with running(shell.core.write_forever()):
        await shell.up()
        await shell.core.written()
        journal.may_write.clear()
        asked = journal.asked
        shell.fail()
        await until(lambda: journal.asked > asked)
        shell.core.quiesce()
        journal.may_write.set()
        await shell.core.stop(10.0)
        assert shell.started == []
        types = journal.types()
        assert types.index("action_intended") < types.index("action_ended")


async def test_an_orderly_stop_is_no_trouble_of_the_journal(shell: Shell) -> None:
    """What begins to fail in it is told by the next process, and nobody hears that the journal is broken."""
    async with running(shell.core.write_forever()):
        await shell.up()
        shell.core.quiesce()
        shell.fail()
        await shell.core.stop(10.0)
    assert "incident_opened" in shell.memory.types()
    assert shell.memory.outbox() == []
    assert shell.core.engine.journal_trouble == ""
    assert shell.started == []


async def test_history_that_is_over_is_pruned(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Again and again, and a journal that cannot be pruned ends nothing."""
    monkeypatch.setattr(module, "PRUNE_EVERY", 0.001)
    asked: list[datetime] = []

    def prune(before: datetime) -> int:
        asked.append(before)
        if len(asked) == 1:
            raise JournalError("disk full")
        return 0

    shell.memory.prune = prune  # type: ignore[method-assign]
    async with running(shell.core.prune_forever()):
        await until(lambda: len(asked) >= 3)
    assert asked[0] == shell.clock.now().utc - timedelta(days=90)


def test_each_waking_may_ask_for_the_next_one() -> None:
    """On the loop that the daemon runs on: there a timer that fires may say of itself that it is due in an instant."""

    async def chain() -> None:
        shell, all_came = Shell(clock=SystemClock()), asyncio.Event()
        ticks: list[ev.Event] = []

        def tick(event: ev.Event) -> None:
            ticks.append(event)
            now = shell.clock.now()
            shell.core._wake_at(now.monotonic + 0.001, now)
            if len(ticks) == 200:
                all_came.set()

        shell.core.tell = tick  # type: ignore[method-assign]
        now = shell.clock.now()
        shell.core._wake_at(now.monotonic, now)
        await asyncio.wait_for(all_came.wait(), 30.0)
        shell.core.close()

    uvloop.run(chain())
