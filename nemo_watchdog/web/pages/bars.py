"""The last 24 hours of a dependency as numbers for a drawing: a bar for each half hour, a line of latencies. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import median
from types import MappingProxyType

from nemo_watchdog.durations import duration
from nemo_watchdog.view_words import Clock
from nemo_watchdog.web.recent import HALF_HOUR, HalfHour, RecentView

STEP, WIDTH = 5, 4
"""From one bar to the next, and how wide it is."""

HEIGHT = 24
HEIGHTS: Mapping[str, int] = MappingProxyType({"down": 24, "blind": 20, "degraded": 16, "ok": 10, "none": 3})
"""The worse, the higher: it is seen without colours too."""

SAID: Mapping[str, str] = MappingProxyType(
    {"down": "down", "blind": "blind", "degraded": "degraded", "ok": "ok", "none": "not looked at"}
)

APART, MARGIN = 2, 3
"""Of the points of a line; above its highest, and below 0."""


@dataclass(frozen=True, slots=True)
class Bar:
    """`word`: ok, degraded, down, blind or none. `title` is what it stands for: `03:00 to 03:30: down (refused)`."""

    x: int
    y: int
    width: int
    height: int
    word: str
    title: str


@dataclass(frozen=True, slots=True)
class Bars:
    """In a box of `width` by `height`. `said` is all of it in a sentence, for who does not see it.

    `paths` are a word, and all bars of it as one path: short, where there are many rows. `bars` are each by itself,
    with its title, and empty where they were not asked for.
    """

    width: int
    height: int
    paths: tuple[tuple[str, str], ...]
    said: str
    bars: tuple[Bar, ...] = ()


@dataclass(frozen=True, slots=True)
class Sparkline:
    """A polyline's points for each stretch without a gap; none where nothing was measured, and then `said` is empty."""

    width: int
    height: int
    lines: tuple[str, ...]
    said: str


def bars_of(recent: RecentView, clock: Clock, *, titled: bool = False) -> Bars:
    """The oldest first."""
    words = [half.word for half in recent.halves]
    width = max(0, len(words) * STEP - (STEP - WIDTH))
    bars = tuple(_bar(place, half, clock) for place, half in enumerate(recent.halves)) if titled else ()
    return Bars(width, HEIGHT, tuple(_paths(words)), _all_said(words), bars)


def _bar(place: int, half: HalfHour, clock: Clock) -> Bar:
    height = HEIGHTS.get(half.word, HEIGHT)
    return Bar(place * STEP, HEIGHT - height, WIDTH, height, half.word, _title(half, clock))


def _title(half: HalfHour, clock: Clock) -> str:
    begin, end = half.begin.isoformat(), (half.begin + HALF_HOUR).isoformat()
    until = "now" if clock.is_to_come(end) else clock.hour(end)
    why = f" ({half.reason})" if half.reason else ""
    some = f", {half.bad} of {half.looks} looks" if 0 < half.bad < half.looks else ""
    return f"{clock.minute(begin)} to {until}: {SAID.get(half.word, half.word)}{why}{some}"


def _paths(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Bars that follow each other are one piece."""
    pieces, at = dict[str, list[str]](), 0
    for word, alike in groupby(words):
        many, height = len(list(alike)), HEIGHTS.get(word, HEIGHT)
        wide = many * STEP - (STEP - WIDTH)
        pieces.setdefault(word, []).append(f"M{at * STEP} {HEIGHT - height}h{wide}v{height}h-{wide}z")
        at += many
    return ((word, "".join(each)) for word, each in pieces.items())


def _all_said(words: Sequence[str]) -> str:
    counted = Counter(words)
    parts = [f"{counted[word]} {said}" for word, said in SAID.items() if counted[word]]
    return f"last 24 hours in half hours: {', '.join(parts)}" if parts else ""


def sparkline_of(recent: RecentView) -> Sparkline:
    """From 0 at the bottom; the highest is close to the top."""
    latencies = [half.latency for half in recent.halves]
    known = [each for each in latencies if each is not None]
    width = max(0, len(latencies) - 1) * APART
    if not known:
        return Sparkline(width, HEIGHT, (), "")
    said = f"median {duration(median(known))}, longest {duration(max(known))}"
    return Sparkline(width, HEIGHT, tuple(map(_line, _stretches(latencies, max(known)))), said)


def _stretches(latencies: Sequence[float | None], most: float) -> Iterator[list[tuple[int, int]]]:
    scale = (HEIGHT - 2 * MARGIN) / most if most > 0 else 0.0
    stretch = list[tuple[int, int]]()
    for place, latency in enumerate([*latencies, None]):
        if latency is not None:
            stretch.append((place * APART, HEIGHT - MARGIN - round(latency * scale)))
        elif stretch:
            yield stretch
            stretch = []


def _line(stretch: Sequence[tuple[int, int]]) -> str:
    """Without points between two of the same height. One that stands alone is a short line."""
    if len(stretch) == 1:
        ((x, y),) = stretch
        return f"{x - 1},{y} {x + 1},{y}"
    heights = [y for _, y in stretch]
    flat = [before == y == after for before, y, after in zip(heights, heights[1:], heights[2:], strict=False)]
    kept = [True, *(not each for each in flat), True]
    return " ".join(f"{x},{y}" for (x, y), keep in zip(stretch, kept, strict=True) if keep)
