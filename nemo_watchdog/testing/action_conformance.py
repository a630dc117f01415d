"""What every action owes to the runtime, as checks that an author calls in the tests of an action.

`action_conforms` is all of them; an action on a container is held to `acts_only_as_judged` too, on fake containers
whose engine refuses, breaks off, hangs or has another container by now. A check raises `Nonconforming`.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import timedelta
from time import monotonic
from typing import Any, Final

from nemo_watchdog.durations import duration
from nemo_watchdog.errors import OrderFailed, OrderUncertain
from nemo_watchdog.model import (
    CONTAINER,
    ActionOutcome,
    ActionRequest,
    ActionResult,
    ContainerStatus,
    RunState,
    Target,
)
from nemo_watchdog.plugins import check_action_name, mistake_of
from nemo_watchdog.ports import Action, ActionContext, ActionKind, SettlingAction, Subject
from nemo_watchdog.testing.conformance import (
    LONG,
    PATIENCE,
    Nonconforming,
    hides,
    nothing_stays_open,
    options_are_strict,
)
from nemo_watchdog.testing.cores import seconds_without_a_core, waits_for_a_core
from nemo_watchdog.testing.fake_recreation import PROVEN, RecreationOf
from nemo_watchdog.testing.fakes import HANG, FakeContainers, ManualClock

SUBJECT: Final = Subject("it", container="it")
"""The dependency that every check acts for; its container runs."""

SHORT: Final = 0.1
"""Seconds of `request.timeout` where the world never answers."""

MARGIN: Final = 1.0
"""Seconds that an action may take beyond it, besides what it waits for a core: the runtime waits for five."""


async def action_conforms(
    name: str,
    kind: ActionKind,
    *,
    works: Mapping[str, Any],
    fails: Iterable[Mapping[str, Any]] = (),
    hangs: Iterable[Mapping[str, Any]] = (),
    secrets: Iterable[str] = (),
) -> None:
    """Any action: `works` are options with which it succeeds, each of `fails` such that it does not.

    Each of `hangs` are options for something that never answers, where that can be had.
    """
    hidden = tuple(secrets)
    kind_is_sound(name, kind)
    for options in (works, *fails):
        target_is_named(kind, options, hidden)
        secrets_do_not_print(kind, options, hidden)
        await ends_in_time(kind, options)
        await cancels_wherever_it_is(kind, options)
    for options in hangs:
        await ends_in_time(kind, options)
    await is_a_result(kind, works, (ActionOutcome.SUCCEEDED,), hidden)
    for options in fails:
        await is_a_result(kind, options, set(ActionOutcome) - {ActionOutcome.SUCCEEDED}, hidden)
    if kind.settles:
        await settles_in_time(kind, works)
    if kind.target_kind == CONTAINER:
        await acts_only_as_judged(kind, works)
        await says_how_an_order_ended(kind, works)


# -- one by one: any action


def kind_is_sound(name: str, kind: ActionKind) -> None:
    """A name that a policy can write, strict options, a kind of target, and help with something, never with `blind`."""
    check_action_name(name)
    options_are_strict(kind)
    if mistake := mistake_of(kind):
        raise Nonconforming(f"an action {mistake}")
    if kind.target_kind == CONTAINER and "container" not in kind.needs:
        raise Nonconforming("it acts on a container and does not need the dependency's `container`")


def target_is_named(kind: ActionKind, options: Mapping[str, Any], secrets: Iterable[str] = ()) -> Target:
    """What it acts on has a name of one line, the same whenever it is asked for; and it knows how long it may take."""
    checked = kind.options.model_validate(dict(options))
    names = {kind.target(checked, SUBJECT) for _ in range(2)}
    (name, *others) = names
    if others or not isinstance(name, str) or not name or not name.isprintable():
        raise Nonconforming(f"a target has one name, of one line: {names}")
    hides(name, secrets)
    if not 0.0 <= kind.may_take(checked) < math.inf:
        raise Nonconforming(f"it may take {kind.may_take(checked)} seconds, which is no time")
    return Target(kind.target_kind, name)


def secrets_do_not_print(kind: ActionKind, options: Mapping[str, Any], secrets: Iterable[str]) -> None:
    """Neither the options nor the action shows a secret when printed."""
    checked = kind.options.model_validate(dict(options))
    action = kind.make(ActionContext(_running()))
    for text in (repr(checked), str(checked), checked.model_dump_json(fallback=repr), repr(action), str(action)):
        hides(text, secrets)


async def is_a_result(
    kind: ActionKind, options: Mapping[str, Any], outcomes: Iterable[ActionOutcome], secrets: Iterable[str] = ()
) -> ActionResult:
    """One of these outcomes on one line, never an exception, without a secret, and nothing stays open."""
    async with _leaving_nothing_open():
        result = await _run(kind, options, _fit_for(kind))
    if result.outcome not in outcomes:
        raise Nonconforming(f"with {dict(options)} it gave {result}")
    hides(repr(result), secrets)
    return result


@contextmanager
def _near(timeout: float, what: str) -> Iterator[None]:
    """The block ends near these seconds; what the machine gave to others in it is not the action's."""
    began, waits = monotonic(), waits_for_a_core()
    yield
    if monotonic() - began - seconds_without_a_core(waits) > timeout + MARGIN:
        took = monotonic() - began
        raise Nonconforming(f"a timeout of {duration(timeout)} ended {what} after {duration(took)}")


