"""Whatever happens, in whatever order: one outage is told once, and whoever heard of it hears of its end."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule

from nemo_watchdog import records as r
from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine.page_facts import contacts_of
from nemo_watchdog.engine.pages import ENDS
from nemo_watchdog.engine.turn import Turn
from nemo_watchdog.model import NotificationKind, Severity
from tests.simulation.test_safety import Safety

SLACK = 5.0


class Telling(Safety):
    """The same platform and the same people; what is asked is what these are told."""

    # -- what can happen beside

    @rule(which=st.integers(0, 5), seconds=st.sampled_from([None, 60.0, 3600.0]))
    def somebody_takes_one(self, which: int, seconds: float | None) -> None:
        if incidents := self.world.engine.durable.all_open():
            self.world.send(ev.AcknowledgeAsked(incidents[which % len(incidents)].incident, "anna", seconds))

    @rule(severity=st.sampled_from(list(Severity)))
    def somebody_declares_one(self, severity: Severity) -> None:
        self.world.send(ev.DeclareAsked("users see errors", severity, "", "anna"))

    @rule(seconds=st.floats(1.0, 400.0))
    def nothing_happens_for_a_while(self, seconds: float) -> None:
        self.world.wait(seconds)
        self._check_new_actions()

    @rule()
    def killed_at_any_time(self) -> None:
        self.world.kill_daemon()
        self.last_reasons = {name: [] for name in self.last_reasons}
        self.is_deaf = False

    # -- what must hold

    def _by_page(self) -> Iterator[list[r.PeopleTold]]:
        pages = defaultdict[str, list[r.PeopleTold]](list)
        for _, record in self.world.records:
            if isinstance(record, r.PeopleTold):
                pages[record.incident].append(record)
        yield from pages.values()

    @invariant()
    def nobody_is_paged_twice_for_one_page(self) -> None:
        """It is opened once until it is over, and nothing is told of it before that or after."""
        for messages in self._by_page():
            is_open = False
            for each in messages:
                if each.kind == NotificationKind.OPENED:
                    assert not is_open, messages
                    is_open = True
                elif each.kind == NotificationKind.HEALED:
                    assert not is_open, messages
                else:
                    assert is_open, messages
                    is_open = each.kind not in ENDS

    @invariant()
    def each_who_heard_of_a_page_hears_of_its_end(self) -> None:
        for messages in self._by_page():
            heard: set[str] = set()
            for each in messages:
                if each.kind in ENDS and each.kind != NotificationKind.HEALED:
                    assert heard <= set(each.to), messages
                    heard = set()
                else:
                    heard |= set(each.to)

    @invariant()
    def the_same_person_is_asked_to_look_once(self) -> None:
        for messages in self._by_page():
            asked: set[str] = set()
            for each in messages:
                if each.kind in {*ENDS, NotificationKind.WORSENED, NotificationKind.OPENED}:
                    asked = set()
                fresh = {said for said in each.said if said.startswith("a person must look")}
                assert not asked & fresh, messages
                asked |= fresh

    @invariant()
    def what_is_open_is_told_in_time_and_what_is_over_too(self) -> None:
        world = self.world
        durable, now = world.engine.durable, world.monotonic
        if world.wake_at is not None and world.wake_at <= now:
            return  # nobody has woken it
        telling, storm = world.engine.policy.telling, durable.storm
        turn = Turn(world.engine.volatile, durable, world.now, lambda record, turn: None)
        for one in durable.all_open():
            page = durable.pages.of(one.incident)
            known = page is not None and page.over is None
            untold_storm = storm is not None and storm.incident == one.incident and storm.ended is None
            again = getattr(one, "reopened_at", None) or one.opened
            soon = now < max(again.monotonic + telling.heal_quietly, world.engine.volatile.blind_until) + SLACK
            assert known or soon or untold_storm or not contacts_of(one, turn), one
        for page in durable.pages.by_id.values():
            open_ones = [each for each in page.incidents if durable.open_one(each) is not None]
            if page.over is None and not open_ones:
                assert world.engine.volatile.agenda.planned(page.page) is not None, page


TestTelling = pytest.mark.timeout(600)(Telling.TestCase)  # bounded by examples: a busy machine only takes longer
TestTelling.settings = settings(max_examples=60, stateful_step_count=50)
