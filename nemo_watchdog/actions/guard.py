"""Acts on a container only as it was judged, and turns whatever comes of it into an outcome.

Every action on a container goes through here: between the judgement and the order somebody may have replaced the
container, started it anew or stopped it, and then the order is not given. Free of any client: the port raises.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from nemo_watchdog.durations import duration
from nemo_watchdog.errors import ContainersUnreachable, NotOrdered, OrderFailed, OrderUncertain
from nemo_watchdog.model import ActionOutcome, ActionRequest, ActionResult, ContainerStatus, RunState
from nemo_watchdog.ports import ActionContext, Subject


async def act_as_judged(
    context: ActionContext, request: ActionRequest, order: Callable[[str], Awaitable[None]], done: str
) -> ActionResult:
    """Orders once within `request.timeout`, if the container is still as judged; `done` says what has succeeded."""
    name, ordered = request.target.name, False
    try:
        async with asyncio.timeout(request.timeout):
            await still_as_judged(context, request)
            ordered = True
            await order(name)
    except TimeoutError:
        if not ordered:
            silent = f"Docker did not tell the container's state within {duration(request.timeout)}"
            return ActionResult(ActionOutcome.REFUSED, silent)
        late = f"Docker did not finish within {duration(request.timeout)}; it may still do so"
        return ActionResult(ActionOutcome.TIMED_OUT, late)
    except (ContainersUnreachable, NotOrdered) as error:
        return ActionResult(ActionOutcome.REFUSED, str(error))
    except OrderFailed as error:
        return ActionResult(ActionOutcome.FAILED, str(error))
    except OrderUncertain as error:
        return ActionResult(ActionOutcome.UNKNOWN, str(error))
    return ActionResult(ActionOutcome.SUCCEEDED, done)


async def still_as_judged(context: ActionContext, request: ActionRequest) -> None:
    """Raises `NotOrdered` for what is not as it was judged, `ContainersUnreachable` when nobody can tell."""
    name = request.target.name
    otherwise = not_as_judged(request.expected_run, await context.containers.inspect(name))
    # An inspect shows nobody who is stopping it: Docker's events do, and they are asked last.
    if otherwise is None:
        otherwise = context.touched(name) or None
    if otherwise is not None:
        raise NotOrdered(otherwise)


def not_as_judged(judged: ContainerStatus | None, found: ContainerStatus) -> str | None:
    """Why the order no longer holds; None when what was judged is what is there."""
    if found.state is RunState.MISSING:
        return found.detail
    if judged is None:
        return None
    if found.container_id != judged.container_id:
        return "the container was replaced since it was judged"
    if found.started_at != judged.started_at:
        return "the container was started anew since it was judged"
    if found.state is not judged.state:
        return f"the container is {found.state} and was {judged.state} when it was judged"
    if found.off_network and not judged.off_network:
        return f"the container was taken off its network {found.off_network} since it was judged"
    return None


def the_container(_options: object, subject: Subject) -> str:
    """What an action on a container acts on; its kind needs the dependency's `container`."""
    return subject.container or ""
