"""The records of one incident as they can be read: of an older version some lack what is needed now. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from nemo_watchdog.engine.unpack import from_body
from nemo_watchdog.errors import JournalError
from nemo_watchdog.model import Moment
from nemo_watchdog.records import Record

Written = Sequence[tuple[Moment, Mapping[str, Any]]]
"""Records with their moments, oldest first, as the journal gives them."""


def readable(written: Written) -> Iterable[tuple[Moment, Record]]:
    """Those that say what a record of their type says."""
    for at, body in written:
        try:
            yield at, from_body(body)
        except JournalError:
            continue
