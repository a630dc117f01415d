"""Who has a rota instead, by the word of a person, and what its calendar says."""

from __future__ import annotations

from nemo_watchdog import records as r
from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine.oncall import Oncall
from nemo_watchdog.engine.state import Durable
from nemo_watchdog.engine.turn import Turn
from nemo_watchdog.engine.volatile import Volatile


def oncall_of(volatile: Volatile, durable: Durable) -> Oncall:
    """As policy, swaps and calendars are now."""
    return Oncall(volatile.policy.contacts, durable.swaps, volatile.calendars)


def hear(turn: Turn, event: ev.OncallChange) -> None:
    if isinstance(event, ev.CalendarRead):
        turn.volatile.calendars[event.rota] = event.shifts
    elif isinstance(event, ev.SwapAsked):
        turn.record(r.OncallSwapped(event.rota, event.person, event.until.isoformat(), event.reason, event.by))
    elif event.rota in turn.durable.swaps:
        turn.record(r.OncallSwapEnded(event.rota, event.by))
