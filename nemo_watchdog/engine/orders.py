"""What the orders of people do to the durable state: pauses, rotas, what they allow. `replay` applies them."""

from __future__ import annotations

from datetime import UTC, datetime

from nemo_watchdog import records as r
from nemo_watchdog.engine.oncall import Swap
from nemo_watchdog.engine.pauses import Pause
from nemo_watchdog.engine.proposals import DONE, Fact
from nemo_watchdog.engine.state import Durable
from nemo_watchdog.model import Moment


def _paused(record: r.Paused, state: Durable, at: Moment) -> None:
    until = None if record.duration is None else at.monotonic + record.duration
    pause, before = Pause(record.reason, record.by, until, record.container), state.pauses.get(record.scope)
    state.pauses[record.scope] = pause if before is None else before.joined_by(pause, at.monotonic)


def _resumed(record: r.Resumed, state: Durable, _at: Moment) -> None:
    state.pauses.pop(record.scope, None)


def _swapped(record: r.OncallSwapped, state: Durable, at: Moment) -> None:
    until = datetime.fromisoformat(record.until).astimezone(UTC)
    swap = Swap(record.person, until, record.reason, record.by)
    holding = [each for each in state.swaps.get(record.rota, ()) if each.until > at.utc]
    state.swaps[record.rota] = (*holding, swap)


def _swap_ended(record: r.OncallSwapEnded, state: Durable, _at: Moment) -> None:
    state.swaps.pop(record.rota, None)


def _proposed(record: Fact, state: Durable, at: Moment) -> None:
    """People are asked once in a trouble, and again when they had it done, or wanted it not done for a while."""
    state.proposals.take(record, at)
    if incident := state.incidents.get(record.incident):
        if isinstance(record, r.Proposed):
            incident.suggested.add(record.dependency)
        elif isinstance(record, r.ProposalRejected) or (isinstance(record, r.ProposalOver) and record.why == DONE):
            incident.suggested.discard(record.dependency)


APPLIED = (_paused, _resumed, _swapped, _swap_ended, _proposed)