async def ends_in_time(kind: ActionKind, options: Mapping[str, Any]) -> None:
    """It ends near `request.timeout` by itself, whatever the world does; containers that hang do it for ever."""
    containers = _fit_for(kind)
    containers.hangs = True
    with _near(SHORT, "it"):
        await _run(kind, options, containers, within=SHORT)


async def cancels_wherever_it_is(kind: ActionKind, options: Mapping[str, Any], steps: int = 20) -> None:
    """Cancelled at its first await, its second, and so on, it raises CancelledError and leaves nothing open."""
    for step in range(steps):
        async with _leaving_nothing_open():
            task = asyncio.ensure_future(_run(kind, options, _fit_for(kind)))
            for _ in range(step):
                await asyncio.sleep(0)
            over = task.done()
            task.cancel()
            await asyncio.wait({task}, timeout=PATIENCE)
            if not task.done():
                raise Nonconforming(f"an action that is cancelled goes on for more than {duration(PATIENCE)}")
            if not over and not task.cancelled():
                raise Nonconforming(f"an action that is cancelled swallows that: {task}")
        if over:
            return


async def settles_in_time(kind: ActionKind, options: Mapping[str, Any]) -> None:
    """Whether it helped, did not, or nobody knows: what is left of it ends as a result, near `request.timeout`."""
    for helped in (True, False, None):
        for hangs in (False, True):
            containers = _running()
            containers.hangs = hangs
            action, request = _ordered(kind, options, containers, containers.statuses[CONTAINER_NAME], SHORT, "")
            if not isinstance(action, SettlingAction):
                raise Nonconforming("it `settles`, and what it makes has no `settle`")
            with _near(SHORT, "its settling"):
                async with _leaving_nothing_open(), asyncio.timeout(PATIENCE):
                    result = _is_result(await action.settle(request, helped))
            if hangs and result.outcome is ActionOutcome.SUCCEEDED:
                raise Nonconforming(f"nobody answered, and it is settled: {result}")


# -- one by one: actions on containers


