"""The same configuration in a new container, for what a restart does not cure. The old one is kept until that helped.

How is in `replacing`, and how it ends in `settling`.
"""

from __future__ import annotations

from dataclasses import replace

from nemo_watchdog.actions.docker.replacing import Replacing
from nemo_watchdog.actions.docker.settling import ReplacingOptions, Settling, stop_timeout
from nemo_watchdog.actions.guard import act_as_judged, still_as_judged, the_container
from nemo_watchdog.model import CONTAINER, ActionRequest, ActionResult
from nemo_watchdog.ports import ActionKind


class RecreateOptions(ReplacingOptions):
    """Put a new container with the same configuration in the place of the dependency's, and the old one back if not."""


class DockerRecreate(Settling):
    """Satisfies `ports.SettlingAction`; named `docker.recreate` in a policy."""

    async def run(self, request: ActionRequest) -> ActionResult:
        options: RecreateOptions = request.options
        made = ""

        async def recreate(name: str) -> None:
            nonlocal made
            made = await Replacing(self._docker, name, options.stop_timeout).replace(
                still=lambda: still_as_judged(self._context, request), network_from=options.network_from
            )

        done = "a new container has taken its place; the old one is kept until that has helped"
        result = await act_as_judged(self._context, request, recreate, done)
        return replace(result, made=made)


KIND = ActionKind(
    options=RecreateOptions,
    make=DockerRecreate,
    target_kind=CONTAINER,
    target=the_container,
    needs=("container",),
    may_take=stop_timeout,
    settles=True,
)
