"""What waits for one contact: in order, once, and what is late as what it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest

from nemo_watchdog.engine.letters import LATE_AFTER, LONGEST, LONGEST_LINE, told_as_one
from nemo_watchdog.engine.letters import letter as made
from nemo_watchdog.engine.page_now import PageNow
from nemo_watchdog.model import Notification, NotificationKind, Severity, Standing
from tests.unit.engine.world import NOON, World, dependency, policy

MOMENT = timedelta(seconds=1)


def message(kind: NotificationKind, title: str, body: str, at: datetime) -> Notification:
    return Notification(f"i-1:{title}", kind, "i-1", Severity.SEV2, "a", f"[SEV2] {title}", body, ("on-call",), at)


FIRING = PageNow(Standing.FIRING)


def letter(waiting: Sequence[Notification], now: datetime, page: PageNow = FIRING, zone: tzinfo = UTC) -> Notification:
    return made(waiting, now, page, zone)


OPENED = message(NotificationKind.OPENED, "a is down", "a is down: refused.\nNext: acting now.", NOON)
STARTED = message(NotificationKind.ACTION_STARTED, "a: docker.restart", "a is down: refused.\nDoing it.", NOON + MOMENT)
ENDED = message(NotificationKind.ACTION_FINISHED, "a: docker.restart succeeded", "It succeeded.", NOON + MOMENT)
RESOLVED = message(NotificationKind.RESOLVED, "a is up again", "a up again after 8s.", NOON + 8 * MOMENT)


def test_what_is_sent_in_its_time_is_sent_as_it_is() -> None:
    """Each for itself."""
    assert not told_as_one([OPENED, STARTED], NOON + MOMENT, tried=False)
    assert letter([OPENED], NOON + LATE_AFTER * MOMENT) == OPENED


def test_what_is_late_says_when_it_was_made() -> None:
    """With the day, when that was another."""
    told = letter([OPENED], NOON + (LATE_AFTER + 1) * MOMENT)
    assert told.body.startswith("At 12:00:00 UTC, delivered late (it is still open): a is down: refused.\nNext: ")
    assert (told.title, told.key) == (OPENED.title, OPENED.key)
    assert "At 2026-01-05 12:00:00 UTC, delivered late" in letter([OPENED], NOON + timedelta(hours=12)).body


def test_times_are_those_of_the_policys_zone() -> None:
    """And so is the day: in Auckland it is the next one already."""
    zone = ZoneInfo("Pacific/Auckland")
    assert "At 01:00:00 NZDT, delivered late" in letter([OPENED], NOON + timedelta(hours=1), zone=zone).body
    assert "At 12:00:00 UTC" in letter([OPENED], NOON + timedelta(hours=11, minutes=59)).body
    after = letter([OPENED], NOON + timedelta(hours=11, minutes=59), zone=ZoneInfo("Asia/Kolkata")).body
    assert "At 2026-01-05 17:30:00 IST, delivered late" in after


def test_what_somebody_has_taken_meanwhile_says_who() -> None:
    """Whoever reads it late need not get up."""
    taken = PageNow(Standing.ACKNOWLEDGED, owner="bob")
    body = letter([OPENED], NOON + timedelta(minutes=4), taken).body
    assert body.startswith("At 12:00:00 UTC, delivered late (it is still open, and bob has taken it): a is down")


@pytest.mark.parametrize(
    ("ended", "when"), [(NOON + 30 * MOMENT, " since 12:00:30 UTC"), (None, "")], ids=["known when", "forgotten"]
)
def test_what_is_over_is_not_told_as_news(ended: datetime | None, when: str) -> None:
    """Neither by its title nor by what was to come next."""
    told = letter([OPENED], NOON + timedelta(minutes=4), PageNow(Standing.OVER, over_since=ended))
    assert told.title == "[SEV2] Over: a is down"
    assert told.body == f"At 12:00:00 UTC, delivered late (it has been over{when}): a is down: refused."


def test_that_the_journal_was_accepted_is_an_end() -> None:
    """Late, it is not told as something that is over since."""
    accepted = replace(RESOLVED, kind=NotificationKind.JOURNAL_ACCEPTED, incident="", body="ops lets it go on.")
    told = letter([accepted], NOON + timedelta(minutes=5), PageNow(Standing.OVER))
    assert told.title == accepted.title
    assert told.body == "At 12:00:08 UTC, delivered late: ops lets it go on."


def test_the_end_that_comes_late_is_the_end() -> None:
    """It needs nobody to say that it is over."""
    told = letter([RESOLVED], NOON + timedelta(minutes=4), PageNow(Standing.OVER, over_since=RESOLVED.at))
    assert (told.title, told.body) == (RESOLVED.title, "At 12:00:08 UTC, delivered late: a up again after 8s.")


@pytest.mark.parametrize(
    ("waiting", "seconds", "tried"),
    [((OPENED, STARTED), 2, True), ((OPENED, STARTED), 11, False), ((OPENED, RESOLVED), 11, False)],
)
def test_what_waited_is_one_letter(waiting: tuple[Notification, ...], seconds: int, tried: bool) -> None:
    """Because it was not taken, or is late."""
    assert told_as_one(waiting, NOON + seconds * MOMENT, tried=tried)


def test_one_letter_tells_the_story_in_order_and_ends_with_what_is_so() -> None:
    """No action that is over begins in the last words."""
    told = letter([OPENED, STARTED, ENDED, RESOLVED], NOON + 35 * MOMENT)
    assert (told.title, told.kind, told.key) == (RESOLVED.title, NotificationKind.RESOLVED, RESOLVED.key)
    assert told.body.splitlines() == [
        "Not delivered until now:",
        "12:00:00 UTC: a is down: refused.",
        "12:00:01 UTC: a: docker.restart",
        "12:00:01 UTC: It succeeded.",
        "At 12:00:08 UTC, delivered late: a up again after 8s.",
    ]


def test_a_long_story_keeps_its_beginning_and_its_end() -> None:
    """Services refuse what is too long."""
    many = [replace(ENDED, body=f"{number}.") for number in range(100)]
    body = letter([OPENED, *many, RESOLVED], NOON + 9 * MOMENT).body
    lines = body.splitlines()
    assert lines[1] == "12:00:00 UTC: a is down: refused."
    told = len(lines) - 4
    assert lines[2] == f"({100 - told} more messages)"
    assert lines[-2:] == ["12:00:01 UTC: 99.", "12:00:08 UTC: a up again after 8s."]
    assert LONGEST - 30 < len(body) <= LONGEST


def test_what_has_just_room_is_told_whole() -> None:
    """To the character: the letter, and each line of it."""
    line = replace(ENDED, body="x" * (LONGEST_LINE - len("12:00:01 UTC: ")))
    assert "…" not in letter([line, RESOLVED], NOON + 9 * MOMENT).body
    few = [OPENED, line, line, RESOLVED]
    left = LONGEST - len(letter(few, NOON + 9 * MOMENT).body)
    exact = letter([*few[:3], replace(RESOLVED, body=RESOLVED.body + "y" * left)], NOON + 9 * MOMENT)
    assert (len(exact.body), "more message" in exact.body) == (LONGEST, False)
    longer = letter([*few[:3], replace(RESOLVED, body=RESOLVED.body + "y" * (left + 1))], NOON + 9 * MOMENT)
    assert "(1 more message)" in longer.body


@pytest.mark.parametrize(("left_out", "said"), [(1, "(1 more message)"), (2, "(2 more messages)")])
def test_how_many_are_left_out_is_counted_in_words(left_out: int, said: str) -> None:
    wordy = replace(ENDED, body="x" * 50)
    body = letter([OPENED, *[wordy] * left_out, replace(RESOLVED, body="y" * LONGEST)], NOON + 9 * MOMENT).body
    assert said in body.splitlines()


def test_long_words_are_cut_and_the_newest_are_not() -> None:
    """What is so now is said whole, also when nothing else has room beside it."""
    wordy = replace(ENDED, body="x" * 500)
    body = letter([wordy, wordy, replace(RESOLVED, body="y" * 1000)], NOON + 9 * MOMENT).body
    assert (body.count("x"), body.count("…"), body.count("y")) == (LONGEST_LINE - len("12:00:01 UTC: …"), 1, 1000)
    assert "(1 more message)" in body


def test_the_story_of_a_real_outage_has_each_fact_once() -> None:
    """As the engine words it."""
    world = World(policy(dependency("gateway", grace=0.0)))
    world.crash("gateway")
    world.finish()
    world.succeed("gateway")
    lines = letter(world.notifications, world.utc + timedelta(minutes=1)).body.splitlines()
    assert [line.partition(" UTC: ")[2] for line in lines[1:4]] == [
        "gateway is down: exited (container exited with code 1).",
        "gateway: docker.restart",
        "docker.restart on c-gateway succeeded.",
    ]
    assert "gateway up again after " in lines[4]