async def acts_only_as_judged(kind: ActionKind, options: Mapping[str, Any]) -> None:
    """Another container, another run or state of it, none, an engine that cannot tell, a person: not ordered."""
    judged = _fit_for(kind).statuses[CONTAINER_NAME]
    another = RunState.RUNNING if judged.state is RunState.EXITED else RunState.EXITED
    changes: Mapping[str, Callable[[FakeContainers], None]] = {
        "another container": lambda world: _becomes(world, container_id="another"),
        "another run": lambda world: _becomes(world, started_at=(judged.started_at or EPOCH) + timedelta(seconds=1)),
        "another state": lambda world: _becomes(world, state=another),
        "no container": lambda world: world.statuses.clear(),
        "an engine that does not answer": lambda world: setattr(world, "trouble", "no answer"),
    }
    for what, change in changes.items():
        containers = _fit_for(kind)
        change(containers)
        result = await _run(kind, options, containers, judged=judged)
        if result.outcome is not ActionOutcome.REFUSED or containers.orders:
            raise Nonconforming(f"{what} than was judged: {result}, ordered {containers.orders}")
    containers = _fit_for(kind)
    result = await _run(kind, options, containers, judged=judged, touched="somebody is stopping it")
    if result.outcome is not ActionOutcome.REFUSED or containers.orders:
        raise Nonconforming(f"somebody is stopping what was judged: {result}, ordered {containers.orders}")


async def says_how_an_order_ended(kind: ActionKind, options: Mapping[str, Any]) -> None:
    """The engine said no, may have heard it, or never ends: `failed`, `unknown`, `timed_out`."""
    for end, outcome in (
        (OrderFailed("no"), ActionOutcome.FAILED),
        (OrderUncertain("lost"), ActionOutcome.UNKNOWN),
        (HANG, ActionOutcome.TIMED_OUT),
    ):
        containers = _fit_for(kind)
        containers.order_ends = end
        result = await _run(kind, options, containers, within=SHORT)
        if result.outcome is not outcome:
            raise Nonconforming(f"an order that ended with {end!r} gave {result}")


# -- what they are made of

CONTAINER_NAME: Final = SUBJECT.container or ""
EPOCH: Final = ManualClock().now().utc


def _running() -> FakeContainers:
    return FakeContainers(ManualClock(), [CONTAINER_NAME])


def _fit_for(kind: ActionKind) -> FakeContainers:
    """Its container is in a state in which the action can do something."""
    world = _running()
    if kind.states and RunState.RUNNING not in kind.states:
        state = RunState.EXITED if RunState.EXITED in kind.states else min(kind.states)
        _becomes(world, state=state)
    return world


def _becomes(world: FakeContainers, **changes: Any) -> None:
    world.statuses[CONTAINER_NAME] = replace(world.statuses[CONTAINER_NAME], **changes)


async def _run(
    kind: ActionKind,
    options: Mapping[str, Any],
    containers: FakeContainers,
    *,
    judged: ContainerStatus | None = None,
    within: float = LONG,
    touched: str = "",
) -> ActionResult:
    """The action as the program makes it and orders it. An exception of it comes out as it is."""
    action, request = _ordered(kind, options, containers, judged, within, touched)
    async with asyncio.timeout(PATIENCE):
        return _is_result(await action.run(request))


def _ordered(
    kind: ActionKind,
    options: Mapping[str, Any],
    containers: FakeContainers,
    judged: ContainerStatus | None,
    within: float,
    touched: str,
) -> tuple[Action, ActionRequest]:
    checked = kind.options.model_validate(dict(options))
    target = Target(kind.target_kind, kind.target(checked, SUBJECT))
    request = ActionRequest("i/it/1", "i", SUBJECT.dependency, "it", target, checked, judged, within, image=PROVEN)
    return kind.make(ActionContext(containers, lambda _: touched, recreation=RecreationOf(containers))), request


def _is_result(result: object) -> ActionResult:
    if not isinstance(result, ActionResult):
        raise Nonconforming(f"an action must give an ActionResult, not {result!r}")
    if "\n" in result.detail:
        raise Nonconforming(f"the detail of a result is one line: {result.detail!r}")
    return result


@asynccontextmanager
async def _leaving_nothing_open() -> AsyncIterator[None]:
    """As `nothing_stays_open`; a thread that was left alone has a moment to end."""
    watch = nothing_stays_open()
    watch.__enter__()
    yield
    give_up = monotonic() + MARGIN
    while True:
        try:
            watch.__exit__(None)
        except Nonconforming:
            if monotonic() > give_up:
                raise
            await asyncio.sleep(0.01)
        else:
            return
