"""`docker start` of the one container that was judged not to run. What Docker answered is the result."""

from __future__ import annotations

from nemo_watchdog.actions.guard import act_as_judged, the_container
from nemo_watchdog.actions.options import ActionOptions
from nemo_watchdog.model import CONTAINER, ActionRequest, ActionResult, Footprint, RunState
from nemo_watchdog.ports import ActionContext, ActionKind


class StartOptions(ActionOptions):
    """Start the dependency's container, which has ended; what runs is left as it is."""


class DockerStart:
    """Satisfies `ports.Action`; named `docker.start` in a policy."""

    def __init__(self, context: ActionContext) -> None:
        self._context = context

    async def run(self, request: ActionRequest) -> ActionResult:
        start = self._context.containers.start
        return await act_as_judged(self._context, request, start, "Docker started the container")


def footprint(_options: StartOptions) -> Footprint:
    return Footprint(stops=False)


KIND = ActionKind(
    options=StartOptions,
    make=DockerStart,
    target_kind=CONTAINER,
    target=the_container,
    needs=("container",),
    states=frozenset({RunState.EXITED, RunState.CREATED}),
    destroys=False,
    footprint=footprint,
)
