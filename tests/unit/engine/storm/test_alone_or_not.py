"""Whether something fails alone: whom that is asked of, how long an answer is waited for, and when it is asked anew."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nemo_watchdog import records as r
from nemo_watchdog.engine import events as ev
from nemo_watchdog.model import ActionOutcome, Gate, Reason, degraded, failed, ok
from tests.unit.engine.storm.parts import LIMITS, STORM, Platform, many
from tests.unit.engine.world import dependency

SIX = [f"d{number}" for number in range(6)]


def hold_on(world: Platform, failing: list[str], seconds: float, reason: Reason = Reason.REFUSED) -> None:
    """They fail on, and nobody looks at the others."""
    for _ in range(round(seconds)):
        world.fail_together(failing, reason, times=1)
        world.wait(0.0)


@pytest.mark.parametrize(
    ("others", "share"), [pytest.param(1, 0.5, id="too few"), pytest.param(5, 1.0, id="all may fail")]
)
def test_where_no_storm_can_be_nothing_waits_for_looks_at_others(others: int, share: float) -> None:
    """What has ended is started at once, as without the question."""
    limits = replace(LIMITS, storm=replace(STORM, share=share))
    world = Platform(dependency("p"), *many(others, needs=("p",)), limits=limits)
    world.crash("d0")
    assert world.started_names() == ["d0"]


def test_of_three_one_that_serves_is_enough() -> None:
    """Two of three are no storm, and so one look answers."""
    world = Platform(*many(3))
    world.asked()
    world.fail("d0", Reason.REFUSED, times=3)
    (other,) = world.asked() - {"d0"}
    world.look(other, ok(), every=0.001)
    assert world.started_names() == ["d0"]


def test_the_slowest_look_is_waited_for() -> None:
    """Its timeout, and a second."""
    world = Platform(*many(5), dependency("d5", timeout=8.0))
    world.fail("d0", Reason.REFUSED, times=3)
    world.wait(8.9)
    assert not world.started
    world.wait(0.2)
    assert world.started_names() == ["d0"]


def test_where_another_fails_too_twice_as_long_is_waited_and_all_are_looked_at() -> None:
    """It may be the second of many."""
    world = Platform(*many(6))
    world.asked()
    world.fail_together(SIX[:2])
    assert world.asked() >= set(SIX[2:])
    world.wait(7.9)
    assert not world.started
    world.wait(0.2)
    assert sorted(world.started_names()) == SIX[:2]


def test_two_that_fail_wait_for_nobody_when_enough_others_serve() -> None:
    """With three that serve, no more than three of six can fail, whatever the sixth does."""
    world = Platform(*many(6))
    world.fail_together(SIX[:2], times=2)
    world.looks(SIX[2:5], ok())
    world.fail_together(SIX[:2], times=1)
    assert sorted(world.started_names()) == SIX[:2]


def test_what_is_down_for_long_is_no_company() -> None:
    """Neither are all looked at for it, nor is its neighbour waited for twice as long."""
    world = Platform(*many(6, remedy=None))
    world.fail("d1", times=3)
    world.wait(3600.0)
    world.asked()
    world.fail("d0", times=3)
    assert len(world.asked() - {"d0"}) == 3


def test_what_may_have_failed_before_it_was_looked_at_is_company() -> None:
    """It was seen to serve half a minute after the others had failed, and to fail two minutes later."""
    world = Platform(*many(6, interval=120.0, remedy=None))
    world.fail_together(SIX[1:3])
    world.wait(25.0)
    world.looks(["d0", *SIX[3:]], ok())
    world.wait(120.0)
    world.asked()
    world.fail_together(["d0"])
    assert world.asked() >= set(SIX[3:])


def test_who_starts_and_gives_no_answer_yet_does_not_serve() -> None:
    """Three were started a moment ago: their looks say nothing about what is shared."""
    world = Platform(*many(1), *(dependency(name, grace=60.0) for name in SIX[1:]))
    for name in SIX[1:4]:
        world.run(name)
    for _ in range(3):
        world.fail_together(["d0", *SIX[1:4]], times=1)
    assert not world.started
    world.looks(SIX[4:], ok())
    assert world.started_names() == ["d0"]


def test_not_always_the_same_are_asked() -> None:
    """So that what a large platform asks for is spread over all of it."""
    names = {f"d{number}" for number in range(20)}
    asked: set[str] = set()
    for name in names:
        world = Platform(*many(20))
        world.asked()
        world.fail(name, Reason.REFUSED, times=3)
        asked |= world.asked() - {name}
    assert asked == names


def test_what_has_ended_below_something_that_is_busy_waits_for_that_alone() -> None:
    """It is known to be down: no look at it is needed first."""
    world = Platform(dependency("p", grace=0.0), *many(5, needs=("p",)))
    world.fail("p", Reason.OVERLOADED, times=3)
    world.crash("d0")
    assert world.gate("d0") == Gate.UPSTREAM


def test_what_is_known_to_fail_alone_is_not_asked_again_when_another_fails_later() -> None:
    """The looks that answered were awaited; half a minute has not passed since, and its second attempt is due."""
    world = Platform(*many(6))
    for _ in range(3):
        world.pass_time(1.0)
        world.looks(["d0"], degraded(Reason.SLOW, "took 900 ms"))
    world.fail("d0", Reason.REFUSED, times=3)
    assert not world.started
    world.looks(SIX[1:4], ok())
    world.finish(ActionOutcome.FAILED)
    hold_on(world, SIX[:2], 7.0)
    assert world.started_names() == ["d0", "d0"]


@pytest.mark.parametrize("slow", [True, False])
@pytest.mark.parametrize("looked", [True, False], ids=["others had been looked at", "nobody had been looked at"])
def test_what_fails_on_when_what_it_needs_has_recovered_is_asked_anew(*, looked: bool, slow: bool) -> None:
    """It may do so for another reason since then, and has the whole time again. It may have been slow before."""
    world = Platform(dependency("p", grace=0.0), *many(1, needs=("p",)), *many(6)[1:])
    failing = ["p", "d0"]
    for _ in range(3 if slow else 0):
        world.pass_time(1.0)
        world.looks(failing, degraded(Reason.SLOW, "took 900 ms"))
    world.fail_together(failing, Reason.TIMEOUT)
    if looked:
        world.looks(SIX[1:], ok())
    world.wait(8.1)
    world.finish()
    world.succeed("p")
    hold_on(world, ["d0"], 6.0, Reason.TIMEOUT)
    assert world.started_names() == ["p"]
    world.wait(4.0)
    assert world.started_names() == failing


def test_what_was_out_of_sight_and_is_seen_to_fail_is_asked_anew() -> None:
    """Nobody could resolve its name while all others served; since then it refuses."""
    world = Platform(*many(6))
    for _ in range(70):
        world.fail_together(["d0"], Reason.NAME_UNRESOLVED, times=1)
        world.looks(SIX[1:], ok())
    world.asked()
    world.fail_together(["d0"])
    assert not world.started
    assert len(world.asked() - {"d0"}) == 3
    world.looks(SIX[1:], ok())
    assert world.started_names() == ["d0"]


def test_what_is_seen_to_fail_has_the_whole_time_for_its_question() -> None:
    """That it was out of sight had been asked a moment before."""
    world = Platform(*many(6))
    world.fail_together(["d0"], Reason.NAME_UNRESOLVED)
    world.fail_together(["d0"])
    world.wait(3.9)
    assert not world.started
    world.wait(0.2)
    assert world.started_names() == ["d0"]


def test_one_good_look_at_what_was_out_of_sight_ends_no_storm() -> None:
    """As for all else, it serves when that is confirmed."""
    world = Platform(*many(6))
    world.fail_together(SIX, Reason.NAME_UNRESOLVED, times=10)
    world.pass_time(1.0)
    world.looks(SIX, ok())
    world.send(ev.Tick())
    assert not world.of(r.StormEnded)
    world.pass_time(1.0)
    world.looks(SIX, ok())
    assert len(world.of(r.StormEnded)) == 1


def test_what_only_we_cannot_see_belongs_to_no_storm() -> None:
    """A password that is wrong since the storm began is another trouble."""
    world = Platform(*many(7))
    world.fail_together(SIX)
    for _ in range(70):
        world.fail_together(SIX, times=1)
        world.looks(["d6"], failed(Reason.AUTH_FAILED, "wrong password"))
    roots = sorted(incident.root for incident in world.engine.durable.open())
    assert len(roots) == 2
    assert "d6" in roots
