"""What the command line and the pages say alike, where the tests of the command line do not reach."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from zoneinfo import ZoneInfo

import pytest

from nemo_watchdog.model import Reason
from nemo_watchdog.view_words import (
    WORST_FIRST,
    Clock,
    counts_said,
    done_said,
    gravest_first,
    is_well,
    place_of,
    reloaded_said,
    time_of,
)
from nemo_watchdog.views import MaintenanceView, PolicyView
from tests.unit.engine.world import World, dependency, policy
from tests.unit.statuses import seen

NOON = "2026-01-05T12:00:00+00:00"


def test_a_clock_says_the_day_only_where_it_is_another_one() -> None:
    """In the reader's zone."""
    clock = Clock(NOON, ZoneInfo("Europe/Berlin"))
    assert (clock.now, clock.day) == ("13:00:00 CET", "2026-01-05")
    assert clock.at("2026-01-05T02:14:15+00:00") == "03:14:15"
    assert clock.at("2026-01-04T22:59:59+00:00") == "Jan 04 23:59:59"
    assert clock.minute("2026-01-05T02:14:15+00:00") == "03:14"
    assert clock.minute("2026-01-04T22:59:59+00:00") == "Jan 04 23:59"
    assert clock.hour("2026-01-04T22:59:59+00:00") == "23:59"


def test_a_clock_knows_what_is_past_and_what_is_to_come() -> None:
    clock = Clock(NOON, UTC)
    before, after = "2026-01-05T11:59:30+00:00", "2026-01-05T12:00:01+00:00"
    assert (clock.ago(before), clock.ago(after)) == (30.0, 0.0)
    assert (clock.is_to_come(before), clock.is_to_come(NOON), clock.is_to_come(after)) == (False, False, True)


@pytest.mark.parametrize("time", ["", "yesterday", "9999-12-31T23:59:59+00:00"])
def test_a_time_that_is_none_fails_nothing(time: str) -> None:
    """A newer daemon may say one that this version cannot read."""
    assert Clock(NOON, ZoneInfo("Pacific/Kiritimati")).at(time)


def test_unix_time_is_said_as_any_other() -> None:
    assert time_of(0.0) == "1970-01-01T00:00:00+00:00"
    assert time_of(1e300) == ""


def test_what_this_version_does_not_know_is_the_worst() -> None:
    """It is better looked at once too often."""
    healths = ["up", *reversed(WORST_FIRST), "melting"]
    assert sorted(healths, key=place_of) == ["melting", *WORST_FIRST, "up"]


def test_what_people_planned_is_not_simply_well() -> None:
    view = seen(World(policy(dependency("gateway"))))
    gateway = view.dependencies["gateway"]
    assert is_well(gateway)
    assert not is_well(replace(gateway, maintenance=MaintenanceView("backup", NOON)))
    assert not is_well(replace(gateway, held="somebody stopped it"))
    assert not is_well(replace(gateway, flapping=True))
    assert not is_well(replace(gateway, health="degraded"))


def test_how_many_are_how() -> None:
    """The worst first."""
    world = World(policy(dependency("a"), dependency("b"), dependency("c")))
    assert counts_said(seen(world)) == "3 dependencies: 3 up"
    world.fail("b", Reason.REFUSED)
    assert counts_said(seen(world)) == "3 dependencies: 1 down, 2 up"
    assert counts_said(seen(World(policy(dependency("a"))))) == "1 dependency: 1 up"


def test_the_gravest_comes_first_and_of_the_same_the_oldest() -> None:
    world = World(policy(dependency("a", remedy=None), dependency("b", remedy=None), dependency("c", remedy=None)))
    for name in ("a", "b"):
        world.fail(name)
    view = seen(world)
    slow = replace(view.incidents[0], id="slow", severity="SEV3", opened="2026-01-05T00:00:00+00:00")
    assert [each.id for each in gravest_first(replace(view, incidents=(slow, *reversed(view.incidents))))] == [
        *(each.id for each in view.incidents),
        "slow",
    ]


def test_what_was_done_is_counted() -> None:
    """A daemon that does not count says what its ladders know."""
    world = World(policy(dependency("gateway")))
    world.crash("gateway")
    (incident,) = seen(world).incidents
    assert done_said(incident) == "1 action, rule outage"
    assert done_said(replace(incident, actions=None)) == "1 action, rule outage"
    assert done_said(replace(incident, actions=3, reopened=2)) == "3 actions, reopened 2x, rule outage"


def test_what_a_reload_changed_is_said_with_its_time() -> None:
    changed = PolicyView(1767614400.0, (), ("gateway is new", "redis is gone"))
    assert list(reloaded_said(changed, Clock(NOON, UTC))) == [
        "policy reloaded at 12:00:00: gateway is new; redis is gone"
    ]
    assert list(reloaded_said(replace(changed, changed=()), Clock(NOON, UTC))) == []
