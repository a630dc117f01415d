"""What the records of a storm do to the durable state. `replay` applies them."""

from __future__ import annotations

from nemo_watchdog import records as r
from nemo_watchdog.engine.state import Durable
from nemo_watchdog.engine.together import Storm
from nemo_watchdog.model import Moment


def _began(record: r.StormBegan, state: Durable, at: Moment) -> None:
    state.storm = Storm(at, record.of, record.incident)


def _told(record: r.StormTold, state: Durable, _at: Moment) -> None:
    if state.storm is not None:
        state.storm.told, state.storm.incident = True, record.incident


def _ended(_record: r.StormEnded, state: Durable, at: Moment) -> None:
    if state.storm is not None:
        state.storm.ended = at


APPLIED = (_began, _told, _ended)
