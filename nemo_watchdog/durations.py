"""How people read a duration: `250ms`, `4.2s`, `3m20s`, `2h05m`, `1d06h`. The one place that writes one."""

from __future__ import annotations

import math


def duration(seconds: float) -> str:
    """Three digits below a minute, above it the two largest units: what a policy says is mostly said exactly."""
    if not math.isfinite(seconds):
        return f"{seconds}s"
    if seconds < 0:
        return f"-{duration(-seconds)}"
    if seconds < 0.9995:
        return f"{round(seconds * 1000, 2):.3g}ms" if seconds >= 0.000005 else "0s"
    if seconds < 59.95:
        return f"{seconds:.3g}s"
    if (whole := round(seconds)) < 3600:
        return _two(whole, 60, "m", "s")
    if (minutes := round(seconds / 60)) < 24 * 60:
        return _two(minutes, 60, "h", "m")
    return _two(round(seconds / 3600), 24, "d", "h")


def shift(seconds: float) -> str:
    """By how much something moved, with its sign: `+3.2s`, `-1m30s`."""
    return duration(seconds) if seconds < 0 else f"+{duration(seconds)}"


def _two(count: int, parts: int, unit: str, smaller: str) -> str:
    """So many of the smaller unit, of which `parts` are one of the larger."""
    whole, rest = divmod(count, parts)
    return f"{whole}{unit}{rest:02d}{smaller}" if rest else f"{whole}{unit}"
