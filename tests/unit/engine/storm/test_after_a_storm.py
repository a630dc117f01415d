"""What a storm that is over leaves behind: help that is spread, and nothing that the next one would be mistaken for."""

from __future__ import annotations

from nemo_watchdog.engine.together import SPREAD, jitter
from tests.unit.engine.storm.parts import Platform, many

SIX = [f"d{number}" for number in range(6)]


def test_help_is_spread_over_the_whole_time() -> None:
    """Whatever they are called, and always the same for a name."""
    waits = [jitter(f"d{number}") for number in range(1000)]
    assert waits == [jitter(f"d{number}") for number in range(1000)]
    assert 0.0 <= min(waits) < 0.05 * SPREAD
    assert 0.95 * SPREAD < max(waits) <= SPREAD


def test_what_a_witness_said_of_the_last_failure_says_nothing_of_the_next() -> None:
    """It is asked again at once, and people are told when it has answered."""
    world = Platform(*many(6), published=True)
    world.fail_together(SIX)
    world.witness(SIX)
    world.come_back(SIX)
    told, asked = len(world.notifications), len(world.witnesses)
    world.fail_together(SIX)
    assert sorted(world.witnesses[asked:]) == SIX
    assert len(world.notifications) == told
    world.witness(SIX)
    assert len(world.notifications) == told + 1
