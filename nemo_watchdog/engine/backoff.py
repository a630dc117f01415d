"""How long to wait after an attempt. Pure: the jitter comes from the attempt's own name, so a replay agrees."""

from __future__ import annotations

from hashlib import sha256

from nemo_watchdog.policy.policy import Backoff


def delay_after(backoff: Backoff, attempt: int, name: str) -> float:
    """Seconds from the verdict on attempt number `attempt` (from 1) to the earliest next one.

    Doubles (by `factor`) up to `max`, then varies by ±`jitter`, drawn from `name` so that dependencies that fail
    together do not come back together.
    """
    try:
        grown = backoff.initial * backoff.factor ** (attempt - 1)
    except OverflowError:
        grown = backoff.max
    return min(grown, backoff.max) * (1.0 + backoff.jitter * spread(name))


def spread(name: str) -> float:
    """A number in [-1, 1) that depends on `name` alone."""
    return int.from_bytes(sha256(name.encode()).digest()[:8], "big") / 2**63 - 1.0
