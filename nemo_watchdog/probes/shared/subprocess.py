"""One command at a time for a look, within its deadline. What did not come to an end of its own is blind.

While a killed one still lives (a process in an uninterruptible call survives SIGKILL, and one with another user's
rights cannot be signalled) no second one starts.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import monotonic

from nemo_watchdog.durations import duration
from nemo_watchdog.model import Finding, Reason, failed
from nemo_watchdog.programs import DIES_WITHIN, Bounds, Child, NotStarted, start

KEPT_OUTPUT = 16 * 1024
"""Bytes that are kept of each of the two outputs."""
MOST_OUTPUT = 1 << 20
"""Bytes that a command may write in all; one that writes more is killed."""

_BOUNDS = Bounds(MOST_OUTPUT, KEPT_OUTPUT)


class NoResult(Exception):
    """The command did not come to an end of its own; `finding` says why, and is always blind."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.finding: Finding = failed(reason, detail)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended. `code` is its exit code, or minus the number of the signal that killed it."""

    code: int
    stdout: bytes
    stderr: bytes


class Runner:
    """Runs commands for one probe, one at a time. `close` kills what still runs. Not for several event loops."""

    def __init__(self) -> None:
        self._child: Child | None = None

    async def run(self, command: Sequence[str], environment: Mapping[str, str], folder: str, patience: float) -> Ended:
        """Its end within `patience` seconds. Raises `NoResult`; may be cancelled at any time.

        The command gets `environment` and the watchdog's own PATH, nothing else, and /dev/null as its input.
        """
        until = monotonic() + patience
        if self._child is not None and not await self._child.ends(min(patience / 2, DIES_WITHIN)):
            raise NoResult(Reason.REPORTED_BLIND, "the command of an earlier look was killed and does not end")
        path = os.environ.get("PATH", os.defpath)
        try:
            child = self._child = start(command, {"PATH": path, **environment}, folder, _BOUNDS)
        except NotStarted as error:
            raise NoResult(error.reason, error.detail) from None
        try:
            await child.ends(until - monotonic())
        finally:
            child.kill()
        if child.flooded:
            raise NoResult(Reason.REPORTED_BLIND, f"the command wrote more than {MOST_OUTPUT} bytes and was killed")
        if not child.gone.done():
            raise NoResult(Reason.REPORTED_BLIND, f"the command did not end within {duration(patience)} and was killed")
        code = child.gone.result()
        if code is None:
            raise NoResult(Reason.REPORTED_BLIND, "how the command ended was not to be learnt")
        stdout, stderr = child.outputs
        return Ended(code, bytes(stdout.kept), bytes(stderr.kept))

    async def close(self) -> None:
        """Kills what runs and waits a moment for its end, so that no zombie stays."""
        if self._child is not None:
            self._child.kill()
            await self._child.ends(DIES_WITHIN)
