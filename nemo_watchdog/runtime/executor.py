"""Carries out what the engine ordered, and always answers: a lost action would hold its dependency for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import structlog

from nemo_watchdog.durations import duration
from nemo_watchdog.engine.events import ActionFinished
from nemo_watchdog.model import CONTAINER, ActionOutcome, ActionRequest, ActionResult
from nemo_watchdog.ports import Action, SettlingAction
from nemo_watchdog.runtime.container_watch import ContainerWatch
from nemo_watchdog.runtime.core import Core

log = structlog.get_logger("nemo_watchdog")

ANSWER_MARGIN = 5.0
"""Seconds beyond an action's own timeout after which the executor stops waiting for it."""


async def _at_once(_: ActionRequest) -> bool:
    return False


def _unkept(_: ActionRequest, _output: str) -> None:
    """Where nothing is kept."""


class Executor:
    """One task an action; what is under way at a stop is told to the engine as unknown.

    `make` gives the action of a name when it is ordered, None where there is none. `before` returns when the action
    may begin, and whether that took time. `after` is given what the action wrote.
    """

    def __init__(
        self,
        make: Callable[[str], Action | None],
        core: Core,
        containers: ContainerWatch,
        before: Callable[[ActionRequest], Awaitable[bool]] = _at_once,
        after: Callable[[ActionRequest, str], None] = _unkept,
    ) -> None:
        self._make = make
        self._before = before
        self._after = after
        self._core = core
        self._containers = containers
        self._under_way: dict[str, ActionRequest] = {}

    async def run(self, request: ActionRequest) -> None:
        self._under_way[request.action_id] = request
        ordered = self._core.clock.now().monotonic
        of_container = request.target.kind == CONTAINER
        log.info(
            "action_started",
            action_id=request.action_id,
            action=request.action,
            incident=request.incident,
            dependency=request.dependency,
            **({"container": request.target.name} if of_container else {"target": str(request.target)}),
        )
        try:
            waited = await self._before(request)
            if waited and self._core.answers_since(request.dependency, ordered):
                result = ActionResult(ActionOutcome.REFUSED, "it answers again, as was seen while evidence was taken")
            else:
                result = await self._carry_out(request)
            own = request.target.name if of_container else request.container
            for name in filter(None, (own, *(each.container for each in request.along))):
                # What Docker says about it now comes first: the engine judges the attempt by it.
                await self._containers.look(name)
        except asyncio.CancelledError:
            self._answer(request, ActionResult(ActionOutcome.UNKNOWN, "the watchdog was stopped meanwhile"))
            raise
        self._answer(request, result)

    async def _carry_out(self, request: ActionRequest) -> ActionResult:
        try:
            action = self._make(request.action)
            if action is None:
                return ActionResult(ActionOutcome.REFUSED, f"there is no action {request.action}")
            async with asyncio.timeout(request.timeout + ANSWER_MARGIN):
                result = await _do(action, request)
        except TimeoutError:
            return ActionResult(ActionOutcome.TIMED_OUT, f"no answer within {duration(request.timeout)}")
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            return _bug(request, error)  # something that the action awaited was cancelled, and not the action
        except Exception as error:  # noqa: BLE001 - the edge: a bug in an action is a failed action, not a dead daemon
            return _bug(request, error)
        if isinstance(result, ActionResult):
            return result
        return _bug(request, TypeError())  # type: ignore[unreachable]  # a plugin may not have been checked

    def _answer(self, request: ActionRequest, result: ActionResult) -> None:
        if self._under_way.pop(request.action_id, None) is None:
            return
        if result.output:
            self._after(request, result.output)
            result = replace(result, output="")  # it is kept, and is none of the engine's business
        self._core.tell(ActionFinished(request, result))


async def _do(action: Action, request: ActionRequest) -> ActionResult:
    if not request.settles:
        return await action.run(request)
    if isinstance(action, SettlingAction):
        return await action.settle(request, request.helped)
    return ActionResult(ActionOutcome.REFUSED, f"{request.action} has no way to end what it has left")


def _bug(request: ActionRequest, error: BaseException) -> ActionResult:
    kind = type(error).__name__
    log.error("action raised an exception: a bug in the action", action=request.action, error=kind)
    return ActionResult(ActionOutcome.UNKNOWN, f"the action raised {kind}")
