"""Is a journal whole, and what can be read of it? Changes nothing, and may run beside the daemon."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from nemo_watchdog.engine.replay import salvage
from nemo_watchdog.engine.state import Durable
from nemo_watchdog.journal import codec, reading
from nemo_watchdog.model import Moment


@dataclass(frozen=True, slots=True)
class Examined:
    """`state` is what the records that can be read come to; `newest` is the time of the last of them."""

    there: bool
    damage: tuple[str, ...]
    records: int
    newest: datetime | None
    state: Durable


def examine(path: Path, *, backup: bool = False) -> Examined:
    """Of the journal at that path. Raises `JournalError` when the system does not let it be read."""
    found = reading.read(path, backup=backup)
    history = [
        (Moment(row[2], codec.read_time(row[0], row[1])), codec.read_record(row[0], row[6])) for row in found.rows
    ]
    state, nonsense = salvage(history)
    return Examined(
        there=found.there,
        damage=(*found.damage, *([nonsense] if nonsense else [])),
        records=len(history),
        newest=history[-1][0].utc if history else None,
        state=state,
    )
