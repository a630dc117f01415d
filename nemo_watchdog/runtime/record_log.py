"""Records as log lines. When something happens to many at once, the first have a line each and the others one together.

The journal keeps every record; the log is what people read while it happens.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

from nemo_watchdog.records import Record

log = structlog.get_logger("nemo_watchdog")

OWN_LINES = 10
"""Dependencies that have lines of their own for one type of record, in one `WINDOW`."""

WINDOW = 10.0
"""Seconds from the first line of a type to the one for all the others."""


@dataclass(slots=True)
class _Type:
    """What was logged of one type of record in the window that runs."""

    began: float
    end: asyncio.TimerHandle
    """For when nothing more comes."""
    named: set[str] = field(default_factory=set)
    others: list[str] = field(default_factory=list)
    """Those that share a line, each once for each record."""


class RecordLog:
    """`now` gives monotonic seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._types: dict[str, _Type] = {}

    def write(self, records: Sequence[Record]) -> None:
        """In the order in which they became true."""
        for record in records:
            body = record.body()
            kind, name = str(body.pop("type")), body.get("dependency") or body.get("root")
            if not isinstance(name, str) or self._has_its_own_line(kind, name):
                log.info(kind, **{key: value for key, value in body.items() if value not in ("", None)})

    def flush(self) -> None:
        """Writes what still waits for the end of its window."""
        for kind in list(self._types):
            self._end(kind)

    def _has_its_own_line(self, kind: str, name: str) -> bool:
        known = self._types.get(kind)
        if known is not None and self._now() - known.began >= WINDOW:
            self._end(kind)
            known = None
        if known is None:
            end = asyncio.get_running_loop().call_later(WINDOW, self._end, kind)
            known = self._types[kind] = _Type(self._now(), end)
        if name not in known.named and len(known.named) >= OWN_LINES:
            known.others.append(name)
            return False
        known.named.add(name)
        return True

    def _end(self, kind: str) -> None:
        window = self._types.pop(kind)
        window.end.cancel()
        if window.others:
            more: dict[str, Any] = {"count": len(window.others), "dependencies": list(dict.fromkeys(window.others))}
            log.info(kind, **more)
