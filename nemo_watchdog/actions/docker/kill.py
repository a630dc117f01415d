"""`docker kill --signal` of the one container that was judged: one signal to its main process, and nothing more."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

from nemo_watchdog.actions.guard import act_as_judged, the_container
from nemo_watchdog.actions.options import ActionOptions
from nemo_watchdog.docker_signals import LAST_SIGNAL, parse_signal
from nemo_watchdog.engine.signals import FREEZING_SIGNALS
from nemo_watchdog.model import CONTAINER, ActionRequest, ActionResult, Footprint, RunState
from nemo_watchdog.policy.units import wrong
from nemo_watchdog.ports import ActionContext, ActionKind


def _signal(value: object) -> int:
    number = parse_signal(value) if isinstance(value, str | int) and not isinstance(value, bool) else None
    if number is None or not 1 <= number <= LAST_SIGNAL:
        raise wrong("expected a signal such as `HUP`, `SIGUSR1` or `TERM`")
    if number in FREEZING_SIGNALS:
        raise wrong("a signal that freezes mends nothing: choose one that the program answers, such as `HUP`")
    return number


class KillOptions(ActionOptions):
    """Send a signal to the main process of the dependency's container."""

    signal: Annotated[int, BeforeValidator(_signal), WithJsonSchema({"type": ["string", "integer"]})]
    """Which: `HUP`, `USR1`, `QUIT`, `TERM`, `KILL`, with or without `SIG`."""


class DockerKill:
    """Satisfies `ports.Action`; named `docker.kill` in a policy."""

    def __init__(self, context: ActionContext) -> None:
        self._context = context

    async def run(self, request: ActionRequest) -> ActionResult:
        options: KillOptions = request.options

        async def kill(name: str) -> None:
            await self._context.containers.kill(name, options.signal)

        return await act_as_judged(self._context, request, kill, f"Docker sent signal {options.signal}")


def footprint(options: KillOptions) -> Footprint:
    return Footprint(stops=False, starts=False, signal=options.signal)


KIND = ActionKind(
    options=KillOptions,
    make=DockerKill,
    target_kind=CONTAINER,
    target=the_container,
    needs=("container",),
    states=frozenset({RunState.RUNNING}),
    footprint=footprint,
)
