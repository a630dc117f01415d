"""Files that an address names and that a client library opens by itself, in the event loop.

A pipe or a mount that hangs would hold up everything, so they are looked at before it may.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

from nemo_watchdog.one_thread import OneThread, StillBusy
from nemo_watchdog.probes.shared.deadline import FOR_FILES
from nemo_watchdog.regular_file import NotRegular, opened

CANNOT_BE_READ = "a certificate file of the address cannot be read"


class NamedFiles:
    """Of one address, for looks of so many seconds."""

    def __init__(self, names: Iterable[object], look: float) -> None:
        self._within = look * FOR_FILES
        self._paths = [Path(name) for name in names if isinstance(name, str) and name]
        self._thread = OneThread("nemo-watchdog-named-files")

    async def can_be_opened(self) -> bool:
        """False where opening one would wait, for ever perhaps. What else may be wrong with them the library says."""
        if not self._paths:
            return True
        try:
            async with asyncio.timeout(self._within):
                await self._thread.run(self._open)
        except (TimeoutError, StillBusy, NotRegular):
            return False
        return True

    def _open(self) -> None:
        for path in self._paths:
            try:
                with opened(path):
                    pass
            except NotRegular:
                raise
            except (OSError, ValueError):
                continue
