"""Carries out what the engine ordered, and always answers: a lost action would hold its dependency for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import structlog

from nemo_watchdog.durations import duration
from nemo_watchdog.engine.events import ActionFinished
from nemo_watchdog.model import ActionOutcome, ActionRequest, ActionResult
from nemo_watchdog.ports import Action
from nemo_watchdog.runtime.container_watch import ContainerWatch
from nemo_watchdog.runtime.core import Core

log = structlog.get_logger("nemo_watchdog")

ANSWER_MARGIN = 5.0
"""Seconds beyond an action's own timeout after which the executor stops waiting for it."""


class Executor:
    """One task an action; what is under way at a stop is told to the engine as unknown."""

    def __init__(self, actions: Mapping[str, Action], core: Core, containers: ContainerWatch) -> None:
        self._actions = actions
        self._core = core
        self._containers = containers
        self._under_way: dict[str, ActionRequest] = {}

    async def run(self, request: ActionRequest) -> None:
        self._under_way[request.action_id] = request
        log.info(
            "action_started",
            action_id=request.action_id,
            action=request.action,
            container=request.target.name,
            incident=request.incident,
            dependency=request.dependency,
        )
        try:
            result = await self._carry_out(request)
            # What Docker says about it now comes first: the engine judges the attempt by it.
            await self._containers.look(request.target.name)
        except asyncio.CancelledError:
            self._answer(request, ActionResult(ActionOutcome.UNKNOWN, "the watchdog was stopped meanwhile"))
            raise
        self._answer(request, result)

    async def _carry_out(self, request: ActionRequest) -> ActionResult:
        action = self._actions.get(request.action)
        if action is None:
            return ActionResult(ActionOutcome.REFUSED, f"there is no action {request.action}")
        try:
            async with asyncio.timeout(request.timeout + ANSWER_MARGIN):
                return await action.run(request)
        except TimeoutError:
            return ActionResult(ActionOutcome.TIMED_OUT, f"no answer within {duration(request.timeout)}")
        except Exception as error:  # noqa: BLE001 - the edge: a bug in an action is a failed action, not a dead daemon
            log.error("action raised an exception: a bug in the action", action=request.action, error=repr(error))
            return ActionResult(ActionOutcome.UNKNOWN, f"the action raised {type(error).__name__}")

    def _answer(self, request: ActionRequest, result: ActionResult) -> None:
        if self._under_way.pop(request.action_id, None) is not None:
            self._core.tell(ActionFinished(request, result))
