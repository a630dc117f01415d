"""What makes a storm begin and end beside failures: people who take things in hand, a new daemon, time, a witness."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nemo_watchdog import records as r
from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine.state import REOPEN_WINDOW
from nemo_watchdog.engine.together import SETTLES_WITHIN, SPREAD
from nemo_watchdog.model import Gate, Health, NotificationKind, Reason, Severity, ok
from nemo_watchdog.policy.condition import Condition
from nemo_watchdog.policy.policy import Rule
from tests.unit.engine.storm.parts import LIMITS, STORM, Platform, heal_what_was_started, many, plan
from tests.unit.engine.world import dependency

SIX = [f"d{number}" for number in range(6)]


def pause(world: Platform, *names: str) -> None:
    for name in names:
        world.send(ev.PauseAsked(name, "an upgrade", "ops"))


def test_a_storm_is_over_when_people_have_all_of_it_in_hand() -> None:
    """At once, and not when each was looked at again."""
    world = Platform(*many(6))
    world.fail_together(SIX)
    pause(world, *SIX)
    assert len(world.of(r.StormEnded)) == 1


def test_what_people_give_back_counts_before_anything_is_done_to_it() -> None:
    """Three of five fail then: that is known before the one that was paused is restarted."""
    world = Platform(*many(6))
    pause(world, "d0", "d1")
    for _ in range(3):
        world.fail_together(SIX[:4], times=1)
        world.looks(SIX[4:], ok())
    assert not world.storms()
    world.send(ev.ResumeAsked("d0", "ops"))
    assert len(world.storms()) == 1
    assert "d0" not in world.started_names()


def test_work_on_what_serves_makes_no_storm_of_what_fails_beside_it() -> None:
    """Three of six fail, each by itself, and are healed; a person takes two of the others in hand."""
    world = Platform(*many(6))
    for _ in range(3):
        world.fail_together(SIX[:3], times=1)
        world.looks(SIX[3:], ok())
    assert world.started
    pause(world, "d3", "d4")
    assert not world.storms()


@pytest.mark.parametrize("end", ["they serve", "a person stops them"])
def test_those_that_still_need_help_get_it_without_another_look_when_it_ends(end: str) -> None:
    """It ends with news of others: who waits for the end is not left until its own next look."""
    world = Platform(*many(6))
    world.fail_together(SIX)
    world.wait(STORM.hold)
    world.fail_together(SIX)
    if end == "they serve":
        world.come_back(SIX[3:])
    else:
        for name in SIX[2:]:
            world.stopped_by_hand(name)
    assert len(world.of(r.StormEnded)) == 1
    world.wait(SPREAD + 1.0)
    assert set(world.started_names()) & set(SIX[:2])


def test_who_waited_to_learn_whether_it_is_alone_is_in_it_as_soon_as_it_begins() -> None:
    """Two died and were started at once; the third asked for looks at the others, which fail."""
    world = Platform(*many(6))
    world.die_together(SIX[:3])
    assert world.engine.durable.incident_of("d2") is None
    world.fail_together(["d3"], times=1)
    assert len(world.storms()) == 1
    assert world.engine.durable.incident_of("d2") is world.engine.durable.incident_of("d0")
    assert world.started_names() == ["d0", "d1"]
    assert world.gate("d2") == Gate.STORM


def test_a_new_daemon_ends_no_storm_whose_time_is_over_before_it_has_looked() -> None:
    """Three fail of those that it knows, and three it has not looked at."""
    world = Platform(*many(6))
    world.fail_together(SIX)
    world.wait(STORM.hold)
    world.fail_together(SIX)
    world.kill_daemon()
    for name in SIX:
        world.run(name, age=7200.0)
    world.fail_together(SIX[:3])
    assert not world.of(r.StormEnded)
    assert not world.started
    world.come_back(SIX[3:])
    assert len(world.of(r.StormEnded)) == 1


def test_a_storm_ends_when_its_time_is_over_though_some_are_still_starting() -> None:
    """Nobody fails: four serve again, and two have begun a new run. It needs no look at them."""
    world = Platform(*(replace(each, startup_grace=600.0) for each in many(6)))
    world.fail_together(SIX)
    world.run("d0")
    world.run("d1")
    world.come_back(SIX[2:])
    world.fail_together(["d0", "d1"])
    assert {world.health(name) for name in ("d0", "d1")} == {Health.STARTING}
    assert not world.of(r.StormEnded)
    world.wait(STORM.hold)
    assert len(world.of(r.StormEnded)) == 1


DATA = Rule("data", Severity.SEV1, Condition(tags=frozenset({"data"})))


@pytest.mark.parametrize("is_confirmed", [True, False])
def test_it_is_told_as_grave_as_the_gravest_that_is_ill(is_confirmed: bool) -> None:
    """Whichever is confirmed last, and before the others are looked at again; one failed look makes nobody ill."""
    grave = replace(many(1)[0], name="d0", tags=frozenset({"data"}))
    world = Platform(grave, *many(9)[1:])
    made = plan(grave, *many(9)[1:])
    world.send(ev.PolicyChanged(replace(made, classification=(DATA, *made.classification))))
    world.fail_together(SIX[1:], times=2)
    world.fail_together(SIX[:1], times=3 if is_confirmed else 1)
    world.fail_together(SIX[1:], times=1)
    world.wait(SETTLES_WITHIN)
    (told,) = world.notifications
    assert (told.kind, told.severity) == (NotificationKind.OPENED, Severity.SEV1 if is_confirmed else Severity.SEV2)


def test_it_is_told_as_soon_as_the_last_witness_has_answered() -> None:
    """And not at the next look, or when nobody waits for it any more."""
    world = Platform(*many(6), published=True)
    world.fail_together(SIX)
    world.witness(SIX[:5])
    assert not world.notifications
    world.witness(SIX[5:])
    (told,) = world.notifications
    assert "6 take connections at another address" in told.body
    assert {world.engine.trackers[name].state.reason for name in SIX} == {Reason.UNREACHABLE_FROM_HERE}


def test_after_it_the_next_gets_help_as_soon_as_the_one_before_serves() -> None:
    """Without another look at it, which may be far away."""
    world = Platform(*many(6))
    world.fail_together(SIX)
    world.wait(STORM.hold)
    world.fail_together(SIX)
    world.come_back(SIX[3:])
    world.wait(SPREAD + 1.0)
    assert len(world.started) == 1
    heal_what_was_started(world)
    assert len(world.started) == 2


def test_long_after_a_storm_all_is_healed_as_before_it() -> None:
    """Its incident is forgotten by then."""
    world = Platform(*many(6))
    world.fail_together(SIX)
    world.come_back(SIX)
    world.pass_time(REOPEN_WINDOW + 1.0)
    world.send(ev.Tick())
    assert not world.engine.durable.incidents
    world.crash("d0")
    heal_what_was_started(world)
    assert world.all_up()
    assert not world.engine.durable.open()


def test_after_it_the_next_gets_help_as_soon_as_what_was_restarted_beside_it_serves() -> None:
    """Which is in an incident of its own, and whose return changes what is known of the whole platform."""
    side = many(6, tags=frozenset({"side"}))
    limits = replace(LIMITS, storm=replace(STORM, of="side"))
    world = Platform(*side, dependency("gateway", grace=0.0), limits=limits)
    world.fail_together(SIX)
    world.come_back(SIX[1:])
    world.wait(STORM.hold - 10.0)
    world.fail("gateway", Reason.WRONG_STATUS)
    assert world.finish().dependency == "gateway"
    world.wait(10.0)
    assert len(world.of(r.StormEnded)) == 1
    world.fail("d0", Reason.REFUSED, times=5)
    assert world.gate("d0") == Gate.STORM
    world.succeed("gateway")
    world.wait(0.0)
    assert world.started_names() == ["gateway", "d0"]
