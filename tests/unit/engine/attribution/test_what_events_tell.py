"""What Docker's events say of the end of a run: is it among them, and has one of a stop ended it for sure."""

from __future__ import annotations

from datetime import timedelta

import pytest

from nemo_watchdog.engine import signals
from nemo_watchdog.model import ContainerEvent, ContainerStatus, Past, RunState
from tests.unit.engine.world import NOON

STARTED, ENDED = NOON, NOON + timedelta(minutes=1)
STATUS = ContainerStatus(RunState.EXITED, "id", STARTED, finished_at=ENDED, stop_signal=34)
INT, QUIT, KILL, TERM, OF_THE_IMAGE = 2, 3, 9, 15, 34


def past(*events: tuple[str, int | None, float]) -> Past:
    """Each with its signal, so many seconds before the end."""
    return Past(tuple(ContainerEvent("c", what, number, ENDED - timedelta(seconds=at)) for what, number, at in events))


@pytest.mark.parametrize(
    ("events", "told"),
    [
        (past(), False),
        (past(("kill", TERM, 1.0)), False),
        (past(("kill", TERM, 1.0), ("die", None, 0.0)), True),
        (past(("die", None, 90.0), ("start", None, 59.0)), False),
    ],
    ids=["nothing", "only the signal", "the end", "the end of the run before"],
)
def test_whether_the_end_of_a_run_is_told(events: Past, told: bool) -> None:
    """Whoever reads them too early asks again."""
    assert signals.is_told(STATUS, events) is told


@pytest.mark.parametrize(
    ("numbers", "sure"),
    [
        ((), False),
        ((QUIT,), False),
        ((INT,), False),
        ((TERM,), True),
        ((KILL,), True),
        ((OF_THE_IMAGE,), True),
        ((QUIT, TERM), True),
        ((TERM, QUIT), True),
    ],
)
def test_what_a_stop_sends_has_ended_it_for_sure(numbers: tuple[int, ...], sure: bool) -> None:
    """Another signal may have been outlived: more must be known."""
    assert signals.surely_sent(STATUS, past(*(("kill", number, 1.0) for number in numbers))) is sure
