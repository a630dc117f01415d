"""The outbox: everything is told, in order, for as long as it takes, and nobody waits for anybody else."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from nemo_watchdog.engine.letters import LATE_AFTER
from nemo_watchdog.errors import JournalError
from nemo_watchdog.model import Moment, Notification, NotificationKind
from nemo_watchdog.ports import Delivery
from nemo_watchdog.runtime import outbox as module
from nemo_watchdog.runtime.outbox import Outbox
from nemo_watchdog.testing import HANG, RecordingNotifier
from tests.unit.journal.parts import notification
from tests.unit.runtime.shell import Shell, running, settled, until

BUSY = Delivery(delivered=False, retryable=True, detail="HTTP 503")
WRONG = Delivery(delivered=False, retryable=False, detail="HTTP 404")


class Post:
    """An outbox that runs, with a journal that the test fills."""

    def __init__(self) -> None:
        self.shell = Shell()
        self.notifier = RecordingNotifier()
        self.others: list[asyncio.Future[bool]] = []
        self.outbox = Outbox(self.shell.memory, self.notifier, self.shell.core, self.shell.metrics)

    def queue(self, key: str, *contacts: str) -> None:
        self.shell.memory.append([], [notification(key, contacts or ("on-call",))], self.shell.clock.now())
        self.outbox.poke()

    def queue_other(self, key: str, incident: str = "i-2", kind: NotificationKind = NotificationKind.OPENED) -> None:
        """Of another page, made now."""
        now = self.shell.clock.now()
        self.shell.memory.append([], [replace(notification(key), kind=kind, incident=incident, at=now.utc)], now)
        self.outbox.poke()

    def told(self, contact: str = "on-call") -> list[str]:
        return [each.key for to, each in self.notifier.told if to == contact]

    def states(self) -> list[str]:
        return [state for _, _, state in self.shell.memory.outbox()]

    def attempts(self) -> list[int]:
        """Of what waits, oldest first, once nobody is being told."""
        return [] if self.outbox._busy else [item.attempts for item in self.shell.memory.pending(100)]

    def counted(self, outcome: str, contact: str = "on-call") -> Callable[[], bool]:
        return lambda: bool(self.shell.metric("notifications_total", contact=contact, outcome=outcome))


@pytest.fixture
async def post_made() -> AsyncIterator[Post]:
    """The outbox does not run yet."""
    made = Post()
    yield made
    made.shell.core.close()


@pytest.fixture
async def post(post_made: Post) -> AsyncIterator[Post]:
    async with running(post_made.outbox.run()):
        yield post_made


async def test_what_is_queued_is_told_once_and_in_order(post: Post) -> None:
    """A notification that was delivered is never delivered again."""
    for key in ("a", "b", "c"):
        post.queue(key)
    await until(lambda: post.states() == ["delivered"] * 3)
    post.outbox.poke()
    await settled()
    assert post.told() == ["a", "b", "c"]
    assert post.shell.metric("notifications_total", contact="on-call", outcome="delivered") == 3.0


async def test_whoever_shows_what_waits_hears_what_became_of_it(post: Post) -> None:
    """Once the disk has it, which is asked."""
    heard: list[list[str]] = []
    post.shell.core.on_changed = lambda: heard.append(post.states())
    post.queue("a")
    await until(lambda: heard)
    assert heard == [["delivered"]]


async def test_a_failure_that_may_pass_is_tried_again_after_growing_pauses(post: Post) -> None:
    """5 s, 10 s, 20 s: never before, and up to ten minutes."""
    post.notifier.answers["on-call"] = BUSY
    post.queue("a")
    for tries, pause in enumerate((5.0, 10.0, 20.0, 40.0), start=1):
        await until(lambda tries=tries: post.shell.memory._outbox[0].item.attempts == tries)  # type: ignore[misc]
        post.shell.manual.advance(pause - 0.5)
        post.outbox.poke()
        await until(lambda: not post.outbox._due.is_set())
        await settled()
        assert len(post.told()) == tries
        post.shell.manual.advance(0.5)
        post.outbox.poke()
        await until(lambda tries=tries: len(post.told()) == tries + 1)  # type: ignore[misc]
    assert [each.what for each in post.shell.core.troubles.views()] == ["contact on-call is not told"]
    post.notifier.answers["on-call"] = Delivery(delivered=True)
    await until(lambda: post.shell.memory._outbox[0].item.attempts == 5)
    post.shell.manual.advance(module.LONGEST_RETRY)
    post.outbox.poke()
    await until(lambda: post.states() == ["delivered"])
    assert not post.shell.core.troubles.views()


async def test_a_failure_for_good_is_given_up_at_once(post: Post) -> None:
    """A wrong address is not tried for a day, and does not hold up what comes after it."""
    post.notifier.answers["on-call"] = WRONG
    post.queue("a")
    post.queue("b")
    await until(lambda: post.states() == ["given_up"] * 2)
    assert post.counted("failed")()


async def test_what_is_old_and_was_tried_often_is_given_up(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    """The queue does not grow for ever for a contact who has left."""
    monkeypatch.setattr(module, "TRIES_AT_LEAST", 3)
    post.notifier.answers["on-call"] = BUSY
    post.queue_other("a")
    await until(lambda: post.attempts() == [1])
    post.shell.manual.advance(module.GIVE_UP_AFTER)
    post.outbox.poke()
    for tries in (2, 3):
        await until(lambda tries=tries: len(post.told()) == tries)  # type: ignore[misc]
        await until(lambda: not post.outbox._busy)
        post.shell.manual.advance(module.LONGEST_RETRY)
        post.outbox.poke()
    await until(lambda: post.states() == ["given_up"])
    await settled()
    assert len(post.told()) == 3


async def test_a_contact_who_hangs_holds_up_nobody_else(post: Post) -> None:
    """Neither in the same pass nor in those that follow."""
    post.notifier.answers["lead"] = HANG
    post.queue("a", "lead", "on-call")
    await until(lambda: post.told("lead") == ["a"] and post.told() == ["a"])
    post.queue("b", "on-call")
    post.queue("c", "lead", "on-call")
    await until(lambda: post.told() == ["a", "b", "c"])
    assert post.told("lead") == ["a"]


async def test_a_failure_holds_back_what_comes_after_it_for_the_same_contact(post: Post) -> None:
    """People read resolved after opened."""
    post.notifier.answers["on-call"] = BUSY
    post.queue("opened")
    post.queue("resolved")
    await until(post.counted("retry"))
    await until(lambda: not post.outbox._busy)
    assert post.told()[0] == "opened"
    assert "delivered" not in post.states()


async def test_nothing_overtakes_what_waits_and_it_is_told_in_one_letter(post: Post) -> None:
    """Whoever was away reads the whole story at once, the end at its end, and no part of it twice."""
    post.notifier.answers["on-call"] = BUSY
    post.queue("opened")
    await until(lambda: post.attempts() == [1])
    post.queue("started")  # more to tell is a reason to try again what waits
    await until(lambda: post.attempts() == [2, 1])
    post.notifier.answers["on-call"] = Delivery(delivered=True)
    post.queue("resolved")
    await until(lambda: post.states() == ["delivered"] * 3)
    assert post.told() == ["opened", "started", "resolved"]
    (_, last) = post.notifier.told[-1]
    assert [each.key for each in last.earlier] == ["opened", "started"]
    assert post.shell.metric("notifications_total", contact="on-call", outcome="delivered") == 3.0


async def test_what_is_newer_waits_no_longer_than_what_it_waits_for(post: Post) -> None:
    """The pause is that of the newest."""
    post.notifier.answers["on-call"] = BUSY
    post.queue("opened")
    for tries in range(1, 5):
        await until(lambda tries=tries: post.attempts() == [tries])  # type: ignore[misc]
        post.shell.manual.advance(module.LONGEST_RETRY)
        post.outbox.poke()
    await until(lambda: post.attempts() == [5])
    post.queue("resolved")
    await until(lambda: post.attempts() == [6, 1])
    post.notifier.answers["on-call"] = Delivery(delivered=True)
    post.shell.manual.advance(module.FIRST_RETRY)
    post.outbox.poke()
    await until(lambda: post.states() == ["delivered"] * 2)


async def test_another_page_waits_behind_what_was_not_taken(post: Post) -> None:
    """It is a reason to try again what is older; each page has a letter of its own, in their order."""
    post.notifier.answers["on-call"] = BUSY
    post.queue("opened")
    await until(lambda: post.attempts() == [1])
    post.queue_other("other")
    await until(lambda: post.attempts() == [2, 1])
    assert post.told() == ["opened", "opened"]
    post.notifier.answers["on-call"] = Delivery(delivered=True)
    post.queue("resolved")
    await until(lambda: post.states() == ["delivered"] * 3)
    assert post.told()[2:] == ["resolved", "other"]


async def test_what_is_about_no_outage_is_one_letter_only_with_its_own_kind(post: Post) -> None:
    """The journal and two times of maintenance have nothing in common, however late they are."""
    post.notifier.answers["on-call"] = BUSY
    kinds = NotificationKind
    for key, kind in (
        ("journal:1", kinds.JOURNAL),
        (":work-1", kinds.MAINTENANCE),
        (":work-2", kinds.MAINTENANCE),
        ("journal:2", kinds.JOURNAL_ACCEPTED),
    ):
        post.queue_other(key, incident="", kind=kind)
    await until(lambda: [bool(each) for each in post.attempts()] == [True] * 4)
    post.notifier.told.clear()
    post.notifier.answers["on-call"] = Delivery(delivered=True)
    post.shell.manual.advance(module.LONGEST_RETRY)
    post.outbox.poke()
    await until(lambda: post.states() == ["delivered"] * 4)
    letters = [[*(each.key for each in told.earlier), told.key] for _, told in post.notifier.told]
    assert letters == [["journal:1", "journal:2"], [":work-1"], [":work-2"]]


async def test_who_is_partly_reached_hears_of_the_next_page_at_once(post: Post) -> None:
    """One address of the contact is dead, and the other one takes what it gets."""
    post.notifier.answers["on-call"] = Delivery(delivered=False, retryable=True, reached=True)
    post.queue("opened")
    await until(lambda: post.attempts() == [1])
    post.queue_other("other")
    await until(lambda: post.attempts() == [1, 1])
    assert post.told() == ["opened", "other"]


async def test_however_often_it_was_tried_what_is_young_is_not_given_up(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each new message has all that waits tried again."""
    monkeypatch.setattr(module, "TRIES_AT_LEAST", 2)
    post.notifier.answers["on-call"] = BUSY
    for number in range(20):
        post.queue_other(f"page-{number}", f"i-{number}")
        await until(lambda number=number: len([each for each in post.attempts() if each]) == number + 1)  # type: ignore[misc]
    assert post.told() == ["page-0"] * 20
    assert set(post.states()) == {"pending"}


