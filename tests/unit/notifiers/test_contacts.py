"""Each address of a contact gets each message once, in order; who is not reached is stood in for by another."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from nemo_watchdog.engine.page_now import PageNow
from nemo_watchdog.model import NotificationKind, Standing
from nemo_watchdog.notifiers import contacts as module
from nemo_watchdog.notifiers.contacts import address_digest
from nemo_watchdog.notifiers.in_order import HOLDS_BACK_FOR
from nemo_watchdog.policy.people import Apprise, Opsgenie, PagerDuty, Rota, Slack, Webhook
from nemo_watchdog.policy.secret_value import Secret
from nemo_watchdog.testing import ManualClock
from tests.unit.notifiers.channels import BUSY, TAKEN, WRONG, People, contact
from tests.unit.notifiers.parts import NOON, notification
from tests.unit.runtime.shell import until

OPENED = notification("i-1:1")
WORSE = notification("i-1:2")
OVER = replace(notification("i-1:3", kind=NotificationKind.RESOLVED), title="[SEV2] redis is up again")
OTHER = replace(notification("i-2:1"), incident="i-2")


def people(**fallback: str) -> People:
    made = People({"on-call": contact("good", "bad", **fallback), "lead": contact("lead")})
    made.clock = ManualClock(utc=NOON)
    made.another_process()
    return made


# -- each address


async def test_each_address_gets_its_letter() -> None:
    """Delivered when all of them have it."""
    them = people()
    assert await them.tell(OPENED) == TAKEN
    assert (them.lines.keys("good"), them.lines.keys("bad"), them.lines.keys("lead")) == (["i-1:1"], ["i-1:1"], [])
    (letter,) = them.lines["good"].got
    assert (letter.thread, letter.contact, letter.standing) == ("i-1", "on-call", Standing.FIRING)


async def test_who_has_it_is_not_told_again_also_not_by_the_next_process() -> None:
    """A dead address beside a good one, and three restarts."""
    them = people()
    them.lines["bad"].answer = BUSY
    first = await them.tell(OPENED)
    assert (first.delivered, first.retryable, first.reached) == (False, True, True)
    assert first.detail == "address 2 of 2: HTTP 503"
    for _ in range(3):
        await them.another_process().deliver(OPENED, "on-call")
    assert (len(them.lines["good"].asked), len(them.lines["bad"].asked)) == (1, 4)
    them.lines["bad"].answer = TAKEN
    assert (await them.tell(OPENED)).delivered
    assert them.lines.keys("bad") == ["i-1:1"]


async def test_of_what_waited_each_address_hears_what_it_has_not_heard() -> None:
    """The good one reads the news, the other one the whole story."""
    them = people()
    them.lines["bad"].answer = BUSY
    await them.tell(OPENED)
    them.lines["bad"].answer = TAKEN
    assert (await them.tell(OPENED, WORSE)).delivered
    assert them.lines.keys("good") == ["i-1:1", "i-1:2"]
    assert them.lines["good"].got[1].body == "connection refused"
    assert them.lines.keys("bad") == ["i-1:2"]
    assert them.lines["bad"].got[0].body.startswith("Not delivered until now:\n12:00:00 UTC: connection refused")


async def test_what_was_accepted_late_is_not_told_again_with_the_next() -> None:
    """The answer came when nobody waited any more, and news came before the next try."""
    them = people()
    them.lines["bad"].answer = BUSY
    await them.tell(OPENED)
    await them.tell(OPENED)
    them.lines["bad"].late.add(OPENED.key)
    them.lines["bad"].answer = TAKEN
    assert (await them.tell(OPENED, WORSE)).delivered
    assert [each.body for each in them.lines["bad"].got] == [WORSE.body]


async def test_what_was_accepted_late_needs_no_other_try() -> None:
    them = people()
    them.lines["bad"].answer = BUSY
    await them.tell(OPENED)
    them.lines["bad"].late.add(OPENED.key)
    assert (await them.tell(OPENED)).delivered
    assert len(them.lines["bad"].asked) == 1


async def test_a_refusal_for_good_beside_one_that_took_it_is_not_tried_again() -> None:
    """And the contact was reached."""
    them = people(fallback="lead")
    them.lines["bad"].answer = WRONG
    delivery = await them.tell(OPENED)
    assert (delivery.delivered, delivery.retryable, delivery.reached) == (False, False, True)
    assert them.lines.keys("lead") == []


async def test_one_address_of_two_contacts_is_told_once() -> None:
    """Also when both are told at the same time."""
    them = people()
    them.contacts["lead"] = contact("good")
    both = await asyncio.gather(them.tell(OPENED), them.tell(OPENED, to="lead"))
    assert [each.delivered for each in both] == [True, True]
    assert them.lines.keys("good") == ["i-1:1"]


async def test_a_rota_is_told_to_who_has_it_now() -> None:
    """Asked for at each delivery."""
    them = People({"on-call": contact(), "alice": contact("alice"), "bob": contact("bob")})
    for person in ("alice", "bob"):
        them.rota["on-call"] = (person,)
        await them.tell(notification(person))
    assert (them.lines.keys("alice"), them.lines.keys("bob")) == (["alice"], ["bob"])
    assert them.lines["alice"].got[0].contact == "on-call"


async def test_who_had_the_rota_when_it_was_told_hears_of_its_end() -> None:
    """Beside who has it now, once; who was told nothing of it hears nothing."""
    rota = replace(contact(), rota=Rota(("alice", "bob", "carol"), None, 540, UTC))
    them = People({"on-call": rota, **{name: contact(name) for name in ("alice", "bob", "carol")}})
    them.rota["on-call"] = ("alice",)
    await them.tell(OPENED)
    them.rota["on-call"] = ("bob",)
    await them.tell(WORSE)
    assert (await them.tell(OVER)).delivered
    assert (await them.tell(OVER)).delivered
    assert them.lines.keys("alice") == ["i-1:1", "i-1:3"]
    assert them.lines.keys("bob") == ["i-1:2", "i-1:3"]
    assert them.lines.keys("carol") == []


async def test_who_had_the_rota_when_the_journal_was_damaged_hears_that_it_was_accepted() -> None:
    """What was opened there is closed there."""
    rota = replace(contact(), rota=Rota(("alice", "bob"), None, 540, UTC))
    them = People({"on-call": rota, **{name: contact(name) for name in ("alice", "bob")}})
    damaged = replace(notification("journal:1", kind=NotificationKind.JOURNAL), incident="")
    them.rota["on-call"] = ("alice",)
    await them.tell(damaged)
    them.rota["on-call"] = ("bob",)
    await them.tell(replace(damaged, key="journal:2", kind=NotificationKind.JOURNAL_ACCEPTED))
    assert (them.lines.keys("alice"), them.lines.keys("bob")) == (["journal:1", "journal:2"], ["journal:2"])


async def test_who_stood_in_hears_the_end_once_beside_a_rota() -> None:
    """It was told for another contact, and has no part in the rota."""
    rota = replace(contact(), rota=Rota(("alice",), None, 540, UTC))
    boss, rest = contact("boss", fallback="lead"), {name: contact(name) for name in ("alice", "lead")}
    them = People({"on-call": rota, "boss": boss, **rest})
    them.rota["on-call"] = ("alice",)
    them.lines["boss"].answer = BUSY
    both = [replace(each, contacts=("on-call", "boss")) for each in (OPENED, OVER)]
    for _ in range(3):
        await them.tell(both[0], to="boss")
    await them.tell(both[0], to="on-call")
    them.lines["boss"].answer = TAKEN
    for name in ("on-call", "boss"):
        await them.tell(both[1], to=name)
    assert them.lines.keys("lead") == ["i-1:1>lead", "i-1:3>lead"]


async def test_what_one_contact_has_still_waits_for_another_at_the_same_address() -> None:
    """Nothing overtakes it there."""
    them = People({"boss": contact("b1", "b2"), "on-call": contact("mail")})
    them.lines["b1"].answer = BUSY
    await them.tell(OPENED, to="boss")
    assert (await them.tell(OPENED, to="on-call")).delivered
    them.lines["b1"].answer = TAKEN
    await them.tell(OTHER, to="boss")
    assert (await them.tell(OPENED, to="boss")).delivered
    assert (await them.tell(OTHER, to="boss")).delivered
    assert them.lines.keys("b1") == ["i-1:1", "i-2:1"]


async def test_a_contact_without_an_address_is_logged() -> None:
    """As before: it counts as told."""
    them = People({"on-call": contact()})
    with capture_logs() as lines:
        assert (await them.tell(OPENED, WORSE)).delivered
    assert [line["event"] for line in lines] == ["notification"]
    assert "Not delivered until now" in lines[0]["body"]


async def test_a_channel_is_given_what_it_left() -> None:
    """By thread and address, over a restart; one that leaves nothing keeps what it had."""
    them = people()
    them.lines["good"].memo = "ts-1"
    await them.tell(OPENED)
    them.lines["good"].memo = ""
    await them.another_process().deliver(WORSE, "on-call")
    await them.tell(OTHER)
    await them.tell(OVER)
    assert them.lines["good"].memos == ["", "ts-1", "", "ts-1"]
    assert them.lines["bad"].memos == [""] * 4


async def test_what_a_channel_left_when_it_failed_is_kept() -> None:
    """It may have made the channel of the incident before it was cut off."""
    them = people()
    them.lines["good"].memo, them.lines["good"].answer = "room", BUSY
    await them.tell(OPENED)
    await them.tell(OPENED)
    assert them.lines["good"].memos == ["", "room"]


@pytest.mark.parametrize("where", ["channel", "template"])
async def test_a_bug_is_a_failed_delivery_without_its_text(where: str) -> None:
    """Of a channel or of a template."""
    them = people()
    if where == "channel":
        them.lines["good"].answer = RuntimeError("hunter2")
    else:
        them.notifier._render = lambda *_: 1 / 0  # type: ignore[assignment]
    delivery = await them.tell(OPENED)
    assert (delivery.delivered, delivery.retryable) == (False, True)
    assert "could not be sent: " in delivery.detail
    assert "hunter2" not in delivery.detail


async def test_a_reload_takes_effect_and_closes_what_is_gone() -> None:
    """An address that the policy has no more is not spoken to, and its connection is closed."""
    them = people()
    await them.tell(OPENED)
    them.contacts["on-call"] = contact("good")
    await them.tell(WORSE)
    assert (them.lines.keys("bad"), them.lines["bad"].closed, them.lines["good"].closed) == (["i-1:1"], 1, 0)
    await them.notifier.close()
    assert them.lines["good"].closed == 1


# -- who hangs


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever hangs is waited for for moments."""
    monkeypatch.setattr(module, "GRACE", 0.02)
    monkeypatch.setattr(module, "PATIENCE", 0.3)


