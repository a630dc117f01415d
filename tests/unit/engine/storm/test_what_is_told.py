"""What people read of a storm: all that is known of those that fail together, each part in numbers that fit."""

from __future__ import annotations

from collections.abc import Sequence

from nemo_watchdog.engine.together import SETTLES_WITHIN
from nemo_watchdog.model import Reason
from tests.unit.engine.storm.parts import Platform, heal_what_was_started, many


def told(*, exited: Sequence[str] = (), elsewhere: Sequence[str] = (), running: Sequence[str] = ()) -> list[str]:
    """The lines of the one message about some that have ended, some that are cut off, and some that hang."""
    world = Platform(*many(6), published=True)
    runs = [*elsewhere, *running]
    world.fail_together(runs, times=2)
    world.die_together(exited)
    world.witness(elsewhere)
    world.fail_together(runs)
    world.wait(SETTLES_WITHIN)
    return world.notifications[0].body.splitlines()


def test_all_that_is_known_of_each_is_told() -> None:
    """And what follows for each: what is started, and what a person may do all the same."""
    first, known, grave, following = told(exited=["d0", "d1"], elsewhere=["d2", "d3"], running=["d4", "d5"])
    assert first == "6 of 6 fail together: d2, d3, d4, d5, d0 and d1."
    assert known == (
        "Docker says that 2 have exited (d0 and d1). 2 take connections at another address and cannot be reached from "
        "here: the network or this host is broken, and not they. Of 2 that run more nothing else is known."
    )
    assert grave == "SEV1 Complete outage by the rule cannot-be-reached. Respond within 15m."
    assert following == (
        "Next: what has exited is started, one at a time and first what others need; nothing that runs is restarted "
        "while this lasts; `nemo-watchdog retry d4` restarts one all the same. A person must look at what they share."
    )


def test_of_one_it_is_told_as_of_one() -> None:
    told_of = told(exited=["d0"], elsewhere=["d2", "d3"], running=["d5"])[1]
    assert "Docker says that 1 has exited (d0)." in told_of
    assert "Of 1 that runs more nothing else is known." in told_of


def test_what_is_not_so_is_not_told() -> None:
    lines = told(running=["d0", "d1", "d2", "d3", "d4"])
    assert lines[1] == "The containers run while every look fails: the network or this host is suspected."
    assert lines[3].startswith("Next: nothing that runs is restarted while this lasts; ")


def test_what_came_back_is_told_and_not_that_every_look_fails() -> None:
    """Of those that were killed one is up again, one is not; the others hang."""
    world = Platform(*many(6))
    world.die_together(["d0", "d1"])
    heal_what_was_started(world)
    world.fail_together(["d2", "d3", "d4"], Reason.TIMEOUT)
    world.wait(SETTLES_WITHIN)
    assert world.notifications[-1].body.splitlines()[1] == (
        "Docker says that 1 has exited (d1). 1 starts or serves again. Of 3 that run more nothing else is known."
    )
