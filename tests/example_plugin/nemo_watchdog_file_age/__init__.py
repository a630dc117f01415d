"""A file that something must write regularly is young enough. Reads the file's time and nothing of what is in it."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path

from nemo_watchdog.errors import EvidenceError
from nemo_watchdog.evidence import Questions
from nemo_watchdog.model import Finding, Reason, failed, ok
from nemo_watchdog.plugins import Kind
from nemo_watchdog.policy.units import Duration
from nemo_watchdog.ports import ProbeContext
from nemo_watchdog.probes.shared.options import ProbeOptions


class FileAgeOptions(ProbeOptions):
    path: Path
    """The file."""
    at_most: Duration
    """How long ago it may have been written."""


class FileAgeProbe:
    def __init__(self, options: FileAgeOptions, context: ProbeContext) -> None:
        self._path = options.path
        self._at_most = options.at_most

    async def look(self) -> Finding:
        try:
            status = await asyncio.to_thread(self._path.stat)  # a dead network file system blocks
        except FileNotFoundError:
            return failed(Reason.WRONG_TARGET, "there is no such file")
        except PermissionError:
            return failed(Reason.PERMISSION_DENIED, "the file cannot be looked at")
        except OSError as error:
            return failed(Reason.IO_ERROR, error.strerror or "the file cannot be looked at")
        age = time.time() - status.st_mtime
        measurements = {"file_age_seconds": age}
        if age > self._at_most:
            return failed(Reason.REPORTED_INTEGRITY, f"written {age:.0f}s ago", measurements)
        return ok(f"written {age:.0f}s ago", measurements)

    async def close(self) -> None:
        """Nothing outlives a look."""

    def evidence(self) -> Questions:
        return {"file.txt": self._told}

    async def _told(self) -> str:
        try:
            status = await asyncio.to_thread(self._path.stat)
        except OSError as error:
            raise EvidenceError(error.strerror or "the file cannot be looked at") from None
        at = datetime.fromtimestamp(status.st_mtime, UTC)
        return f"{status.st_size} bytes, written at {at:%Y-%m-%d %H:%M:%S}Z\n"


KIND = Kind(options=FileAgeOptions, make=FileAgeProbe)