@pytest.mark.usefixtures("hurried")
async def test_who_hangs_holds_up_no_other_address_and_is_told_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is still waited for meanwhile; nothing overtakes what it has not taken, and nothing comes twice."""
    monkeypatch.setattr(module, "PATIENCE", 30.0)
    them = people()
    them.lines["bad"].free.clear()
    began = asyncio.get_running_loop().time()
    first = await them.tell(OPENED)
    assert (first.reached, first.detail) == (
        True,
        "address 2 of 2: the delivery before this one is still under way",
    )
    await them.tell(OTHER)
    assert asyncio.get_running_loop().time() - began < 5.0
    assert them.lines.keys("good") == ["i-1:1", "i-2:1"]
    them.lines["bad"].free.set()
    await until(lambda: them.lines.keys("bad") == ["i-1:1"])
    later = replace(notification("i-3:1"), incident="i-3")
    assert "what came before it" in (await them.tell(later)).detail
    for each in (OPENED, OTHER, later):
        assert (await them.tell(each)).delivered
    assert them.lines.keys("bad") == ["i-1:1", "i-2:1", "i-3:1"]
    assert len(them.lines["bad"].asked) == 3


@pytest.mark.usefixtures("hurried")
async def test_who_hangs_for_too_long_is_tried_again() -> None:
    """With the deadline in words."""
    them = People({"on-call": contact("bad")})
    them.lines["bad"].free.clear()
    delivery = await them.tell(OPENED)
    assert (delivery.delivered, delivery.retryable, delivery.reached) == (False, True, False)
    assert delivery.detail == "address 1 of 1: not accepted within 300ms"
    them.lines["bad"].free.set()
    assert (await them.tell(OPENED)).delivered


async def test_what_one_address_never_takes_holds_back_the_others_for_half_an_hour() -> None:
    """It may be this message that the service refuses."""
    them = people()
    assert isinstance(them.clock, ManualClock)
    them.lines["bad"].answer = BUSY
    await them.tell(OPENED)
    them.lines["bad"].answer = TAKEN
    them.clock.advance(HOLDS_BACK_FOR - 1.0)
    assert not (await them.tell(OTHER)).delivered
    them.clock.advance(1.0)
    assert (await them.tell(OTHER)).delivered


async def test_what_a_contact_was_told_otherwise_holds_nothing_back() -> None:
    """The rota went on to somebody else, who has it: the one before is free for what is his."""
    them = People({"on-call": contact(), "alice": contact("alice"), "bob": contact("bob")})
    them.rota["on-call"] = ("alice",)
    them.lines["alice"].answer = BUSY
    await them.tell(OPENED)
    them.rota["on-call"] = ("bob",)
    assert (await them.tell(OPENED)).delivered
    them.lines["alice"].answer = TAKEN
    assert (await them.tell(OTHER, to="alice")).delivered


async def test_a_stop_waits_for_an_answer_that_is_on_its_way() -> None:
    """Although nobody waits for the delivery any more: the next process tells nobody twice."""
    them = People({"on-call": contact("slow")})
    them.lines["slow"].free.clear()
    telling = asyncio.ensure_future(them.tell(OPENED))
    await until(lambda: them.lines["slow"].asked)
    telling.cancel()
    closing = asyncio.ensure_future(them.notifier.close())
    them.lines["slow"].free.set()
    await closing
    assert (await them.another_process().deliver(OPENED, "on-call")).delivered
    assert them.lines.keys("slow") == ["i-1:1"]


async def test_a_stop_waits_for_nobody_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who hangs is asked again by the next process."""
    monkeypatch.setattr(module, "CLOSE_WITHIN", 0.01)
    them = People({"on-call": contact("bad")})
    them.lines["bad"].free.clear()
    telling = asyncio.ensure_future(them.tell(OPENED))
    await until(lambda: them.lines["bad"].asked)
    await them.notifier.close()
    assert (await telling).retryable
    assert them.lines["bad"].closed == 1


