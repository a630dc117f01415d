"""The phases of an attempt: the table is the law, and what is not in it changes nothing."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from nemo_watchdog import records as r
from nemo_watchdog.engine import phases, turn
from nemo_watchdog.engine.events import Effects, PauseAsked
from nemo_watchdog.engine.phases import MOVES, Move, Phase
from nemo_watchdog.engine.replay import apply, rebuild
from nemo_watchdog.engine.state import Durable
from nemo_watchdog.errors import EngineBug, JournalError
from nemo_watchdog.model import Gate, Moment, Verdict
from tests.unit.engine.world import NOON, World, dependency, policy

ARCHITECTURE = Path(__file__).parents[3] / "docs" / "architecture.md"
ILLEGAL = sorted(set(product(Phase, Move)) - set(MOVES))


@pytest.mark.parametrize(("phase", "move"), ILLEGAL)
def test_a_move_that_the_table_does_not_have_is_a_bug(phase: Phase, move: Move) -> None:
    """It says what came when."""
    with pytest.raises(EngineBug, match=f"`{move}` cannot come while the attempt is {phase}"):
        phases.after(phase, move)


def test_every_phase_can_be_reached_and_left() -> None:
    """None is a trap."""
    assert {then for (before, _), then in MOVES.items() if then is not before} == set(Phase)
    assert {before for (before, _), then in MOVES.items() if then is not before} == set(Phase)


def test_the_picture_in_the_docs_is_the_table() -> None:
    """Generated, and held here."""
    assert f"```mermaid\n{phases.picture()}```" in ARCHITECTURE.read_text(encoding="utf-8")


def opened() -> Durable:
    state = Durable()
    apply(r.IncidentOpened("A", "gateway", "SEV2", "down", "down", "fault", "refused", ""), state, Moment(0.0, NOON))
    return state


INTENDED = r.ActionIntended("A", "A/gateway/1", "gateway", "restart", 0, 1, "docker.restart", "c-gateway", 20.0)


def test_an_illegal_record_changes_nothing() -> None:
    """Neither the phase, nor the budget, nor what is under way."""
    state = opened()
    apply(INTENDED, state, Moment(1.0, NOON))
    with pytest.raises(EngineBug):
        apply(INTENDED, state, Moment(2.0, NOON))
    assert (state.acting(), len(state.spends), state.incidents["A"].ladder("gateway").total) == (1, 1, 1)


def test_a_journal_with_an_illegal_move_is_not_read() -> None:
    """State that makes no sense fails closed, with the record's name."""
    history = [
        r.IncidentOpened("A", "gateway", "SEV2", "down", "down", "fault", "refused", ""),
        r.AttemptFailed("A", "gateway", "A/gateway/1", "still refused"),
    ]
    with pytest.raises(JournalError, match="attempt_failed record"):
        rebuild([(Moment(float(at), NOON), record.body()) for at, record in enumerate(history)])


def test_a_bug_fails_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine goes on looking and telling, says what the bug is, and never acts again."""
    world = World(policy(dependency("gateway")))

    def broken(record: r.Record, state: Durable, at: Moment) -> None:
        if isinstance(record, r.Paused):
            raise EngineBug("test")
        apply(record, state, at)

    monkeypatch.setattr(turn, "apply", broken)
    effects: Effects = world.engine.step(PauseAsked("*", "x", "y"), world.now)
    assert (effects.bug, effects.actions, world.engine.bug) == ("test", [], "test")
    world.crash("gateway")
    assert not world.started
    assert world.of(r.IncidentOpened)
    decision = world.engine.decision("gateway", world.now)
    assert decision is not None
    assert (decision.verdict, decision.gate, decision.value) == (
        Verdict.REFUSE,
        Gate.BUG,
        "a bug in the watchdog: test",
    )
