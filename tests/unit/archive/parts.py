"""Runs of looks and evidence, as the daemon makes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from nemo_watchdog.evidence import Evidence, Missing, Part
from nemo_watchdog.stores import LookRun

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    """Seconds after noon."""
    return NOON + timedelta(seconds=seconds)


def run(
    first: float, last: float, *, dependency: str = "gateway", outcome: str = "ok", reason: str | None = None
) -> LookRun:
    """A look every ten seconds, each of 4 ms."""
    looks = int((last - first) // 10) + 1
    return LookRun(
        dependency,
        outcome,
        reason,
        at(first),
        at(last),
        looks,
        round(looks * 0.004, 6),
        0.004,
        (looks, 0, 0, 0, 0, 0, 0),
    )


def evidence(
    incident: str = "i-1", seconds: float = 0.0, text: str = "line\n", occasion: str = "opening", more: int = 0
) -> Evidence:
    """`more` parts beside the log."""
    parts = (Part("gateway.log", text, cut=True), *(Part(f"part.{number}.txt", text) for number in range(more)))
    return Evidence(
        incident, "gateway", at(seconds), 0.25, occasion, parts, (Missing("gateway.inspect.json", "no answer"),)
    )
