"""The outbox with contacts that others stand in for, or share an address with: each message is told in its time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from nemo_watchdog.runtime.outbox import Outbox
from tests.unit.journal.parts import notification
from tests.unit.notifiers.channels import BUSY, TAKEN, People, contact
from tests.unit.runtime.shell import Shell, running

HOUR = 3600


class Post:
    """An outbox that tells people, on a clock that the test moves."""

    def __init__(self) -> None:
        self.shell = Shell()
        self.people = People(
            {
                "on-call": contact("dead", fallback="lead"),
                "lead": contact("phone"),
                "dba": contact("dead", fallback="lead"),
            },
            clock=self.shell.clock,
        )
        self.outbox = Outbox(self.shell.memory, self.people.notifier, self.shell.core, self.shell.metrics)

    def queue(self, page: str, to: str = "on-call") -> None:
        now = self.shell.clock.now()
        made = replace(notification(f"{page}:1", (to,)), incident=page, title=f"{page} is down", at=now.utc)
        self.shell.memory.append([], [made], now)

    async def go_on(self, seconds: int) -> None:
        """In the steps in which the outbox looks."""
        for _ in range(0, seconds, 5):
            self.outbox.poke()
            while self.outbox._due.is_set() or self.outbox._busy:
                await asyncio.sleep(0.0005)
            self.shell.manual.advance(5.0)


@pytest.fixture
async def post() -> AsyncIterator[Post]:
    made = Post()
    async with running(made.outbox.run()):
        yield made
    made.shell.core.close()


async def test_who_stands_in_hears_of_each_outage_within_three_tries(post: Post) -> None:
    """However many wait for the contact itself, and each once."""
    post.people.lines["dead"].answer = BUSY
    for number in range(4):
        post.queue(f"i-{number}")
        await post.go_on(60)
        told = post.people.lines.titles("phone")
        assert told == [f"on-call could not be reached: i-{each} is down" for each in range(number + 1)]
        await post.go_on(600)
    post.people.lines["dead"].answer = TAKEN
    await post.go_on(900)
    assert sorted(post.people.lines.keys("dead")) == [f"i-{each}:1" for each in range(4)]
    assert len(post.people.lines.titles("phone")) == 4


async def test_an_address_of_two_that_is_back_takes_what_waits_for_both_at_once(post: Post) -> None:
    """Oldest first; and whoever only waited for the other could be reached."""
    post.people.lines["dead"].answer = BUSY
    post.queue("i-1", "on-call")
    await post.go_on(700)
    post.people.lines["dead"].answer = TAKEN
    told = post.people.lines.titles("phone")
    post.queue("i-2", "dba")
    await post.go_on(30)
    assert post.people.lines.keys("dead") == ["i-1:1", "i-2:1"]
    assert post.people.lines.titles("phone") == told
