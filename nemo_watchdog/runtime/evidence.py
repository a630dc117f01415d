"""What a restart would destroy is asked for before the restart, and nothing that hangs holds it up beyond a bound.

It is taken before the first action on a dependency in an incident, and at the opening of an incident that gets none.
Each question has its own deadline, all of them together the policy's `limits.evidence_within`. What came in time is on
the disk when the action begins, unless the disk hangs; what did not is named, with the reason. What an action does not
destroy is asked for at the same time, no action waits for it, and the whole then takes the place of the first part.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from datetime import datetime

import structlog

from nemo_watchdog import records as r
from nemo_watchdog.durations import duration
from nemo_watchdog.engine.events import Effects
from nemo_watchdog.errors import ArchiveError, NemoWatchdogError, outline
from nemo_watchdog.evidence import Asked, Evidence, Missing, Part, Questions
from nemo_watchdog.metrics import Metrics
from nemo_watchdog.model import ActionRequest, Moment
from nemo_watchdog.runtime.core import Core

log = structlog.get_logger("nemo_watchdog")

ANSWER_WITHIN = 2.0
"""Seconds for one question: what hangs now has been hanging for as long as it took to be called down."""

OPENINGS_WAIT = 100
"""Incidents whose evidence waits for its turn; what opens beyond that gets none, and the log says so."""

KEPT_FOR_LATER = 8
"""How much evidence waits in memory for a disk that takes nothing."""

KEEP_AGAIN_AFTER = 30.0
"""Seconds between tries to keep what could not be kept."""

NOT_YET = "had not answered when the action began"
"""Why a part is missing that no action waits for, until it has come."""

OUTPUT = "output.txt"
"""The part that an action wrote."""

_Tasks = dict[asyncio.Future[str], str]
"""What is asked, and the names of the parts that answer."""

_NO_NAME = re.compile(r"[^A-Za-z0-9._-]")


class EvidenceTaker:
    """`ask` gives the questions about a dependency; `keep` redacts and stores, and raises `ArchiveError`."""

    def __init__(
        self,
        core: Core,
        metrics: Metrics,
        ask: Callable[[str], Asked],
        keep: Callable[[Evidence], Awaitable[None]],
    ) -> None:
        self._core = core
        self._metrics = metrics
        self._ask = ask
        self._keep = keep
        self._openings: deque[tuple[str, str]] = deque()
        self._acted_in: dict[str, set[str]] = {}
        """By open incident, the dependencies of which evidence was taken for an action."""
        self._in_a_hurry: set[str] = set()
        """Dependencies for which a person has asked for the next action."""
        self._taken: deque[Evidence] = deque()
        self._work = asyncio.Event()
        self._beside: set[asyncio.Task[None]] = set()
        """What is still taken while the action is under way."""
        self._left_behind: set[asyncio.Future[str]] = set()
        """Questions that did not end when they were cancelled."""
        core.after_step.append(self.after_step)

    def after_step(self, effects: Effects, _: Moment) -> None:
        """Hears what the engine has decided: which incidents have opened, and which actions a person asked for."""
        acting = {request.incident for request in effects.actions if request.destroys}
        for record in effects.records:
            match record:
                case r.IncidentOpened() | r.IncidentReopened():
                    self._acted_in.pop(record.incident, None)
                    name = record.root if isinstance(record, r.IncidentOpened) else record.dependency
                    if record.incident not in acting:
                        self._queue_opening(record.incident, name)
                case r.IncidentResolved() | r.IncidentMerged():
                    self._acted_in.pop(record.incident, None)
                case r.LadderRearmed(anew=True):
                    self._in_a_hurry.add(record.dependency)
                case _:
                    continue

    async def before(self, request: ActionRequest) -> bool:
        """Returns when the action may begin; whether it had to wait."""
        if not request.destroys:
            return False
        asked = self._acted_in.setdefault(request.incident, set())
        hurry = bool(request.by) or request.dependency in self._in_a_hurry
        self._in_a_hurry.discard(request.dependency)
        if request.dependency in asked:
            return False
        asked.add(request.dependency)
        with suppress(ValueError):
            self._openings.remove((request.incident, request.dependency))
        if hurry:
            self._queue_opening(request.incident, request.dependency)
            return False
        done_to = (request.dependency, *(each.dependency for each in request.along))
        await asyncio.gather(*(self._take_first(request, each) for each in done_to))
        return True

    def after(self, request: ActionRequest, output: str) -> None:
        """Keeps what an action wrote, beside what was taken before it."""
        if self._core.engine.policy.limits.evidence_within <= 0.0:
            return
        now, occasion = self._core.clock.now(), f"output of {request.action}"
        part = Part(OUTPUT, output)
        self._taken.append(evidence_of(request.incident, request.dependency, now.utc, 0.0, occasion, [part], []))
        self._work.set()

    async def run(self) -> None:
        """Takes what opened, one after the other, and keeps what was taken."""
        while True:
            while self._openings:
                incident, dependency = self._openings.popleft()
                await self._take(incident, dependency, "opening")
            self._work.clear()
            if self._taken and not await self._keep_all():
                with suppress(TimeoutError):
                    async with asyncio.timeout(KEEP_AGAIN_AFTER):
                        await self._work.wait()
            elif not self._openings and not self._taken:
                await self._work.wait()

    async def finish(self, within: float) -> None:
        """At the daemon's end: keeps what was taken, for at most `within` seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                await asyncio.gather(*self._beside, return_exceptions=True)
                await self._keep_all()

    def _queue_opening(self, incident: str, dependency: str) -> None:
        if len(self._openings) >= OPENINGS_WAIT:
            self._count("skipped")
            log.warning("evidence not taken: too much opens at once", incident=incident, dependency=dependency)
            return
        self._openings.append((incident, dependency))
        self._work.set()

    async def _take_first(self, request: ActionRequest, dependency: str) -> None:
        """Until all is there that the action destroys; the rest is taken beside it."""
        may_act = asyncio.Event()
        taking = asyncio.create_task(self._take(request.incident, dependency, f"before {request.action}", may_act))
        self._beside.add(taking)
        taking.add_done_callback(self._beside.discard)
        taking.add_done_callback(lambda _: may_act.set())
        try:
            await may_act.wait()
        except asyncio.CancelledError:
            taking.cancel()
            raise

    async def _take(self, incident: str, dependency: str, occasion: str, may_act: asyncio.Event | None = None) -> None:
        within = self._core.engine.policy.limits.evidence_within
        if within <= 0.0:
            return
        began = self._core.clock.now()
        try:
            asked = self._ask(dependency)
        except Exception as error:  # noqa: BLE001 - the edge: a bug in what is asked must not keep an action from its turn
            self._count("lost")
            log.error("evidence not taken: a bug", dependency=dependency, error=outline(error))
            return

        def had(tasks: _Tasks, *, late: Sequence[Missing] = ()) -> Evidence:
            took = round(self._core.clock.now().monotonic - began.monotonic, 3)
            parts, missing = _answers(tasks, f"no answer within {duration(min(ANSWER_WITHIN, within))}")
            return evidence_of(incident, dependency, began.utc, took, occasion, parts, [*missing, *late])

        first, beside = _begun(asked.first), _begun(asked.beside)
        loop = asyncio.get_running_loop()
        ends, deadline = loop.time() + within, loop.time() + min(ANSWER_WITHIN, within)
        try:
            await _all_of(first, deadline)
            if may_act is not None:
                late = [Missing(name, NOT_YET) for name in beside.values()]
                await self._keep_at_once(had(first, late=late), min(ANSWER_WITHIN, ends - loop.time()))
                may_act.set()
            await _all_of(first | beside, deadline)
        finally:
            for task in first | beside:
                if not task.done():
                    self._let_go(task)
        taken = had(first | beside)
        self._metrics.evidence_seconds.observe(taken.seconds)
        self._count("partial" if taken.missing else "whole")
        self._taken.append(taken)
        log.info(
            "evidence_taken",
            incident=incident,
            dependency=dependency,
            occasion=occasion,
            seconds=taken.seconds,
            parts=len(taken.parts),
            missing=[each.name for each in taken.missing],
        )
        self._work.set()

    async def _keep_at_once(self, evidence: Evidence, within: float) -> None:
        """What is not kept in that time is kept later, with the rest of it."""
        with suppress(Exception):  # the edge: also a bug; the next try tells of either
            async with asyncio.timeout(within):
                await self._keep(evidence)

    def _let_go(self, task: asyncio.Future[str]) -> None:
        """Nobody waits for one that does not end when it is cancelled."""
        self._left_behind.add(task)
        task.add_done_callback(self._forget)
        task.cancel()

    def _forget(self, task: asyncio.Future[str]) -> None:
        self._left_behind.discard(task)
        if not task.cancelled():
            task.exception()  # nobody else asks for it

    async def _keep_all(self) -> bool:
        """Whether all that was taken is kept."""
        while self._taken:
            evidence = self._taken[0]
            try:
                await self._keep(evidence)
            except ArchiveError as error:
                if len(self._taken) > KEPT_FOR_LATER:
                    self._taken.popleft()
                    self._count("lost")
                    log.error("evidence lost", incident=evidence.incident, error=str(error))
                return False
            except Exception as error:  # noqa: BLE001 - the edge: what cannot be made fit to be kept is lost alone
                self._count("lost")
                log.error("evidence lost: a bug", incident=evidence.incident, error=outline(error))
            self._taken.popleft()
        return True

    def _count(self, outcome: str) -> None:
        self._metrics.evidence.labels(outcome).inc()


