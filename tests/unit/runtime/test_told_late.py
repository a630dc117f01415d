"""A contact that takes nothing for a while, on a clock that the test moves: nothing lost, nothing twice, in order."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial

import pytest

from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine.letters import letter
from nemo_watchdog.engine.page_now import PageNow, page_now
from nemo_watchdog.model import Notification
from nemo_watchdog.notifiers import contacts as contacts_module
from nemo_watchdog.notifiers.contacts import ContactNotifier, address_digest
from nemo_watchdog.policy.policy import Policy
from nemo_watchdog.runtime.address_memory import AddressMemory
from nemo_watchdog.runtime.outbox import LONGEST_RETRY, Outbox
from tests.unit.engine.paging.parts import plan
from tests.unit.notifiers.channels import BUSY, TAKEN, Lines, contact, plain_letter
from tests.unit.runtime.shell import Shell, running, settled, until

MINUTE = 60.0
NAMES = ("gateway", "redis", "search")


def lonely(fallback: str = "", *addresses: str) -> Policy:
    """Three dependencies that nothing is done about, and who is told of them."""
    told = contact(*(addresses or ("pager",)), fallback=fallback)
    return replace(plan(*NAMES, remedy=None), contacts={"on-call": told, "lead": contact("lead")})


class Night:
    """Engine, journal and outbox as they are, on a manual clock; channels that the test answers for."""

    def __init__(self, policy: Policy) -> None:
        self.shell = Shell(policy)
        self.lines = Lines()
        self.outbox = self._outbox()
        self._process: asyncio.Task[None] | None = None
        self.shell.core.on_written = lambda: self.outbox.poke()  # noqa: PLW0108 - the one of now

    def _outbox(self) -> Outbox:
        core = self.shell.core

        def now(about: Notification) -> PageNow:
            return page_now(core.engine.volatile, core.engine.durable, about, core.clock.now().monotonic)

        notifier = ContactNotifier(
            lambda: core.engine.policy.contacts,
            memory=AddressMemory(self.shell.memory, core),
            clock=core.clock,
            letter=lambda waiting: letter(
                waiting, core.clock.now().utc, now(waiting[-1]), core.engine.policy.telling.zone
            ),
            render=partial(plain_letter, now),
            channel_for=self.lines.of,
            digest=partial(address_digest, key="key"),
        )
        return Outbox(self.shell.memory, notifier, core, self.shell.metrics)

    async def begin(self) -> None:
        await self.shell.up()
        self._process = asyncio.create_task(self.outbox.run())

    async def restart(self) -> None:
        """Of all that tells people; what it remembers is on disk or nowhere."""
        await self.end()
        self.outbox = self._outbox()
        self._process = asyncio.create_task(self.outbox.run())
        await self.quiet()

    async def end(self) -> None:
        if self._process is not None:
            self._process.cancel()
            await asyncio.wait({self._process})

    async def quiet(self) -> None:
        """All is written, and whoever can be told now has been."""
        await self.shell.core.written()
        self.outbox.poke()
        for _ in range(3):
            await until(self._is_quiet)
            await settled()

    def _is_quiet(self) -> bool:
        outbox = self.outbox
        return not (outbox._due.is_set() or outbox._busy or outbox._reading)

    async def passes(self, seconds: float, *, every: float = 5.0) -> None:
        for _ in range(int(seconds / every)):
            self.shell.manual.advance(every)
            self.shell.core.tell(ev.Tick())
            await self.quiet()

    async def outage(self, name: str, lasts: float) -> None:
        self.shell.fail(name)
        await self.passes(lasts)
        self.shell.observe(name, times=3)
        await self.passes(MINUTE)

    def waiting(self) -> int:
        return sum(state == "pending" for _, _, state in self.shell.memory.outbox())


@pytest.fixture
async def night(request: pytest.FixtureRequest) -> AsyncIterator[Night]:
    made = Night(request.param if hasattr(request, "param") else lonely())
    async with running(made.shell.core.write_forever()):
        await made.begin()
        yield made
        await made.end()
    made.shell.core.close()


async def test_twenty_minutes_without_an_answer_and_three_outages(night: Night) -> None:
    """When it takes messages again, it gets three, each with its times and as what is over, in their order."""
    night.lines["pager"].answer = BUSY
    for name in NAMES:
        await night.outage(name, 5 * MINUTE)
    await night.passes(2 * MINUTE)
    assert (night.lines["pager"].got, night.waiting()) == ([], 6)
    night.lines["pager"].answer = TAKEN
    await night.passes(LONGEST_RETRY)
    letters = night.lines["pager"].got
    assert [each.title for each in letters] == [f"[SEV2] {name} is up again" for name in NAMES]
    assert {str(each.standing) for each in letters} == {"over"}
    for name, each in zip(NAMES, letters, strict=True):
        story, began, *_ = each.body.splitlines()
        assert story == "Not delivered until now:"
        assert f" UTC: {name} is down: wrong_status" in began
        assert " UTC, delivered late: " in each.body
    times = [each.body.splitlines()[1].split()[0] for each in letters]
    assert times == sorted(times)
    assert night.waiting() == 0
    await night.restart()
    await night.passes(LONGEST_RETRY)
    assert len(night.lines["pager"].got) == 3


async def test_what_is_over_and_whose_end_is_not_told_yet_is_no_news(night: Night) -> None:
    """It has come back before, so its end waits; whoever reads of it late hears that it is over."""
    await night.outage("gateway", MINUTE)
    night.lines["pager"].answer = BUSY
    night.shell.fail("gateway")
    await night.passes(MINUTE)
    night.shell.observe("gateway", times=3)
    await night.passes(MINUTE)
    night.lines["pager"].answer = TAKEN
    await night.passes(45.0)
    (late,) = night.lines["pager"].got[2:]
    assert late.title == "[SEV2] Over: gateway is down again"
    assert " UTC, delivered late (it has been over since " in late.body
    assert "Next: " not in late.body
    await night.passes(5 * MINUTE)
    assert night.lines.titles("pager")[-1].startswith("[SEV2] gateway is up again")
    assert len(night.lines["pager"].got) == 4


@pytest.mark.parametrize("night", [lonely("", "good", "dead")], indirect=True)
async def test_a_dead_address_beside_a_good_one_and_three_restarts(night: Night) -> None:
    """The good one hears all at its time and once; the dead one all of it when it is alive again, and once."""
    night.lines["dead"].answer = BUSY
    for name in NAMES:
        night.shell.fail(name)
        await night.passes(MINUTE)
        assert night.lines.titles("good")[-1] == f"[SEV2] {name} is down"
        await night.restart()
        night.shell.observe(name, times=3)
        await night.passes(MINUTE)
        assert night.lines.titles("good")[-1] == f"[SEV2] {name} is up again"
    assert set(Counter(night.lines.keys("good")).values()) == {1}
    assert not any("delivered late" in each.body for each in night.lines["good"].got)
    night.lines["dead"].answer = TAKEN
    await night.passes(LONGEST_RETRY)
    assert night.lines.titles("dead") == [f"[SEV2] {name} is up again" for name in NAMES]
    assert (len(night.lines["good"].got), night.waiting()) == (6, 0)


@pytest.mark.parametrize("night", [lonely("lead")], indirect=True)
async def test_another_contact_is_told_within_half_a_minute_and_hears_the_end(night: Night) -> None:
    """After three tries: 0, 5 and 15 s after the first."""
    night.lines["pager"].answer = BUSY
    night.shell.fail("gateway")
    await night.passes(10.0)
    tried = len(night.lines["pager"].asked)
    assert night.lines["lead"].got == []
    await night.passes(20.0)
    assert (tried, len(night.lines["pager"].asked)) == (1, 3)
    assert night.lines.titles("lead") == ["[SEV2] on-call could not be reached: gateway is down"]
    await night.passes(5 * MINUTE)
    assert len(night.lines["lead"].got) == 1
    night.lines["pager"].answer = TAKEN
    night.shell.observe("gateway", times=3)
    await night.passes(5 * MINUTE)
    assert night.lines.titles("pager") == ["[SEV2] gateway is up again"]
    assert night.lines.titles("lead")[1:] == ["[SEV2] gateway is up again"]


async def test_who_hangs_and_is_cut_off_hears_all_of_it_in_the_end(
    night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is given up for now at the deadline, and asked again."""
    monkeypatch.setattr(contacts_module, "PATIENCE", 0.05)
    night.lines["pager"].free.clear()
    night.shell.fail("gateway")
    await night.passes(MINUTE, every=10.0)
    night.shell.observe("gateway", times=3)
    await night.passes(MINUTE, every=10.0)
    assert night.lines["pager"].got == []
    night.lines["pager"].free.set()
    await night.passes(LONGEST_RETRY, every=30.0)
    assert night.lines.titles("pager") == ["[SEV2] gateway is up again"]
    assert "gateway is down" in night.lines["pager"].got[0].body


@pytest.mark.parametrize("night", [lonely("", "good", "dead")], indirect=True)
async def test_a_disk_that_is_full_meanwhile_tells_nobody_twice(night: Night) -> None:
    """What was told without it is written when it is back, before the restart that would repeat it."""
    night.lines["dead"].answer = BUSY
    night.shell.fail("gateway")
    await night.passes(5.0)
    night.shell.memory.trouble = "disk full"
    night.shell.core.on_unwritten = night.outbox.tell_from_memory
    night.shell.manual.advance(10.0)
    night.shell.core.tell(ev.Tick())
    await until(lambda: len(night.lines["good"].got) == 1)
    assert night.shell.memory.receipts == []
    night.shell.memory.trouble = ""
    night.shell.core._write_again.set()
    await night.passes(MINUTE)
    await until(lambda: len(night.shell.memory.receipts) == 1)
    await night.restart()
    night.lines["dead"].answer = TAKEN
    await night.passes(LONGEST_RETRY)
    assert (len(night.lines.keys("good")), len(night.lines.keys("dead")), night.waiting()) == (1, 1, 0)