async def test_who_hangs_is_tried_with_what_came_later_too(post: Post) -> None:
    """It may be the message that is not taken, however long each try takes."""

    async def deliver(notification: Notification, contact: str) -> Delivery:
        post.notifier.told.append((contact, notification))
        post.shell.manual.advance(2 * LATE_AFTER)
        return BUSY if notification.key == "bad" else Delivery(delivered=True)

    post.notifier.deliver = deliver  # type: ignore[method-assign]
    post.queue_other("bad", incident="i-1")
    await until(lambda: post.attempts() == [1])
    post.shell.manual.advance(module.HOLDS_BACK_FOR)
    post.queue_other("good")
    await until(lambda: post.states() == ["pending", "delivered"])


async def test_a_message_that_is_never_taken_holds_back_the_others_for_half_an_hour(post: Post) -> None:
    """The service takes all but one: that one alone is not told."""

    async def deliver(notification: Notification, contact: str) -> Delivery:
        post.notifier.told.append((contact, notification))
        return BUSY if notification.key == "bad" else Delivery(delivered=True)

    post.notifier.deliver = deliver  # type: ignore[method-assign]
    now = post.shell.clock.now()
    post.shell.memory.append([], [replace(notification("bad"), at=now.utc)], now)
    post.queue_other("good")
    await until(lambda: post.attempts() == [1, 1])
    post.shell.manual.advance(module.HOLDS_BACK_FOR - 1.0)
    post.outbox.poke()
    await until(lambda: post.attempts() == [2, 2])
    assert "good" not in post.told()
    post.shell.manual.advance(module.LONGEST_RETRY)
    post.outbox.poke()
    await until(lambda: post.states() == ["pending", "delivered"])


