"""`docker unpause` of the one container that was judged paused, when it has been for as long as the policy says."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from nemo_watchdog.actions.guard import act_as_judged, the_container
from nemo_watchdog.actions.options import ActionOptions
from nemo_watchdog.model import CONTAINER, ActionRequest, ActionResult, Footprint, RunState
from nemo_watchdog.policy.units import Duration, duration_within
from nemo_watchdog.ports import ActionContext, ActionKind

SHORTEST = 60.0
LONGEST = 7 * 86400.0
"""Seconds."""


class UnpauseOptions(ActionOptions):
    """Let the dependency's container go on, which somebody paused long ago."""

    after: Annotated[Duration, AfterValidator(duration_within(SHORTEST, LONGEST))]
    """For how long it must have been paused: whoever paused it has that time."""


class DockerUnpause:
    """Satisfies `ports.Action`; named `docker.unpause` in a policy. The engine counts the time (`engine/paused.py`)."""

    def __init__(self, context: ActionContext) -> None:
        self._context = context

    async def run(self, request: ActionRequest) -> ActionResult:
        unpause = self._context.containers.unpause
        return await act_as_judged(self._context, request, unpause, "Docker let the container go on")


def footprint(_options: UnpauseOptions) -> Footprint:
    return Footprint(stops=False, starts=False, unpauses=True)


def unpauses_after(options: UnpauseOptions) -> float:
    return options.after


KIND = ActionKind(
    options=UnpauseOptions,
    make=DockerUnpause,
    target_kind=CONTAINER,
    target=the_container,
    needs=("container",),
    states=frozenset({RunState.PAUSED}),
    destroys=False,
    footprint=footprint,
    unpauses_after=unpauses_after,
)
