"""How people read a duration: `250ms`, `4.2s`, `3m20s`, `2h05m`, `1d06h`; or in words. What writes one."""

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


def in_words(seconds: float) -> str:
    """For a text that is read aloud: `28 minutes`, `1 hour 12 minutes`, `3 days`; the two largest units."""
    whole = max(round(seconds), 0)
    if whole < 60:
        return _counted(whole, "second")
    if whole < 3600:
        large, small, parts, count = "minute", "second", 60, whole
    elif (minutes := round(seconds / 60)) < 24 * 60:
        large, small, parts, count = "hour", "minute", 60, minutes
    else:
        large, small, parts, count = "day", "hour", 24, round(seconds / 3600)
    first, rest = divmod(count, parts)
    return f"{_counted(first, large)} {_counted(rest, small)}" if rest else _counted(first, large)


def _counted(count: int, unit: str) -> str:
    return f"{count} {unit}{'' if count == 1 else 's'}"


def _two(count: int, parts: int, unit: str, smaller: str) -> str:
    """So many of the smaller unit, of which `parts` are one of the larger."""
    whole, rest = divmod(count, parts)
    return f"{whole}{unit}{rest:02d}{smaller}" if rest else f"{whole}{unit}"