async def test_of_two_that_are_not_taken_it_is_not_the_message(post: Post) -> None:
    """Nothing else is tried before one of them is taken."""
    post.notifier.answers["on-call"] = BUSY
    for number in range(3):
        post.queue_other(str(number), f"i-{number}")
    post.shell.manual.advance(module.HOLDS_BACK_FOR + 1.0)
    await until(lambda: post.attempts() == [1, 1, 1])
    post.shell.manual.advance(module.LONGEST_RETRY)
    post.outbox.poke()
    await until(lambda: post.attempts() == [2, 2, 2])
    assert "2" not in post.told()


async def test_who_takes_long_hears_of_the_rest_in_one_letter(post_made: Post) -> None:
    """What waited behind a slow delivery is late, too."""
    post, told = post_made, post_made.notifier.deliver

    async def slow(notification: Notification, contact: str) -> Delivery:
        post.shell.manual.advance(LATE_AFTER + 1.0)
        return await told(notification, contact)

    post.notifier.deliver = slow  # type: ignore[method-assign]
    now = post.shell.clock.now()
    for key in ("opened", "started", "resolved"):
        post.shell.memory.append([], [replace(notification(key), at=now.utc)], now)
    async with running(post.outbox.run()):
        await until(lambda: post.states() == ["delivered"] * 3)
    assert post.told() == ["opened", "resolved"]
    assert [each.key for each in post.notifier.told[-1][1].earlier] == ["started"]


