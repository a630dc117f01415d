"""The same configuration in a new container, for what a restart does not cure. The old one is kept until that helped.

What it leaves behind is ended by `settle`, once it is known whether it helped. How is in `replacing`.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Annotated

from pydantic import AfterValidator, Field

from nemo_watchdog.actions.docker.replacing import Replacing
from nemo_watchdog.actions.docker.restart import LONGEST_STOP
from nemo_watchdog.actions.guard import act_as_judged, still_as_judged, the_container
from nemo_watchdog.actions.options import ActionOptions
from nemo_watchdog.durations import duration
from nemo_watchdog.errors import ContainersUnreachable, NotOrdered, OrderFailed, OrderUncertain
from nemo_watchdog.model import CONTAINER, ActionOutcome, ActionRequest, ActionResult
from nemo_watchdog.policy.units import Duration, duration_within
from nemo_watchdog.ports import ActionContext, ActionKind
from nemo_watchdog.recreation import Recreation, name_of_new, name_of_old


class RecreateOptions(ActionOptions):
    """Put a new container with the same configuration in the place of the dependency's, and the old one back if not."""

    stop_timeout: Annotated[Duration, AfterValidator(duration_within(0.0, LONGEST_STOP))] = 10.0
    """How long the container may take to stop before Docker kills it."""
    network_from: Annotated[str, Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_.-]*$")] | None = None
    """The container whose network it uses (`network_mode: container:NAME`), by name, as another may have that by now.
    """


class DockerRecreate:
    """Satisfies `ports.SettlingAction`; named `docker.recreate` in a policy."""

    def __init__(self, context: ActionContext) -> None:
        self._context = context

    async def run(self, request: ActionRequest) -> ActionResult:
        options, made = _options(request), ""

        async def recreate(name: str) -> None:
            nonlocal made
            made = await Replacing(self._docker, name, options.stop_timeout).replace(
                still=lambda: still_as_judged(self._context, request), network_from=options.network_from
            )

        done = "a new container has taken its place; the old one is kept until that has helped"
        result = await act_as_judged(self._context, request, recreate, done)
        return replace(result, made=made)

    async def settle(self, request: ActionRequest, helped: bool | None) -> ActionResult:  # noqa: FBT001 - as the port has it
        name, old = request.target.name, request.expected_run.container_id if request.expected_run else ""
        if not old:
            return ActionResult(ActionOutcome.REFUSED, "nobody knows which container was the old one")
        try:
            replacing = Replacing(self._docker, name, _options(request).stop_timeout)
            end = replacing.finish if helped else replacing.put_back
            async with asyncio.timeout(request.timeout):
                return ActionResult(ActionOutcome.SUCCEEDED, await end(old, request.made))
        except TimeoutError:
            late = f"Docker did not finish within {duration(request.timeout)}"
            return ActionResult(ActionOutcome.TIMED_OUT, f"{late}; {_left_over(name)}")
        except (ContainersUnreachable, NotOrdered) as error:
            return ActionResult(ActionOutcome.REFUSED, f"{error}; {_left_over(name)}")
        except OrderFailed as error:
            return ActionResult(ActionOutcome.FAILED, f"{error}; {_left_over(name)}")
        except OrderUncertain as error:
            return ActionResult(ActionOutcome.UNKNOWN, f"{error}; {_left_over(name)}")

    @property
    def _docker(self) -> Recreation:
        if self._context.recreation is None:
            raise NotOrdered("nobody here can make a container anew")
        return self._context.recreation


def _options(request: ActionRequest) -> RecreateOptions:
    """What settles may come when the policy has no such step any more."""
    return request.options if isinstance(request.options, RecreateOptions) else RecreateOptions()


def _left_over(name: str) -> str:
    """For whoever must end it by hand."""
    seen = f"`docker ps -a --filter name={name}` shows what is there"
    old, new = name_of_old(name), name_of_new(name)
    back = f"to go back to it: `docker rm -f {name} {new}; docker rename {old} {name}; docker start {name}`"
    return f"{seen}; only where {old} is among it, {back}; or to keep the new one: `docker rm {old}`"


def stop_timeout(options: RecreateOptions) -> float:
    return options.stop_timeout


KIND = ActionKind(
    options=RecreateOptions,
    make=DockerRecreate,
    target_kind=CONTAINER,
    target=the_container,
    needs=("container",),
    may_take=stop_timeout,
    settles=True,
)
