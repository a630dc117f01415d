"""The published fakes keep the promises of the ports that they stand for."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from nemo_watchdog.errors import ContainersUnreachable, JournalError, OrderFailed
from nemo_watchdog.model import (
    CONTAINER,
    ActionRequest,
    Moment,
    Reason,
    RunState,
    Target,
    failed,
    ok,
)
from nemo_watchdog.ports import Action, Clock, Containers, Delivery, Notifier, Probe
from nemo_watchdog.stores import Archive, Journal
from nemo_watchdog.testing import (
    HANG,
    FakeContainers,
    ManualClock,
    MemoryArchive,
    MemoryJournal,
    RecordingAction,
    RecordingNotifier,
    ScriptedProbe,
)
from tests.unit.journal.parts import notification

REQUEST = ActionRequest("i/redis/1", "i", "redis", "docker.restart", Target(CONTAINER, "c-redis"))


def test_the_fakes_fit_the_ports() -> None:
    """The type checker holds the rest of it."""
    clock: Clock = ManualClock()
    probe: Probe = ScriptedProbe(ok())
    action: Action = RecordingAction()
    containers: Containers = FakeContainers(clock)
    journal: Journal = MemoryJournal(clock)
    archive: Archive = MemoryArchive()
    notifier: Notifier = RecordingNotifier()
    assert all((clock, probe, action, containers, journal, archive, notifier))


def test_the_clock_moves_when_told() -> None:
    """Both hands together, or the wall alone."""
    clock = ManualClock()
    start = clock.now()
    clock.advance(5.0)
    clock.jump(3600.0)
    assert clock.now() == Moment(start.monotonic + 5.0, start.utc + timedelta(seconds=3605))


async def test_a_probe_follows_its_script_and_repeats_the_end() -> None:
    """Findings, an exception, and the last step for ever."""
    down = failed(Reason.REFUSED, "nobody listens")
    probe = ScriptedProbe(ok(), RuntimeError("a bug"), down)
    assert (await probe.look()) == ok()
    with pytest.raises(RuntimeError, match="a bug"):
        await probe.look()
    assert [await probe.look() for _ in range(3)] == [down] * 3
    assert probe.looks == 5
    with pytest.raises(ValueError, match="at least one"):
        ScriptedProbe()


async def test_what_hangs_ends_by_cancellation() -> None:
    """So that a test of a deadline ends."""
    containers = FakeContainers(ManualClock(), ["c-redis"])
    containers.hangs = True
    for hanging in (ScriptedProbe(HANG).look(), RecordingAction(HANG).run(REQUEST), containers.inspect("c-redis")):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.005):
                await hanging


async def test_a_restart_starts_a_new_run() -> None:
    """And one that failed does not."""
    clock = ManualClock()
    containers = FakeContainers(clock, ["c-redis"])
    before = await containers.inspect("c-redis")
    containers.exit("c-redis", 3)
    exited = await containers.inspect("c-redis")
    assert (exited.state, exited.exit_code, exited.run) == (RunState.EXITED, 3, before.run)
    clock.advance(1.0)
    containers.order_ends = OrderFailed("no such network")
    with pytest.raises(OrderFailed):
        await containers.restart("c-redis", 1.0)
    assert await containers.inspect("c-redis") == exited
    containers.order_ends = None
    await containers.restart("c-redis", 10.0)
    assert containers.orders == [("restart", "c-redis", 1.0), ("restart", "c-redis", 10.0)]
    after = await containers.inspect("c-redis")
    assert after.state is RunState.RUNNING
    assert after.run != before.run
    assert (await containers.inspect("nobody")).state is RunState.MISSING
    containers.trouble = "no answer"
    with pytest.raises(ContainersUnreachable, match="no answer"):
        await containers.inspect("c-redis")


async def test_events_come_in_the_order_of_the_script() -> None:
    """As Docker tells them."""
    containers = FakeContainers(ManualClock())
    containers.tell("c-redis", "kill", 15)
    containers.tell("c-redis", "die")
    events = containers.events()
    assert [(event.action, event.signal) for event in (await anext(events), await anext(events))] == [
        ("kill", 15),
        ("die", None),
    ]


def test_the_journal_keeps_order_and_tells_each_fact_once() -> None:
    """A key is queued once for each contact; retries wait for their time."""
    clock = ManualClock()
    journal = MemoryJournal(clock)
    record = {"type": "released", "dependency": "redis"}
    journal.append([record], [notification("a", ("x", "y"))], clock.now())
    journal.append([], [notification("a", ("y", "z"))], clock.now())
    assert journal.outbox() == [(contact, "a", "pending") for contact in "xyz"]
    assert journal.replay(clock.now()) == [(clock.now(), record)]
    first, *_ = journal.pending(10)
    journal.retry_later(first.item_id, clock.now(), 5.0, "busy")
    assert [(item.contact, item.due) for item in journal.pending(10)] == [("x", False), ("y", True), ("z", True)]
    clock.advance(5.0)
    again, *_ = journal.pending(1)
    assert (again.contact, again.attempts, again.due) == ("x", 1, True)
    journal.delivered(first.item_id, clock.now())
    clock.advance(1.0)
    assert journal.prune(clock.now().utc) == 1
    assert journal.prune(clock.now().utc) == 0


def test_a_journal_in_trouble_fails_and_keeps_nothing() -> None:
    """All or nothing, as on a full disk."""
    clock = ManualClock()
    journal = MemoryJournal(clock)
    journal.trouble = "disk full"
    with pytest.raises(JournalError, match="disk full"):
        journal.append([{"type": "released"}], [notification("a")], clock.now())
    journal.trouble = ""
    assert (journal.types(), journal.outbox()) == ([], [])


async def test_a_notifier_answers_what_the_test_says() -> None:
    """For each contact, and keeps what it was given."""
    refused = Delivery(delivered=False, retryable=True, detail="busy")
    notifier = RecordingNotifier({"lead": refused})
    told = notification("a")
    assert (await notifier.deliver(told, "lead")) == refused
    assert (await notifier.deliver(told, "on-call")).delivered
    assert notifier.told == [("lead", told), ("on-call", told)]
