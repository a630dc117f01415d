"""Probes from the registry, as the program makes them: options from a mapping, then the probe."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

from nemo_watchdog.ports import Probe, ProbeContext
from nemo_watchdog.probes import PROBES


def make(kind: str, options: Mapping[str, Any], timeout: float = 2.0) -> Probe:
    entry = PROBES[kind]
    checked = entry.options.model_validate(dict(options))
    return entry.make(checked, ProbeContext(dependency="it", timeout=timeout, interval=10.0))


@contextlib.asynccontextmanager
async def probing(kind: str, options: Mapping[str, Any], timeout: float = 2.0) -> AsyncIterator[Probe]:  # noqa: ASYNC109 - handed on
    """The probe, closed at the end."""
    probe = make(kind, options, timeout)
    try:
        yield probe
    finally:
        await probe.close()
