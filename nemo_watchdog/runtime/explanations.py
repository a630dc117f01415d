"""Answers why: for now from the engine, for a time that is past from what was written down."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

import structlog

from nemo_watchdog.engine.explaining import explain_now
from nemo_watchdog.engine.explaining_past import explanation_at
from nemo_watchdog.errors import ArchiveError, JournalError, in_one_line
from nemo_watchdog.incident_views import ExplanationView, LookRunView
from nemo_watchdog.model import Moment
from nemo_watchdog.one_thread import StillBusy
from nemo_watchdog.runtime.core import Core
from nemo_watchdog.stores import LookRun

log = structlog.get_logger("nemo_watchdog")

LOOKS_SHOWN = 5
LOOKS_WITHIN = timedelta(hours=1)
"""Before the time that is asked about."""

ANSWERED_WITHIN = 5.0
"""Seconds for the disk."""

WRITTEN_WITHIN = 1.0
"""Seconds for what was just decided to be on disk."""


class About(Protocol):
    """See `journal.about`."""

    @property
    def records(self) -> Sequence[tuple[Moment, Mapping[str, Any]]]: ...
    @property
    def begins(self) -> datetime | None: ...
    @property
    def known(self) -> bool: ...


ReadAbout = Callable[[str, datetime], Awaitable[About]]
"""What the journal has about a dependency up to a time; raises `JournalError` and `StillBusy`."""
ReadGates = Callable[[str, datetime], Awaitable[tuple[datetime, str] | None]]
"""`Archive.gates`."""
ReadLooks = Callable[[str, datetime, datetime], Awaitable[Sequence[LookRun]]]
"""`Archive.looks`."""


class CannotAnswer(Exception):
    """What was written down cannot be read now; the text says why."""


async def no_gates(*_: object) -> None:
    """Nobody keeps any."""


async def no_looks(*_: object) -> Sequence[LookRun]:
    """Nobody keeps any."""
    return ()


@dataclass(frozen=True, slots=True)
class Explanations:
    core: Core
    about: ReadAbout
    gates: ReadGates = no_gates
    looks: ReadLooks = no_looks

    async def now(self, name: str) -> ExplanationView:
        """Raises `KeyError` for what the policy does not name."""
        if name not in self.core.engine.trackers:
            raise KeyError(name)
        looks = await self._looks(name, self.core.clock.now().utc)
        return explain_now(self.core.engine, name, self.core.clock.now(), looks)

    async def at(self, name: str, at: datetime) -> ExplanationView:
        """At a time that is past (aware). Raises `KeyError` for what nobody ever named, and `CannotAnswer`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(WRITTEN_WITHIN):
                await self.core.written()
        try:
            async with asyncio.timeout(ANSWERED_WITHIN):
                about = await self.about(name, at)
        except TimeoutError:
            raise CannotAnswer(f"the disk of the journal has not answered for {ANSWERED_WITHIN:g} s") from None
        except StillBusy:
            raise CannotAnswer("another question about the past is still being answered: ask again") from None
        except JournalError as error:
            raise CannotAnswer(str(error)) from error
        if not about.known and name not in self.core.engine.trackers:
            raise KeyError(name)
        begins = about.begins
        if begins is not None:  # of what is older, only some is left
            begins = max(
                begins, self.core.clock.now().utc - timedelta(seconds=self.core.engine.policy.retention.records)
            )
        gates = await self._kept(self.gates(name, at), None)
        view = explanation_at(name, about.records, gates, await self._looks(name, at), at, begins)
        if trouble := self.core.engine.journal_trouble:
            said = f"The journal takes no writes now, so what has happened since is not in this answer: {trouble}."
            return replace(view, said=(*view.said, said))
        return view

    async def _looks(self, name: str, until: datetime) -> tuple[LookRunView, ...]:
        """The last ones, newest first."""
        runs = await self._kept(self.looks(name, until - LOOKS_WITHIN, until), ())
        return tuple(_run(each) for each in reversed(runs[-LOOKS_SHOWN:]))

    async def _kept(self, asked: Awaitable[Any], otherwise: Any) -> Any:
        """The answer is whole without it: nothing was decided by it."""
        try:
            async with asyncio.timeout(ANSWERED_WITHIN):
                return await asked
        except (ArchiveError, StillBusy, TimeoutError) as error:
            log.warning("an explanation without what is in the archive", error=in_one_line(str(error)) or "no answer")
            return otherwise


def _run(run: LookRun) -> LookRunView:
    mean = run.latency_sum / run.looks if run.looks else 0.0
    first, last = run.first.isoformat(), run.last.isoformat()
    return LookRunView(run.outcome, run.reason, first, last, run.looks, mean, run.latency_max)