async def test_what_was_dropped_for_good_holds_up_nothing(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who was not reached for too long hears of what came later."""
    monkeypatch.setattr(module, "TRIES_AT_LEAST", 2)
    post.notifier.answers["on-call"] = BUSY
    post.queue_other("opened")
    await until(lambda: post.attempts() == [1])
    post.shell.manual.advance(module.GIVE_UP_AFTER)
    post.queue_other("started", "i-3")
    await until(lambda: post.states() == ["given_up", "pending"])
    post.notifier.answers["on-call"] = Delivery(delivered=True)
    post.shell.manual.advance(module.FIRST_RETRY)
    post.outbox.poke()
    await until(lambda: post.states() == ["given_up", "delivered"])
    assert post.told()[-1] == "started"


async def test_the_next_process_keeps_the_order(post_made: Post) -> None:
    """What waits is on disk, and so is what waits behind it."""
    post_made.notifier.answers["on-call"] = BUSY
    post_made.queue("opened")
    async with running(post_made.outbox.run()):
        await until(lambda: post_made.attempts() == [1])
    post_made.notifier.answers["on-call"] = Delivery(delivered=True)
    shell = post_made.shell
    outbox = Outbox(shell.memory, post_made.notifier, shell.core, shell.metrics)
    post_made.queue("resolved")
    async with running(outbox.run()):
        await until(lambda: post_made.states() == ["delivered"] * 2)
    assert post_made.told() == ["opened", "resolved"]


async def test_without_the_disk_the_order_is_the_same(post: Post) -> None:
    """From memory."""
    post.shell.memory.trouble = "disk full"
    post.notifier.answers["on-call"] = BUSY
    post.outbox.tell_from_memory([notification("opened")])
    await until(lambda: post.told() == ["opened"] and not post.outbox._busy)
    post.notifier.answers["on-call"] = Delivery(delivered=True)
    post.outbox.tell_from_memory([notification("resolved")])
    await until(lambda: post.told() == ["opened", "resolved"])
    assert [each.key for each in post.notifier.told[-1][1].earlier] == ["opened"]


async def test_a_notifier_that_raises_is_a_failed_delivery(post: Post) -> None:
    """A bug in a notifier ends no daemon; its text is not written."""
    post.notifier.answers["on-call"] = RuntimeError("token=hunter2")
    post.queue("a")
    await until(lambda: post.shell.memory._outbox[0].item.attempts == 1)
    assert post.shell.memory._outbox[0].detail == "the notifier raised RuntimeError"


async def test_a_journal_that_cannot_be_read_is_asked_again(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop goes on, and what was queued is told when the disk is back."""
    monkeypatch.setattr(module, "LOOK_EVERY", 0.005)
    post.queue("a")
    await until(lambda: post.told() == ["a"])
    await until(lambda: post.states() == ["delivered"])
    post.queue("b")
    post.shell.memory.trouble = "disk full"
    post.outbox.poke()
    await until(lambda: not post.outbox._due.is_set())
    await settled()
    post.shell.memory.trouble = ""
    await until(lambda: post.states() == ["delivered", "delivered"])


async def test_what_is_waiting_is_a_metric(post: Post) -> None:
    """An operator sees that somebody is not reached."""
    post.notifier.answers["on-call"] = HANG
    post.queue("a")
    await until(lambda: post.shell.metric("outbox_pending") == 1.0)


async def test_a_stop_between_telling_and_writing_it_down_tells_nobody_twice(post_made: Post) -> None:
    """What was told is written down although the outbox is stopped in that moment."""
    may_write, told = threading.Event(), post_made.notifier.deliver

    async def deliver(notification: Notification, contact: str) -> Delivery:
        answer = await told(notification, contact)
        in_journal_thread = post_made.shell.core.in_journal_thread
        post_made.others.append(asyncio.ensure_future(in_journal_thread(lambda: may_write.wait(30.0))))
        await settled()  # the disk is busy with something else, and what follows has to wait
        return answer

    post_made.notifier.deliver = deliver  # type: ignore[method-assign]
    post_made.queue("a")
    async with running(post_made.outbox.run()):
        await until(post_made.counted("delivered"))
        await settled()
    may_write.set()
    await until(lambda: post_made.states() == ["delivered"])
    assert post_made.told() == ["a"]


# -- without the disk


async def test_what_is_not_on_disk_is_told_once_and_settled_when_it_is(post: Post) -> None:
    """Whatever the disk says afterwards."""
    post.shell.memory.trouble = "disk full"
    post.outbox.tell_from_memory([notification("a"), notification("b")])
    await until(lambda: post.told() == ["a", "b"])
    post.shell.memory.trouble = ""
    for key in ("a", "b", "c"):
        post.queue(key)
    await until(lambda: post.states() == ["delivered"] * 3)
    assert post.told() == ["a", "b", "c"]
    await until(lambda: post.outbox._known == {})
    await until(lambda: post.shell.metric("outbox_pending") == 0.0)


async def test_what_is_settled_while_the_disk_is_read_does_not_wait(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read of it is old: it is not counted as what is still to be told."""
    gate, in_thread = asyncio.Event(), post.shell.core.in_journal_thread

    async def late(work: Callable[[], Any]) -> Any:
        monkeypatch.setattr(post.shell.core, "in_journal_thread", in_thread)
        found = await in_thread(work)
        gate.set()
        await until(lambda: post.states() == ["delivered"] and not post.outbox._known)
        return found

    async def held(*_: object) -> Delivery:
        monkeypatch.setattr(post.shell.core, "in_journal_thread", late)
        post.outbox.poke()
        await gate.wait()
        return Delivery(delivered=True)

    monkeypatch.setattr(post.notifier, "deliver", held)
    post.queue("a")
    await until(lambda: post.states() == ["delivered"])
    await until(lambda: not post.outbox._due.is_set())
    await settled()
    assert post.shell.metric("outbox_pending") == 0.0


async def test_what_is_written_down_while_the_disk_is_read_does_not_wait(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was told without the disk, before the reading began that still finds it waiting."""
    has_read, in_thread = asyncio.Event(), post.shell.core.in_journal_thread

    async def in_turn(work: Callable[[], Any]) -> Any:
        if not isinstance(work, partial):
            return await in_thread(work)
        monkeypatch.setattr(post.shell.core, "in_journal_thread", late)
        post.outbox.poke()
        await has_read.wait()
        return await in_thread(work)

    async def late(work: Callable[[], Any]) -> Any:
        monkeypatch.setattr(post.shell.core, "in_journal_thread", in_thread)
        found = await in_thread(work)
        has_read.set()
        await until(lambda: not post.outbox._known)
        return found

    post.shell.memory.trouble = "disk full"
    post.outbox.tell_from_memory([notification("a")])
    await until(lambda: post.told() == ["a"])
    post.shell.memory.trouble = ""
    monkeypatch.setattr(post.shell.core, "in_journal_thread", in_turn)
    post.queue("a")
    await until(lambda: post.states() == ["delivered"] and not post.outbox._due.is_set())
    await settled()
    assert post.told() == ["a"]
    assert post.shell.metric("outbox_pending") == 0.0


async def test_what_cannot_be_written_down_is_not_told_again(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk can be read: what is on it is still to be told for it, at every look."""
    monkeypatch.setattr(module, "LOOK_EVERY", 0.002)
    refused: list[int] = []

    def full(item_id: int, _: Moment) -> None:
        refused.append(item_id)
        raise JournalError("disk full")

    with monkeypatch.context() as disk:
        disk.setattr(post.shell.memory, "delivered", full)
        post.queue("a")
        await until(lambda: len(refused) > 5)
        assert post.told() == ["a"]
    await until(lambda: post.states() == ["delivered"])
    assert post.told() == ["a"]


async def test_it_is_tried_again_from_memory_after_growing_pauses(post: Post) -> None:
    """And goes on counting when the disk is back."""
    post.shell.memory.trouble = "disk full"
    post.notifier.answers["on-call"] = BUSY
    post.outbox.tell_from_memory([notification("a")])
    for tries, pause in enumerate((5.0, 10.0, 20.0), start=1):
        await until(lambda tries=tries: len(post.told()) == tries and not post.outbox._busy)  # type: ignore[misc]
        post.outbox.poke()
        await until(lambda: not post.outbox._due.is_set())
        await settled()
        assert len(post.told()) == tries
        post.shell.manual.advance(pause)
        post.outbox.poke()
    await until(lambda: len(post.told()) == 4 and not post.outbox._busy)
    post.shell.memory.trouble = ""
    post.notifier.answers["on-call"] = Delivery(delivered=True)
    post.queue("a")
    await until(lambda: not post.outbox._due.is_set())
    assert len(post.told()) == 4  # the disk does not know of its pause, and the memory does
    post.shell.manual.advance(40.0)
    post.outbox.poke()
    await until(lambda: post.states() == ["delivered"])
    assert len(post.told()) == 5


async def test_who_cannot_be_told_is_given_up_on_disk_when_it_is_back(post: Post) -> None:
    """Once."""
    post.shell.memory.trouble = "disk full"
    post.notifier.answers["on-call"] = WRONG
    post.outbox.tell_from_memory([notification("a")])
    await until(post.counted("failed"))
    post.shell.memory.trouble = ""
    post.queue("a")
    await until(lambda: post.states() == ["given_up"])
    assert post.told() == ["a"]


async def test_a_disk_that_hangs_holds_up_no_telling(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the asking what is due nor the writing down."""
    monkeypatch.setattr(module, "DISK_WITHIN", 0.01)
    may_answer = threading.Event()
    hanging = asyncio.ensure_future(post.shell.core.in_journal_thread(lambda: may_answer.wait(30.0)))
    post.outbox.tell_from_memory([notification("a")])
    await until(lambda: post.told() == ["a"])
    post.outbox.tell_from_memory([notification("b")])
    await until(lambda: post.told() == ["a", "b"])
    may_answer.set()
    await hanging
    for key in ("a", "b", "c"):
        post.queue(key)
    await until(lambda: post.states() == ["delivered"] * 3)
    assert post.told() == ["a", "b", "c"]


async def test_an_action_that_was_announced_and_not_carried_out_is_not_told(post: Post) -> None:
    """Neither now nor when the disk is back: the word that it was refused is."""
    announced = replace(notification("i-1/1:started"), kind=NotificationKind.ACTION_STARTED)
    post.shell.memory.trouble = "disk full"
    post.outbox.tell_from_memory([announced, notification("i-1/1:finished")])
    await until(lambda: post.told() == ["i-1/1:finished"])
    post.shell.memory.trouble = ""
    post.queue("i-1/1:started")
    post.queue("i-1/1:finished")
    await until(lambda: post.states() == ["delivered"] * 2)
    assert post.told() == ["i-1/1:finished"]