# -- who stands in


async def test_after_three_tries_another_contact_is_told_once() -> None:
    """As what it is; the contact itself is still tried."""
    them = People({"on-call": contact("bad", "worse", fallback="lead"), "lead": contact("lead")})
    for name in ("bad", "worse"):
        them.lines[name].answer = BUSY
    titled = replace(OPENED, title="[SEV2] redis is down")
    deliveries = []
    for tries in range(5):
        deliveries.append(await them.tell(titled))
        assert len(them.lines["lead"].got) == (1 if tries >= 2 else 0)
    assert {(each.delivered, each.retryable) for each in deliveries} == {(False, True)}
    (letter,) = them.lines["lead"].got
    assert letter.title == "[SEV2] on-call could not be reached: redis is down"
    assert letter.body == "You are told because on-call could not be reached.\nconnection refused"
    assert (letter.contact, letter.thread, letter.key) == ("lead", "i-1", "i-1:1>lead")
    await them.another_process().deliver(titled, "on-call")
    assert len(them.lines["lead"].got) == 1


async def test_a_refusal_for_good_tells_the_other_at_once() -> None:
    """Nothing would be gained by waiting; when that one is not reached either, it is tried again."""
    them = People({"on-call": contact("bad", fallback="lead"), "lead": contact("lead")})
    them.lines["bad"].answer = WRONG
    them.lines["lead"].answer = BUSY
    assert (await them.tell(OPENED)).retryable
    them.lines["lead"].answer = TAKEN
    assert not (await them.tell(OPENED)).retryable
    assert them.lines.keys("lead") == ["i-1:1>lead"]


