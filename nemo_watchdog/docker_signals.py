"""Signals as people and Docker write them, by number."""

from __future__ import annotations

import re
import signal

_REAL_TIME = re.compile(r"(?:SIG)?RT(?:(?P<min>MIN)(?:\+(?P<up>\d{1,2}))?|MAX(?:-(?P<down>\d{1,2}))?)", re.ASCII)
_RTMIN, LAST_SIGNAL = 34, 64
"""As Docker counts them, whatever the C library here does."""


def parse_signal(value: object) -> int | None:
    """`9`, `"9"`, `"SIGKILL"` and `"KILL"` to 9; None for anything else.

    Real-time signals are counted from either end: `RTMIN+3` is 37, and `RTMAX-2` is 62 (measured, Engine 20.10).
    """
    text = str(value).strip().upper()
    if text.isascii() and text.isdigit():
        return int(text)
    if real_time := _REAL_TIME.fullmatch(text):
        return _RTMIN + int(real_time["up"] or 0) if real_time["min"] else LAST_SIGNAL - int(real_time["down"] or 0)
    name = text if text.startswith("SIG") else f"SIG{text}"
    known = signal.Signals.__members__.get(name)
    return None if known is None else int(known)
