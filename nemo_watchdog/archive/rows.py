"""How what is kept looks on disk: times as integers, a histogram as a few bytes, text compressed."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from nemo_watchdog.evidence import Missing
from nemo_watchdog.stores import LATENCY_BOUNDS, LookRun

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND, MICROSECOND = timedelta(milliseconds=1), timedelta(microseconds=1)

LookRow = tuple[int, int, int, int, int, int, int, bytes]
"""As the columns of the table `looks`."""

_COUNTS = len(LATENCY_BOUNDS) + 1
_WIDE = struct.Struct(f"<{_COUNTS}Q")


def milliseconds(at: datetime) -> int:
    """Since the epoch, of an aware time. Raises `ValueError` for a naive one."""
    return _since_epoch(at) // MILLISECOND


def microseconds(at: datetime) -> int:
    """Since the epoch, of an aware time. Raises `ValueError` for a naive one."""
    return _since_epoch(at) // MICROSECOND


def time_of(at: int) -> datetime:
    """Of microseconds. Raises `OverflowError`."""
    return EPOCH + timedelta(microseconds=at)


def look_row(run: LookRun, dependency: int, sight: int) -> LookRow:
    first = milliseconds(run.first)
    latency_sum, latency_max = round(run.latency_sum * 1e6), round(run.latency_max * 1e6)
    span = milliseconds(run.last) - first
    return dependency, first, span, sight, run.looks, latency_sum, latency_max, _pack(run.histogram)


def look_runs(
    dependency: str, sights: Mapping[int, tuple[str, str | None]], found: Iterable[Sequence[Any]]
) -> list[LookRun]:
    """`found`: sight, first, span, looks, latency_sum, latency_max, histogram; thousands of them are made at once.

    Raises `ValueError`, `OverflowError` and `LookupError` for what `look_row` did not make.
    """
    time, zone, known = datetime.fromtimestamp, UTC, dict[bytes, tuple[int, ...]]()
    return [
        LookRun(
            dependency,
            *sights[sight],
            time(first / 1000, zone),
            time((first + span) / 1000, zone),
            looks,
            latency_sum / 1e6,
            latency_max / 1e6,
            known.get(histogram) or known.setdefault(histogram, _unpack(histogram)),
        )
        for sight, first, span, looks, latency_sum, latency_max, histogram in found
    ]


def compressed(text: str) -> bytes:
    return zlib.compress(text.encode("utf-8", "backslashreplace"), 6)


def expanded(body: bytes) -> str:
    """Raises `zlib.error` and `UnicodeError` for what `compressed` did not make."""
    return zlib.decompress(body).decode("utf-8")


def missing_text(missing: Sequence[Missing]) -> str:
    return json.dumps([[each.name, each.why] for each in missing]) if missing else ""


def missing_of(text: str) -> tuple[Missing, ...]:
    """Raises `ValueError` for what `missing_text` did not make."""
    return tuple(Missing(str(name), str(why)) for name, why in json.loads(text)) if text else ()


def _since_epoch(at: datetime) -> timedelta:
    if at.tzinfo is None:
        raise ValueError("a time without a zone cannot be written: it must be aware")
    return at - EPOCH


def _pack(histogram: Sequence[int]) -> bytes:
    """A byte a count without the zeros at the end, as long as each fits: of a healthy dependency that is one byte."""
    if len(histogram) != _COUNTS:
        raise ValueError(f"a histogram has {_COUNTS} counts, and not {len(histogram)}")
    return bytes(histogram).rstrip(b"\0") if max(histogram) < 256 else _WIDE.pack(*histogram)


def _unpack(packed: bytes) -> tuple[int, ...]:
    if len(packed) <= _COUNTS:
        return tuple(packed.ljust(_COUNTS, b"\0"))
    try:
        return _WIDE.unpack(packed)
    except struct.error as error:
        raise ValueError(f"a histogram is damaged: {error}") from None
