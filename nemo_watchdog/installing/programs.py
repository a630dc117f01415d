"""The programs that an installation runs: systemctl, python, pip. What fails says what was run and what it said."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

from nemo_watchdog.errors import NemoWatchdogError

Run = Callable[..., str]
"""Takes the words of a command; what it printed. Raises `ProgramFailed`."""

_LINES = 20


class ProgramFailed(NemoWatchdogError):
    """With the command, how it ended, and the last lines of what it said."""


def run(*command: str) -> str:
    """Raises `ProgramFailed`."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    except OSError as error:
        raise ProgramFailed(f"`{' '.join(command)}` cannot be run: {error.strerror}") from error
    if done.returncode:
        said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-_LINES:])
        raise ProgramFailed(f"`{' '.join(command)}` ended with {done.returncode}:\n{said}")
    return done.stdout.strip()
