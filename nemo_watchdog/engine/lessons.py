"""What experience does to the durable state. `replay` applies it."""

from __future__ import annotations

from nemo_watchdog import records as r
from nemo_watchdog.engine.state import Durable
from nemo_watchdog.model import Moment


def _remedy(record: r.RemedyLearned, state: Durable, _at: Moment) -> None:
    state.memory.take(record)


def _start(record: r.StartLearned, state: Durable, _at: Moment) -> None:
    state.seen.starts.take(record)


APPLIED = (_remedy, _start)