async def test_who_cannot_be_reached_is_stood_in_for_at_once_next_time() -> None:
    """As long as nothing reaches it; then its tries are counted anew."""
    them = People({"on-call": contact("bad", fallback="lead"), "lead": contact("lead")})
    them.lines["bad"].answer = BUSY
    for _ in range(3):
        await them.tell(OPENED)
    await them.tell(OPENED, WORSE)
    assert them.lines.keys("lead") == ["i-1:1>lead", "i-1:2>lead"]
    them.lines["bad"].answer = TAKEN
    await them.tell(OPENED, WORSE)
    them.lines["bad"].answer = BUSY
    await them.tell(OTHER)
    assert len(them.lines["lead"].got) == 2


async def test_who_stood_in_hears_the_end() -> None:
    """Although the contact is reached again by then; who was never told of it hears nothing."""
    them = People({"on-call": contact("bad", fallback="lead"), "lead": contact("lead")})
    them.lines["bad"].answer = WRONG
    await them.tell(OPENED)
    them.lines["bad"].answer = TAKEN
    them.lines["lead"].answer = BUSY
    them.now = PageNow(Standing.OVER)
    assert (await them.tell(OVER)).retryable
    them.lines["lead"].answer = TAKEN
    assert (await them.another_process().deliver(OVER, "on-call")).delivered
    assert them.lines.keys("bad") == ["i-1:3"]
    assert them.lines.titles("lead")[1:] == ["[SEV2] redis is up again"]
    await them.tell(replace(OVER, key="i-2:2", incident="i-2"))
    assert len(them.lines["lead"].got) == 2


