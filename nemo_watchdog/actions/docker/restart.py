"""`docker restart` of the one container that was judged. What Docker answered is the result; nothing here verifies."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from nemo_watchdog.actions.along import AlongAfter
from nemo_watchdog.actions.guard import act_as_judged, the_container
from nemo_watchdog.actions.options import ActionOptions
from nemo_watchdog.model import CONTAINER, ActionRequest, ActionResult
from nemo_watchdog.policy.units import Duration, duration_within
from nemo_watchdog.ports import ActionContext, ActionKind

LONGEST_STOP = 3600.0
"""Seconds."""


class RestartOptions(ActionOptions):
    """Restart the dependency's container, then look whether that helped."""

    stop_timeout: Annotated[Duration, AfterValidator(duration_within(0.0, LONGEST_STOP))] = 10.0
    """How long the container may take to stop before Docker kills it."""


class DockerRestart:
    """Satisfies `ports.Action`; named `docker.restart` in a policy."""

    def __init__(self, context: ActionContext) -> None:
        self._context = context

    async def run(self, request: ActionRequest) -> ActionResult:
        options: RestartOptions = request.options

        async def restart(name: str) -> None:
            await self._context.containers.restart(name, options.stop_timeout)

        done = "Docker restarted the container"
        if not request.along:
            return await act_as_judged(self._context, request, restart, done)
        return await AlongAfter(self._context, request).act(restart, done)


def stop_timeout(options: RestartOptions) -> float:
    return options.stop_timeout


KIND = ActionKind(
    options=RestartOptions,
    make=DockerRestart,
    target_kind=CONTAINER,
    target=the_container,
    needs=("container",),
    may_take=stop_timeout,
    takes_along=True,
)
