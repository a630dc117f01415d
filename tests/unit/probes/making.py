"""Probes from the registry, as the program makes them: options from a mapping, then the probe."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

from nemo_watchdog.ports import Probe
from nemo_watchdog.probes import PROBES
from nemo_watchdog.testing import conformance


def make(kind: str, options: Mapping[str, Any], timeout: float = 2.0) -> Probe:
    return conformance.make(PROBES[kind], options, timeout)


def probing(kind: str, options: Mapping[str, Any], timeout: float = 2.0) -> AbstractAsyncContextManager[Probe]:
    """The probe, closed at the end."""
    return conformance.probing(PROBES[kind], options, timeout)
