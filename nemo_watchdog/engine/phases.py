"""How far an attempt has come: a table of the legal moves. Whatever is not in it is a bug, and `apply` refuses it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from nemo_watchdog.errors import EngineBug


class Phase(StrEnum):
    IDLE = "idle"
    ACTING = "acting"
    VERIFYING = "verifying"


class Move(StrEnum):
    """What a record does to a ladder, in words for the picture."""

    INTENDED = "action_intended"
    ENDED = "action_ended, to verify"
    ENDED_FOR_NOTHING = "action_ended, nothing to verify"
    ATTEMPT_FAILED = "attempt_failed"
    RECOVERED = "member_recovered"
    RESOLVED = "incident_resolved"


MOVES: Mapping[tuple[Phase, Move], Phase] = MappingProxyType(
    {
        (Phase.IDLE, Move.INTENDED): Phase.ACTING,
        (Phase.ACTING, Move.ENDED): Phase.VERIFYING,
        (Phase.ACTING, Move.ENDED_FOR_NOTHING): Phase.IDLE,
        (Phase.VERIFYING, Move.ATTEMPT_FAILED): Phase.IDLE,
        (Phase.VERIFYING, Move.RECOVERED): Phase.IDLE,
        (Phase.VERIFYING, Move.RESOLVED): Phase.IDLE,
        (Phase.IDLE, Move.RECOVERED): Phase.IDLE,
        (Phase.IDLE, Move.RESOLVED): Phase.IDLE,
    }
)


def after(phase: Phase, move: Move) -> Phase:
    """The next phase; raises `EngineBug` for a move that the table does not have."""
    try:
        return MOVES[phase, move]
    except KeyError:
        raise EngineBug(f"`{move}` cannot come while the attempt is {phase}") from None


def picture() -> str:
    """The table as a Mermaid state diagram, as it stands in docs/architecture.md."""
    lines = [f"    {before} --> {then}: {move}" for (before, move), then in MOVES.items()]
    return "\n".join(["stateDiagram-v2", f"    [*] --> {Phase.IDLE}", *lines]) + "\n"
