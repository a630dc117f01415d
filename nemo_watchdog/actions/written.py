"""What a program or a server wrote, for people: without the secrets of the policy first, and then cut.

A secret that is cut before it is found leaves its half behind. So more is taken than is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nemo_watchdog.lines import one_line
from nemo_watchdog.one_thread import OneThread, StillBusy

LONGEST_KEPT = 64 * 1024
"""Characters that are kept with the evidence: the end, for what came last explains most."""

LONGEST_TAKEN = 2 * LONGEST_KEPT
"""Bytes that are looked at for secrets."""


@dataclass(frozen=True, slots=True)
class Written:
    """`last` is the last line that has something to show."""

    output: str = ""
    last: str = ""


async def written(data: bytes, redact: Callable[[str], str]) -> Written:
    """Of the last `LONGEST_TAKEN` bytes; in a thread, for they may be looked through for long."""
    if not data:
        return Written()
    try:
        return await OneThread("nemo-watchdog-output").run(lambda: _written(data[-LONGEST_TAKEN:], redact))
    except StillBusy:
        return Written(last="the system gave no thread to look through what it said")


def _written(data: bytes, redact: Callable[[str], str]) -> Written:
    text = redact(data.decode(errors="replace"))
    lines = (one_line(line) for line in reversed(text.splitlines()))
    return Written(text[-LONGEST_KEPT:], next(filter(None, lines), ""))


def telling(what: str, said: str) -> str:
    """An outcome, and behind it what was said with it."""
    return f"{what}: {said}" if said else what
