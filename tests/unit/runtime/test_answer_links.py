"""A link says which page, which contact and until when, and nobody but the daemon can make one."""

from __future__ import annotations

import string
from datetime import UTC, datetime, timedelta

import pytest

from nemo_watchdog.engine.pages import LINK_LASTS
from nemo_watchdog.runtime.answer_links import AnswerLinks, Link

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
PAGE = "20260105-120000-gateway"


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def links(clock: Clock) -> AnswerLinks:
    return AnswerLinks(b"the key", clock)


def test_it_says_what_was_put_in(links: AnswerLinks) -> None:
    link = links.read(links.token(PAGE, "on-call", f"{PAGE}:1"))
    assert link == Link(PAGE, "on-call", f"{PAGE}:1", NOON.timestamp() + LINK_LASTS, "on-call")


def test_it_is_good_for_a_day(links: AnswerLinks, clock: Clock) -> None:
    link = links.read(links.token(PAGE, "on-call", "1"))
    assert link is not None
    clock.now = NOON + timedelta(seconds=LINK_LASTS - 1)
    assert not links.has_expired(link)
    clock.now += timedelta(seconds=1)
    assert links.has_expired(link)


def test_all_links_of_a_letter_are_one(links: AnswerLinks, clock: Clock) -> None:
    """One that was sent again later expires later, and is used with the first."""
    first = links.read(links.token(PAGE, "on-call", "1"))
    clock.now += timedelta(hours=1)
    again = links.read(links.token(PAGE, "on-call", "1"))
    assert first is not None
    assert again is not None
    assert (first.digest, first.expires + 3600) == (again.digest, again.expires)
    others = [("20260105-120001-redis", "on-call", "1"), (PAGE, "lead", "1"), (PAGE, "on-call", "2")]
    assert all((other := links.read(links.token(*each))) and other.digest != first.digest for each in others)


def test_a_token_stands_in_a_path_as_it_is(links: AnswerLinks) -> None:
    token = links.token(PAGE, "on-call", f"{PAGE}:1")
    assert set(token) <= set(string.ascii_letters + string.digits + "-_.")
    assert len(token) < 250


def test_each_altered_character_is_found(links: AnswerLinks) -> None:
    """Also those of which the decoding takes no notice."""
    token = links.token(PAGE, "on-call", "1")
    for place, each in enumerate(token):
        for other in {"A", "B", "_", ".", chr(ord(each) + 1)} - {each}:
            assert links.read(token[:place] + other + token[place + 1 :]) is None
        assert links.read(token[:place] + token[place + 1 :]) is None


@pytest.mark.parametrize("token", ["", ".", "a.b", "\udcff.\udcff", "é.é", "." * 5000, "x" * 5000, "%00", "a" * 1500])
def test_any_text_is_refused(links: AnswerLinks, token: str) -> None:
    assert links.read(token) is None
    assert links.read(links.token(PAGE, "on-call", "1") + token) is None or not token


def test_another_key_makes_other_links(links: AnswerLinks, clock: Clock) -> None:
    """Who deletes the key makes all that were sent worthless."""
    assert AnswerLinks(b"another", clock).read(links.token(PAGE, "on-call", "1")) is None