async def test_who_stood_in_hears_that_somebody_has_taken_it() -> None:
    """A service that calls until then must not go on; other news of what the contact itself hears again are its own."""
    them = People({"on-call": contact("bad", fallback="lead"), "lead": contact("lead")})
    them.lines["bad"].answer = WRONG
    await them.tell(OPENED)
    them.lines["bad"].answer = TAKEN
    await them.tell(WORSE)
    await them.tell(replace(OVER, key="i-1:3", kind=NotificationKind.ACKNOWLEDGED, title="[SEV2] anna has taken it"))
    assert them.lines.titles("lead")[1:] == ["[SEV2] anna has taken it"]


async def test_who_is_told_of_the_end_anyway_hears_it_once() -> None:
    """The stand-in is one of the contacts of the message."""
    them = People({"on-call": contact("bad", fallback="lead"), "lead": contact("lead")})
    them.lines["bad"].answer = WRONG
    await them.tell(OPENED)
    them.lines["bad"].answer = TAKEN
    end = replace(OVER, contacts=("on-call", "lead"))
    await them.tell(end)
    await them.tell(end, to="lead")
    assert them.lines.keys("lead") == ["i-1:1>lead", "i-1:3"]


async def test_a_stand_in_without_an_address_is_logged_once() -> None:
    """However often the contact is tried."""
    them = People({"on-call": contact("bad", fallback="lead"), "lead": contact()})
    them.lines["bad"].answer = BUSY
    with capture_logs() as lines:
        for _ in range(6):
            await them.tell(OPENED)
    assert [line["contact"] for line in lines if line["event"] == "notification"] == ["lead"]


async def test_a_contact_without_an_address_is_stood_in_for() -> None:
    """There is no address that could take it."""
    them = People({"on-call": contact(fallback="lead"), "lead": contact("lead")})
    assert (await them.tell(OPENED)).delivered
    assert them.lines.titles("lead") == ["on-call could not be reached: redis is down"]


async def test_late_is_what_an_address_reads_late() -> None:
    """With what became of it since: what is over is no news."""
    them = people()
    assert isinstance(them.clock, ManualClock)
    them.lines["bad"].answer = BUSY
    await them.tell(OPENED)
    them.clock.advance(240.0)
    them.now = PageNow(Standing.OVER, over_since=NOON + timedelta(seconds=30))
    them.lines["bad"].answer = TAKEN
    await them.tell(OPENED)
    (letter,) = them.lines["bad"].got
    assert letter.title == "Over: redis is down"
    assert letter.body.startswith("At 12:00:00 UTC, delivered late (it has been over since 12:00:30 UTC): ")
    assert letter.standing is Standing.OVER


# -- what an address is known by


KEY = "the daemon's own"


def test_an_address_is_known_by_where_it_leads() -> None:
    """A secret that is rotated in its file is the same address; another file, place or service is another one."""
    made: list[Any] = [
        Apprise(Secret("slack://T1/B1", "${A}")),
        Apprise(Secret("slack://T2/B2", "${A}")),
        Apprise(Secret("slack://T1/B1", "${B}")),
        PagerDuty(Secret("k", "${K}"), "https://a"),
        Opsgenie(Secret("k", "${K}"), "https://a"),
        PagerDuty(Secret("k", "${K}"), "https://b"),
        Slack(Secret("t", "${T}"), "#a", "https://a"),
        Slack(Secret("t", "${T}"), "#b", "https://a"),
        Webhook(Secret("https://a", "${U}"), Secret("s", "${S}")),
    ]
    digests = [address_digest(each, KEY) for each in made]
    assert len(set(digests)) == len(digests)
    rotated = PagerDuty(Secret("rotated", "${K}"), "https://a")
    assert address_digest(rotated, KEY) == digests[3]
    moved = Slack(Secret("t", "${T}"), "#a", "https://a", rooms=True, invite=("U1",))
    assert address_digest(moved, KEY) == digests[6]


def test_nobody_can_tell_an_address_by_its_digest() -> None:
    """Neither read it nor try one: it takes the daemon's own secret."""
    address = Apprise(Secret("json://user:hunter2@host"))
    assert address_digest(address, "a") != address_digest(address, "b")
    assert "hunter2" not in address_digest(address, "a")


async def test_the_order_is_each_addresss_own() -> None:
    """What one has not taken holds back nothing at another one."""
    them = people()
    them.lines["bad"].answer = BUSY
    await them.tell(OPENED)
    assert "what came before it" in (await them.tell(OTHER)).detail
    assert them.lines.keys("good") == ["i-1:1", "i-2:1"]
    assert [each.key for each in them.lines["bad"].asked] == ["i-1:1"]
