"""All that is kept for people to read later: looks, evidence, how gates stood. Nothing is decided by any of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any

import structlog

from nemo_watchdog.errors import outline
from nemo_watchdog.evidence import Asked, Evidence
from nemo_watchdog.metrics import Metrics
from nemo_watchdog.runtime.archiving import Archiving
from nemo_watchdog.runtime.core import Core
from nemo_watchdog.runtime.evidence import EvidenceTaker
from nemo_watchdog.runtime.evidence_redaction import redacted
from nemo_watchdog.runtime.gate_recorder import GateRecorder
from nemo_watchdog.runtime.history import History

log = structlog.get_logger("nemo_watchdog")

BEGIN_ANEW_AFTER = 60.0
"""Seconds."""


class Keeping:
    """Its parts, and their tasks. `ask` gives the questions about a dependency."""

    def __init__(
        self,
        core: Core,
        metrics: Metrics,
        archiving: Archiving,
        ask: Callable[[str], Asked],
    ) -> None:
        self._core = core
        self.archiving = archiving
        self.history = History(archiving, core.clock, metrics)
        self.evidence = EvidenceTaker(core, metrics, ask, self._keep)
        self.gates = GateRecorder(core, archiving.keep_gates, metrics)

    def work(self) -> Iterator[tuple[Coroutine[Any, Any, None], str]]:
        """What runs for ever, each with its name."""
        yield _unending(self.archiving.run, "archive"), "archive"
        yield _unending(self.history.run, "history"), "history"
        yield _unending(self.evidence.run, "evidence"), "evidence"
        yield _unending(self.gates.run, "gates"), "gates"

    async def stop(self, within: float) -> None:
        """Keeps what is not yet kept, for at most `within` seconds."""
        await asyncio.gather(self.history.stop(within), self.evidence.finish(within))

    async def _keep(self, evidence: Evidence) -> None:
        """In a thread: a long log is looked through for secrets while others are looked at."""
        redactor = self._core.engine.policy.redactor
        await self.archiving.keep_evidence(await asyncio.to_thread(redacted, evidence, redactor))


async def _unending(run: Callable[[], Awaitable[None]], name: str) -> None:
    """A bug in what people read later is no reason to end the watch."""
    while True:
        try:
            await run()
        except Exception as error:  # noqa: BLE001 - the edge: whatever it is, nothing is decided by what is kept
            log.error("what is kept for people has met a bug, and goes on", part=name, error=outline(error))
        await asyncio.sleep(BEGIN_ANEW_AFTER)
