"""Probes from the registry, as the program makes them: options from a mapping, then the probe; and a deaf Docker."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

from nemo_watchdog.ports import Containers, Probe
from nemo_watchdog.probes import PROBES
from nemo_watchdog.runtime.clock import SystemClock
from nemo_watchdog.testing import conformance
from nemo_watchdog.testing.fakes import FakeContainers

QUESTIONS = {name for name in vars(Containers) if not name.startswith("_")} - {"events", "restart", "close"}
IMPORTED = [kind.options for kind in PROBES.values()]
"""Here, and not in a test whose loop would stand still meanwhile."""


def make(kind: str, options: Mapping[str, Any], timeout: float = 2.0) -> Probe:
    return conformance.make(PROBES[kind], options, timeout)


def probing(kind: str, options: Mapping[str, Any], timeout: float = 2.0) -> AbstractAsyncContextManager[Probe]:
    """The probe, closed at the end."""
    return conformance.probing(PROBES[kind], options, timeout)


class Deaf(FakeContainers):
    """Only what is named is answered."""

    def __init__(self, *answered: str) -> None:
        super().__init__(SystemClock(), ["it"])
        self.waiting: list[str] = []
        for question in QUESTIONS - set(answered):
            setattr(self, question, self._hang(question))

    def _hang(self, question: str) -> Any:
        async def hang(*_: object) -> None:
            self.waiting.append(question)
            await asyncio.Event().wait()

        return hang
