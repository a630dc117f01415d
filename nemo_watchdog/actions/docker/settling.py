"""What is left behind by an action that puts one container in the place of another is ended once its verdict is known.

The old one goes when that helped, and has its place again otherwise: how is in `replacing`.
"""

from __future__ import annotations

import asyncio
from typing import Annotated

from pydantic import AfterValidator, Field

from nemo_watchdog.actions.docker.replacing import Replacing
from nemo_watchdog.actions.docker.restart import LONGEST_STOP
from nemo_watchdog.actions.options import ActionOptions
from nemo_watchdog.durations import duration
from nemo_watchdog.errors import ContainersUnreachable, NotOrdered, OrderFailed, OrderUncertain
from nemo_watchdog.model import ActionOutcome, ActionRequest, ActionResult
from nemo_watchdog.policy.units import Duration, duration_within
from nemo_watchdog.ports import ActionContext
from nemo_watchdog.recreation import Recreation, name_of_new, name_of_old


class ReplacingOptions(ActionOptions):
    """Put another container in the place of the dependency's."""

    stop_timeout: Annotated[Duration, AfterValidator(duration_within(0.0, LONGEST_STOP))] = 10.0
    """How long the container may take to stop before Docker kills it."""
    network_from: Annotated[str, Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_.-]*$")] | None = None
    """The container whose network it uses (`network_mode: container:NAME`), by name, as another may have that by now.
    """


class Settling:
    """The half of a `ports.SettlingAction` that all of them share."""

    def __init__(self, context: ActionContext) -> None:
        self._context = context

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


def _options(request: ActionRequest) -> ReplacingOptions:
    """What settles may come when the policy has no such step any more."""
    return request.options if isinstance(request.options, ReplacingOptions) else ReplacingOptions()


def _left_over(name: str) -> str:
    """For whoever must end it by hand."""
    seen = f"`docker ps -a --filter name={name}` shows what is there"
    old, new = name_of_old(name), name_of_new(name)
    back = f"to go back to it: `docker rm -f {name} {new}; docker rename {old} {name}; docker start {name}`"
    return f"{seen}; only where {old} is among it, {back}; or to keep the new one: `docker rm {old}`"


def stop_timeout(options: ReplacingOptions) -> float:
    return options.stop_timeout
