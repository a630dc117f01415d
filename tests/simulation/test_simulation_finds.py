"""The simulation can fail: each rule of the product that is taken away is missed within a few seeds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from nemo_watchdog.engine import busy, replay, storm
from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine.gates import evidence, order, people, spacing
from nemo_watchdog.engine.gates import storm as storm_gate
from nemo_watchdog.engine.health import Tracker
from nemo_watchdog.engine.state import Durable
from nemo_watchdog.model import Decision, Gate, Moment, Verdict
from nemo_watchdog.ports import Delivery
from nemo_watchdog.runtime.core import Core
from nemo_watchdog.runtime.outbox import Outbox
from tests.simulation.simulate import simulate

SEEDS = 12
"""Each mistake is found in the first few of these."""


def found_in(seeds: range, hours: float = 24.0) -> str:
    """The first rule that is broken, or ""."""
    for seed in seeds:
        report = simulate(seed, hours)
        if report.broken is not None:
            return report.broken.rule
    return ""


def without(monkeypatch: pytest.MonkeyPatch, *gates: Callable[..., Any]) -> None:
    """Those are always open."""
    monkeypatch.setattr(order, "GATES", tuple(gate for gate in order.GATES if gate not in gates))


def test_a_watchdog_that_acts_on_what_is_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, evidence.category, evidence.condition)
    assert found_in(range(SEEDS)) in {
        "what_is_busy_is_not_restarted",
        "what_has_its_data_at_risk_is_not_restarted",
        "nothing_is_restarted_that_serves_well",
        "what_ended_for_want_of_disk_is_not_started",
    }


def test_a_watchdog_that_does_not_see_people(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, people.human_hold)
    monkeypatch.setattr(Core, "touched", lambda self, container: "")
    assert found_in(range(SEEDS)) == "nothing_is_started_that_a_person_has_in_hand"


def test_a_watchdog_that_suspects_nothing_that_is_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    """It acts on each of many that fail together."""
    without(monkeypatch, storm_gate.storm)
    monkeypatch.setattr(storm, "ask", lambda turn, name: False)
    monkeypatch.setattr(storm, "hear_witness", lambda turn, name, detail: False)
    assert found_in(range(SEEDS)) == "nothing_is_restarted_that_is_only_cut_off_with_most"


def test_a_watchdog_that_acts_on_what_it_has_seen_long_ago(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, evidence.last_look)
    assert found_in(range(SEEDS)) == "nothing_is_restarted_that_serves_well"


def test_a_watchdog_that_heeds_no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, people.pause)
    assert found_in(range(SEEDS)) == "nothing_is_intended_that_is_paused"


def test_a_watchdog_that_restarts_children(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, evidence.upstream)
    assert found_in(range(SEEDS)) == "no_child_is_restarted_while_its_parent_is_down"


def test_a_watchdog_that_heeds_no_autonomy(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, people.autonomy)
    assert found_in(range(SEEDS)) == "nothing_is_done_where_the_policy_asks_a_person"


def test_a_watchdog_that_has_no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """It knows no start-up grace, neither in its gates nor in its looks."""
    without(monkeypatch, evidence.grace)
    monkeypatch.setattr(Tracker, "grace_until", lambda self, now: None)
    assert found_in(range(SEEDS)) == "nothing_is_restarted_while_it_starts"


def test_a_busy_without_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(busy, "watch", lambda *_: None)
    assert found_in(range(SEEDS)) == "a_busy_that_does_not_get_on_is_told"


def test_a_child_that_is_judged_by_what_was_seen_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even once more before it is restarted."""
    without(monkeypatch, evidence.last_look)
    monkeypatch.setattr(evidence, "is_seen_before_that", lambda situation: False)
    found = found_in(range(SEEDS))
    assert found in {
        "no_child_is_restarted_that_has_recovered_with_its_parent",
        "nothing_is_restarted_that_serves_well",
    }


def test_a_budget_that_is_forgotten_at_a_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    real = replay.salvage

    def forgetful(history: Any) -> tuple[Durable, str]:
        durable, nonsense = real(history)
        durable.spends = []
        return durable, nonsense

    monkeypatch.setattr(replay, "salvage", forgetful)
    assert found_in(range(SEEDS)) == "no_budget_is_exceeded_in_any_window"


def test_an_executor_that_does_not_wait_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    queue_up = Core._queue_up

    def at_once(self: Core, effects: ev.Effects, now: Moment) -> None:
        actions, effects.actions = effects.actions, []
        queue_up(self, effects, now)
        for request in actions:
            self.on_action(request)

    monkeypatch.setattr(Core, "_queue_up", at_once)
    assert found_in(range(SEEDS)) == "every_action_has_its_own_intent_on_disk"


def test_a_watchdog_that_does_everything_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, spacing.concurrency)
    assert found_in(range(SEEDS)) == "never_more_at_once_than_the_policy_allows"


def test_a_watchdog_that_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever never acts breaks no rule about acting."""
    never = Decision(Verdict.REFUSE, Gate.REMEDY, "it is lazy")
    monkeypatch.setattr(order, "GATES", (lambda situation: never,))
    assert found_in(range(SEEDS)) == "what_a_restart_cures_is_healed_in_time"


def test_a_watchdog_that_tells_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    async def keep(self: Outbox, *_: Any) -> Delivery:
        return Delivery(delivered=True)

    monkeypatch.setattr(Outbox, "_told", keep)
    assert found_in(range(SEEDS)) == "nothing_is_down_for_long_and_nobody_knows"


def test_a_watchdog_that_repeats_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    deliver = Outbox._told

    async def twice(self: Outbox, *told: Any) -> Delivery:
        await deliver(self, *told)
        return await deliver(self, *told)

    monkeypatch.setattr(Outbox, "_told", twice)
    assert found_in(range(SEEDS)) == "nobody_is_told_the_same_twice"
