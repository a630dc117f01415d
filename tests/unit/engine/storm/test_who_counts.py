"""Who counts among those that fail together, and how many of them are a storm."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nemo_watchdog import records as r
from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine.together import SPREAD
from nemo_watchdog.model import Reason, degraded, failed, ok
from tests.unit.engine.storm.parts import LIMITS, STORM, Platform, heal_what_was_started, many
from tests.unit.engine.world import dependency

SIX = [f"d{number}" for number in range(6)]


@pytest.mark.parametrize("failing", [1, 2, 3])
def test_no_more_than_the_share_is_no_storm(failing: int) -> None:
    """Half is not more than half: each is healed as ever, one after the other. All have served for long."""
    world = Platform(*many(6))
    world.wait(2 * STORM.within)
    for _ in range(3):
        world.fail_together(SIX[:failing], times=1)
        world.looks(SIX[failing:], ok())
    assert not world.storms()
    assert world.started
    assert set(world.started_names()) <= set(SIX[:failing])


@pytest.mark.parametrize("failing", [3, 4])
def test_one_more_than_the_share_is_a_storm(failing: int) -> None:
    """Three quarters of four may fail."""
    world = Platform(*many(4), limits=replace(LIMITS, storm=replace(STORM, share=0.75)))
    world.fail_together(SIX[:failing])
    assert bool(world.storms()) is (failing == 4)


def test_fewer_than_the_least_are_no_storm() -> None:
    """Two of two: a storm of two would hold back every other remedy."""
    world = Platform(*many(2))
    world.fail_together(["d0", "d1"])
    assert not world.storms()
    assert world.started


def test_looks_at_one_container_are_one_thing() -> None:
    """One container hangs, and three look at it."""
    alike = tuple(dependency(name, container="c-one", grace=0.0) for name in ("x", "y", "z"))
    world = Platform(*alike, *many(1))
    world.fail_together(["x", "y", "z"], Reason.TIMEOUT)
    assert not world.storms()


@pytest.mark.parametrize("reason", [Reason.TIMEOUT, Reason.WRONG_STATUS])
def test_a_parent_that_takes_its_children_with_it_is_no_storm(reason: Reason) -> None:
    """A database hangs, and so does all that needs it: one thing is broken, and it is healed."""
    world = Platform(
        dependency("postgres", grace=0.0), *(replace(each, needs=("postgres",)) for each in many(5)), dependency("z")
    )
    children = SIX[:5]
    for _ in range(3):
        world.fail_together(["postgres"], Reason.TIMEOUT, times=1)
        world.looks(["z"], ok())
        world.fail_together(children, reason, times=1)
    assert not world.storms()
    assert world.started_names() == ["postgres"]


def test_children_that_refuse_are_not_explained_by_their_parent() -> None:
    """What runs and refuses connections does so whatever becomes of its database: that is the way to all of them."""
    world = Platform(dependency("postgres", grace=0.0), *(replace(each, needs=("postgres",)) for each in many(5)))
    world.fail_together(["postgres", *SIX[:5]], Reason.REFUSED)
    assert len(world.storms()) == 1
    assert not world.started


def test_what_is_not_known_to_run_and_refuses_is_explained_by_its_parent() -> None:
    """Of what has no container here nobody knows whether it refuses because it was ended for that."""
    children = many(5, needs=("postgres",), container=None, remedy=None)
    world = Platform(dependency("postgres", grace=0.0), *children)
    world.fail_together(["postgres", *SIX[:5]], Reason.REFUSED)
    assert not world.storms()


def test_a_parent_that_died_and_its_children_are_no_storm() -> None:
    world = Platform(dependency("postgres", grace=0.0), *(replace(each, needs=("postgres",)) for each in many(5)))
    world.crash("postgres")
    world.fail_together(SIX[:5], Reason.WRONG_STATUS)
    assert not world.storms()
    assert world.started_names() == ["postgres"]


def test_what_was_started_again_before_the_others_were_seen_to_fail_has_failed_with_them() -> None:
    """Docker starts a small container in a quarter of a second, and looks come once in ten."""
    world = Platform(*many(6))
    for name in SIX[:3]:
        world.crash(name)
        world.wait(4.1)
        while world.pending:
            heal_what_was_started(world)
    assert sorted(world.started_names()) == SIX[:3]
    world.fail_together(SIX[3:], times=6)
    assert len(world.storms()) == 1
    assert sorted(world.started_names()) == SIX[:3]
    assert "6 of 6 fail together" in world.notifications[-1].body
    assert "3 start or serve again." in world.notifications[-1].body


def test_a_single_bad_look_is_forgotten_with_the_next() -> None:
    """Only what was confirmed counts after it is over."""
    world = Platform(*many(6, remedy=None))
    world.fail_together(SIX[:3], Reason.TIMEOUT)  # that was more than one look, and is over since long
    world.come_back(SIX[:3])
    world.wait(2 * STORM.within)
    for name in SIX[:3]:
        world.fail(name, Reason.TIMEOUT, times=1)
        world.succeed(name)
    world.fail_together(SIX[3:])
    assert not world.storms()


def test_what_has_ended_has_ended_then() -> None:
    """However long ago it was seen to serve: half a minute after three others is not with them."""
    world = Platform(*many(6, remedy=None))
    world.die_together(SIX[:3])
    world.wait(STORM.within + 0.5)
    world.crash("d3")
    assert not world.storms()


def test_what_recovered_long_before_is_no_part_of_it() -> None:
    """Nor of what is told of it, although something fails since then."""
    world = Platform(*many(8, remedy=None))
    for name in ("d7", "d6"):
        world.fail(name, times=3)
        world.looks(SIX, ok())
    world.succeed("d6")
    world.wait(600.0)
    world.looks([*SIX, "d6"], ok())
    world.fail_together(SIX[:5])
    (told,) = world.notifications[-1:]
    assert "6 of 8 fail together: d7, d0, d1, d2, d3 and d4." in told.body
    assert "serve again" not in told.body


def test_what_failed_in_a_storm_that_is_over_makes_no_other_one() -> None:
    world = Platform(*many(6))
    world.fail_together(SIX)
    world.come_back(SIX)
    world.fail("d0", Reason.REFUSED, times=3)
    world.looks(SIX[1:], ok())
    world.wait(SPREAD)
    assert len(world.storms()) == 1
    assert world.started_names() == ["d0"]


def test_what_people_have_in_hand_does_not_count() -> None:
    """Four were stopped by hand, or are paused, and two fail: that is no storm."""
    world = Platform(*many(6))
    world.stopped_by_hand("d0")
    world.stopped_by_hand("d1")
    world.send(ev.PauseAsked("d2", "an upgrade", "ops"))
    world.send(ev.PauseAsked("d3", "an upgrade", "ops"))
    world.fail_together(SIX)
    assert not world.storms()


@pytest.mark.parametrize("reason", [Reason.OVERLOADED, Reason.LOADING, Reason.CLOCK_JUMPED, Reason.AUTH_FAILED])
def test_who_is_busy_and_what_only_we_cannot_see_is_no_storm(reason: Reason) -> None:
    """They say what they are, or we are the ones that are ill; nothing is restarted for that anyway."""
    world = Platform(*many(6))
    world.fail_together(SIX, reason)
    assert not world.storms()


def test_what_fails_for_long_is_not_part_of_it() -> None:
    """Three are down since an hour, and no fourth makes a storm of them."""
    world = Platform(*many(6, remedy=None))
    for name in SIX[:4]:
        world.fail(name, times=3)
        world.wait(STORM.within)
        world.looks(SIX[4:], ok())
    assert not world.storms()


def test_what_a_new_daemon_finds_down_as_before_is_no_storm() -> None:
    """It sees in one second what has come in an hour."""
    world = Platform(*many(6, remedy=None))
    for name in SIX[:4]:
        world.fail(name, times=3)
        world.wait(STORM.within)
        world.looks(SIX[4:], ok())
    world.kill_daemon()
    world.fail_together(SIX[:4])
    assert not world.storms()


def test_only_what_carries_the_tag_counts() -> None:
    core, rest = many(3), tuple(dependency(f"x{n}", tags=frozenset(), grace=0.0) for n in range(6))
    world = Platform(*core, *rest, limits=replace(LIMITS, storm=replace(STORM, of="core")))
    world.fail_together([each.name for each in rest])
    assert not world.storms()
    world.fail_together([each.name for each in core])
    assert [record.of for record in world.storms()] == [3]


def test_what_serves_badly_does_not_fail() -> None:
    world = Platform(*many(6))
    for _ in range(4):
        world.pass_time(1.0)
        world.looks(SIX, degraded(Reason.SLOW, "took 900 ms"))
    assert not world.storms()


def test_names_that_nobody_resolves_are_one_trouble() -> None:
    """A dead DNS server is what they share."""
    world = Platform(*many(6))
    world.fail_together(SIX, Reason.NAME_UNRESOLVED, times=70)
    assert len(world.storms()) == 1
    assert len(world.notifications) == 1


def test_what_is_looked_at_seldom_may_have_failed_with_the_others() -> None:
    """Its failure is as old as its last good look at most, and nobody knows how old."""
    world = Platform(*many(6, interval=120.0, remedy=None))
    world.looks(SIX, ok())
    for name in SIX:
        world.fail_together([name])
        world.pass_time(10.0)
    assert [len(record.failing) for record in world.storms()] == [4]


def test_what_was_seen_to_serve_in_between_has_failed_by_itself() -> None:
    """However seldom it is looked at."""
    world = Platform(*many(6, interval=120.0, remedy=None))
    for number, name in enumerate(SIX):
        world.looks(SIX[number:], ok())
        world.pass_time(STORM.within)
        world.fail_together([name])
    assert not world.storms()


def test_what_is_looked_at_seldom_may_have_failed_since_its_last_look() -> None:
    """With the time that the look itself took: of four, one was seen to serve 28 s after the others had failed."""
    world = Platform(*many(6, interval=120.0, remedy=None))
    world.fail_together(SIX[:3], times=1)
    world.pass_time(28.0)
    world.looks(SIX[3:], ok())
    world.pass_time(120.0)
    world.fail_together(["d3"], times=1)
    assert [sorted(record.failing) for record in world.storms()] == [SIX[:4]]


def test_two_that_fail_by_themselves_meanwhile_hide_no_storm() -> None:
    """The last of those that failed together is found out late, for it is looked at seldom."""
    seldom = dependency("d5", grace=0.0, interval=120.0, remedy=None)
    world = Platform(*many(5, remedy=None), seldom)
    world.fail_together(SIX[:3])
    world.pass_time(60.0)
    world.looks(["d3", "d4"], ok())
    world.pass_time(20.0)
    world.fail_together(["d3", "d4"], times=1)
    assert not world.storms()
    world.fail_together(["d5"], times=1)
    assert [sorted(record.failing) for record in world.storms()] == [["d0", "d1", "d2", "d5"]]


def test_what_is_looked_at_seldom_fails_with_those_that_fail_after_it_was_found() -> None:
    """It has begun at any time since it served; three others do ten seconds after it was seen."""
    seldom = dependency("d5", grace=0.0, interval=120.0, remedy=None)
    world = Platform(*many(5, remedy=None), seldom)
    world.pass_time(100.0)
    world.fail_together(["d5"], times=1)
    world.looks(SIX[:5], ok())
    world.pass_time(10.0)
    world.fail_together(SIX[:3], times=1)
    assert [sorted(record.failing) for record in world.storms()] == [["d0", "d1", "d2", "d5"]]


def test_as_many_that_failed_long_before_hide_no_storm() -> None:
    """Three of eight are down anyway; three of the other five are most of those."""
    world = Platform(*many(8, remedy=None))
    world.fail_together(SIX[:3])
    world.pass_time(2 * STORM.within)
    world.looks([*SIX[3:], "d6", "d7"], ok())
    world.fail_together(SIX[3:])
    assert [sorted(record.failing) for record in world.storms()] == [SIX[3:]]


def test_who_could_tell_is_asked_of_the_time_when_the_first_began_to_fail() -> None:
    """What was busy for less than half a minute then could tell: three of six are no storm."""
    world = Platform(*many(6, remedy=None))
    world.fail_together(["d5"], Reason.OVERLOADED)
    world.pass_time(STORM.within - 2.0)
    world.fail_together(["d0"], times=1)
    world.pass_time(5.0)
    world.fail_together(SIX[:3])
    assert not world.storms()


def test_what_a_new_daemon_finds_down_is_down_for_long() -> None:
    """Four have failed one after the other, each by itself, before it was started; it sees all of them in a second."""
    world = Platform(*many(6, remedy=None))
    for name in SIX[:4]:
        world.fail(name, times=3)
        world.looks(SIX[4:], ok())
        world.wait(2 * STORM.within)
    assert not world.storms()
    world.kill_daemon()
    for name in SIX:
        world.run(name, age=3600.0)
    world.looks(SIX[4:], ok())
    world.fail_together(SIX[:4])
    assert not world.storms()


def test_what_is_down_anyway_cannot_tell() -> None:
    """Two say that they are busy since long: three of the other four are most of those that can tell."""
    world = Platform(*many(6))
    world.fail_together(SIX[:2], Reason.OVERLOADED)
    world.wait(2 * STORM.within)
    for _ in range(3):
        world.fail_together(SIX[2:5], times=1)
        world.looks(SIX[:2], failed(Reason.OVERLOADED, "many wait"))
        world.looks(SIX[5:], ok())
    assert [sorted(record.failing) for record in world.storms()] == [SIX[2:5]]
    assert not world.started


def test_who_recovers_in_it_from_something_else_does_not_end_it() -> None:
    world = Platform(*many(6))
    world.fail_together(SIX[:2], Reason.OVERLOADED)
    world.wait(2 * STORM.within)
    for _ in range(3):
        world.fail_together(SIX[2:5], times=1)
        world.looks(SIX[5:], ok())
    world.come_back(SIX[:2])
    world.wait(2 * STORM.hold)
    world.looks(SIX[2:5], failed(Reason.REFUSED, "nobody is there"))
    assert not world.of(r.StormEnded)
    assert not world.started
    world.come_back(SIX[2:5])
    assert len(world.of(r.StormEnded)) == 1
