"""What takes connections on another way, and does so no more or serves again: what was known of it is then old."""

from __future__ import annotations

import pytest

from nemo_watchdog.model import Gate, Reason
from tests.unit.engine.storm.parts import Platform, many

SIX = [f"d{number}" for number in range(6)]


@pytest.fixture
def cut_off() -> Platform:
    """All six run and cannot be reached from here."""
    world = Platform(*many(6), published=True)
    world.fail_together(SIX)
    world.witness(SIX)
    return world


def test_what_is_cut_off_is_no_question_of_its_address(cut_off: Platform) -> None:
    """It was up there: nobody is told to check the policy."""
    (blind,) = [each for each in cut_off.engine.explanation("d0", cut_off.now) if each.gate is Gate.BLIND]
    reached = "cannot be reached from here: it takes connections at 172.18.0.2:80"
    assert blind.value == f"cannot judge it: {reached}"


def test_what_has_answered_since_and_hangs_is_broken(cut_off: Platform) -> None:
    """The way was there again: that it took connections elsewhere before says nothing of now."""
    cut_off.come_back(SIX)
    assert cut_off.all_up()
    cut_off.wait(3600.0)
    for _ in range(5):
        cut_off.come_back(SIX[1:])
        cut_off.fail("d0", Reason.TIMEOUT, times=1)
    assert cut_off.engine.trackers["d0"].state.reason is Reason.TIMEOUT
    assert cut_off.started_names() == ["d0"]


def test_what_has_answered_wrongly_since_and_refuses_is_not_cut_off(cut_off: Platform) -> None:
    cut_off.fail_together(["d0"], Reason.WRONG_STATUS)
    cut_off.fail_together(["d0"], Reason.REFUSED)
    assert cut_off.engine.trackers["d0"].state.reason is Reason.REFUSED
