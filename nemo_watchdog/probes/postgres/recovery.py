"""How far a Postgres that recovers has come: it answers no query then, but it writes a line to its log.

Source: PostgreSQL 15 and later, log_startup_progress_interval (10 s by default): "redo in progress, elapsed time:
10.00 s, current LSN: 0/3A000028".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from time import monotonic

from nemo_watchdog.model import Finding, Reason
from nemo_watchdog.ports import Containers
from nemo_watchdog.probes.shared.beside import Beside

_LOOK_BACK = timedelta(seconds=60)
_LONGEST_LINE = 1000
_REDO = re.compile(r"redo in progress, elapsed time: ([0-9.]+) s, current LSN: ([0-9A-F]+)/([0-9A-F]+)")


class RecoveryWatch:
    """Measures a recovery while it lasts."""

    def __init__(self, containers: Containers | None, container: str | None) -> None:
        self._containers = containers
        self._container = container
        self._since: float | None = None

    async def measured(self, finding: Finding, beside: Beside) -> Finding:
        """The finding with `postgres_recovery_seconds` and, from the container's log, how far the redo has come.

        A log of gigabytes takes Docker longer to read than a look has: it is left out then.
        """
        if finding.reason is not Reason.RECOVERING:
            self._since = None
            return finding
        now = monotonic()
        self._since = now if self._since is None else self._since
        detail, measured = finding.detail, {"postgres_recovery_seconds": now - self._since}
        if progress := await self._progress(beside):
            measured |= progress
            detail = f"{detail}; redo is at {int(progress['postgres_recovery_lsn_bytes']):#x} of its log"
        reached = measured.get("postgres_recovery_lsn_bytes")
        return Finding(finding.outcome, finding.reason, detail, measured, progress=reached, work=finding.work)

    async def _progress(self, beside: Beside) -> Mapping[str, float]:
        if self._containers is None or self._container is None:
            return {}
        lines = await beside.ask(self._containers.log(self._container, datetime.now(UTC) - _LOOK_BACK))
        for line in reversed(lines or ()):
            if (told := _REDO.search(line.text[:_LONGEST_LINE])) is not None:
                return {"postgres_recovery_lsn_bytes": float((int(told[2], 16) << 32) + int(told[3], 16))}
        return {}
