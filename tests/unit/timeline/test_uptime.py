"""Uptime is what looks saw of a day: what nobody saw counts neither way."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from nemo_watchdog.engine.published import Published
from nemo_watchdog.policy.policy import Dependency, Public
from nemo_watchdog.stores import LookRun
from nemo_watchdog.timeline.uptime import reach_of, uptime_of
from tests.unit.engine.world import NOON, dependency, policy

BEGIN, END = NOON, NOON + timedelta(hours=10)


def hour(number: float) -> datetime:
    return NOON + timedelta(hours=number)


def run(first: float, last: float, outcome: str = "ok", reason: str | None = None, name: str = "gateway") -> LookRun:
    """Looks in a row from one hour to another."""
    return LookRun(name, outcome, reason, hour(first), hour(last), 10, 1.0, 1.0, (0,) * 7)


def down(first: float, last: float, name: str = "gateway") -> LookRun:
    return run(first, last, "failed", "refused", name)


def uptime(*runs: LookRun, of: tuple[Dependency, ...] = ()) -> float | None:
    of = of or (dependency("gateway", public=Public("Chat")),)
    published = Published.of(policy(*of))
    looks = {name: [each for each in runs if each.dependency == name] for name in published.policy.dependencies}
    return uptime_of(published, published.components[0], looks, BEGIN, END)


@pytest.mark.parametrize(
    ("runs", "wanted"),
    [
        ((), None),
        ((run(0, 10),), 1.0),
        ((down(0, 10),), 0.0),
        ((run(0, 5), down(5, 6), run(6, 10)), 0.9),
        ((run(0, 5), run(5, 6, "degraded", "slow"), run(6, 10)), 1.0),
        ((run(0, 5), run(5, 6, "failed", "network_unreachable"), down(6, 10)), 0.555556),
        ((run(0, 4), down(8, 9)), 0.8),
        ((run(-3, 5), down(5, 13)), 0.5),
        ((run(-3, -1), down(11, 13)), None),
        ((down(0, 5), run(5, 10, "failed", "a_reason_of_tomorrow")), 0.0),
    ],
    ids=["nothing", "up", "down", "an hour", "slow", "blind", "a gap", "over midnight", "other days", "unknown reason"],
)
def test_of_what_was_seen_so_much_was_good(runs: tuple[LookRun, ...], wanted: float | None) -> None:
    assert uptime(*runs) == wanted


def test_what_a_look_saw_holds_until_the_next_one_that_comes_soon_enough() -> None:
    """Between two looks it is as the first saw it; where no look came for longer, nobody knows."""
    reach = reach_of(dependency("gateway"))
    soon, late = reach / timedelta(hours=1), 2 * reach / timedelta(hours=1)
    assert uptime(down(0, 1), run(1 + soon, 2 + soon)) == pytest.approx(1 / (2 + soon), abs=1e-6)
    assert uptime(down(0, 1), run(1 + late, 2 + late)) == 0.5


def test_a_slow_look_reaches_further() -> None:
    """What is looked at once an hour is not unknown in between."""
    assert reach_of(dependency("gateway", interval=3600.0)) > timedelta(hours=3)
    assert reach_of(dependency("gateway", interval=0.1, timeout=1.0)) == timedelta(minutes=1)


def test_a_component_is_down_while_one_of_its_parts_is() -> None:
    """Each hour once, however many are down in it; and unknown while one part is not seen and none is down."""
    parts = tuple(dependency(name, public=Public("Chat")) for name in ("a", "b"))
    both = (run(0, 2, name="a"), down(2, 4, "a"), run(4, 10, name="a"))
    assert uptime(*both, run(0, 3, name="b"), down(3, 5, "b"), run(5, 10, name="b"), of=parts) == 0.7
    assert uptime(*both, run(0, 5, name="b"), of=parts) == pytest.approx(3 / 5)


def test_while_one_of_a_group_serves_it_works() -> None:
    """Also one that is published nowhere."""
    parts = (
        dependency("a", public=Public("Chat")),
        dependency("b"),
        dependency("gateway", needs=[["a", "b"]]),
    )
    seen = (down(0, 5, "a"), run(5, 10, name="a"), run(0, 4, name="b"), down(4, 10, "b"))
    assert uptime(*seen, of=parts) == 0.9


def test_looks_that_saw_the_same_are_one_stretch() -> None:
    """So a quiet day of a component with many dependencies is few borders, and not one for each run of looks."""
    runs = tuple(run(number, number + 1) for number in range(10))
    many = tuple(dependency(f"part-{number}", public=Public("Chat")) for number in range(40))
    looks = tuple(replace(each, dependency=part.name) for part in many for each in runs)
    with_one = (*looks[1:], down(0, 1, "part-0"))
    assert uptime(*looks, of=many) == 1.0
    assert uptime(*sorted(with_one, key=lambda each: each.first), of=many) == 0.9