def evidence_of(
    incident: str,
    dependency: str,
    at: datetime,
    seconds: float,
    occasion: str,
    parts: Sequence[Part],
    missing: Sequence[Missing],
) -> Evidence:
    """With names that a file may have: those that a question gives itself, behind the dependency's."""
    prefix = _NO_NAME.sub("_", dependency)
    return Evidence(
        incident,
        dependency,
        at,
        seconds,
        occasion,
        tuple(Part(f"{prefix}.{part.name}", part.text, part.cut) for part in parts),
        tuple(Missing(f"{prefix}.{each.name}", each.why) for each in missing),
    )


def _begun(questions: Questions) -> _Tasks:
    return {asyncio.ensure_future(_answered(ask)): name for name, ask in questions.items()}


def _answers(tasks: _Tasks, too_late: str) -> tuple[list[Part], list[Missing]]:
    parts, missing = list[Part](), list[Missing]()
    for task, name in tasks.items():
        if not task.done() or task.cancelled():
            missing.append(Missing(name, too_late))
        elif (error := task.exception()) is not None:
            missing.append(Missing(name, _why(error)))
        else:
            parts.append(Part(name, task.result()))
    return parts, missing


async def _all_of(tasks: Collection[asyncio.Future[str]], deadline: float) -> None:
    """Until each is done, or to the deadline on the loop's clock."""
    if tasks:
        await asyncio.wait(tasks, timeout=max(0.0, deadline - asyncio.get_running_loop().time()))


async def _answered(ask: Callable[[], Awaitable[str]]) -> str:
    answer = await ask()
    if not isinstance(answer, str):  # a plugin may not have been checked
        raise TypeError
    return answer


def _why(error: BaseException) -> str:
    """In our own words, or as what kind of exception: the text of another one could hold a secret."""
    return str(error) if isinstance(error, NemoWatchdogError) else f"the question raised {type(error).__name__}"
