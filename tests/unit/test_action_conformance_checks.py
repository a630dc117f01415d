"""The published checks of actions find what they look for: an action for each mistake, planted."""

from __future__ import annotations

import asyncio
import os
import secrets
from dataclasses import replace
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel

from nemo_watchdog.actions.docker.restart import KIND as RESTART
from nemo_watchdog.actions.guard import the_container
from nemo_watchdog.actions.options import ActionOptions
from nemo_watchdog.errors import ContainersUnreachable, OrderFailed, OrderUncertain
from nemo_watchdog.model import CONTAINER, ActionOutcome, ActionRequest, ActionResult, Category
from nemo_watchdog.ports import ActionContext, ActionKind
from nemo_watchdog.testing.action_conformance import action_conforms
from nemo_watchdog.testing.conformance import Nonconforming

SECRET = "hunter2"


class Options(ActionOptions):
    works: bool = True


class Good:
    """Takes a moment and says how it went."""

    def __init__(self, context: ActionContext) -> None:
        self.context, self.containers = context, context.containers

    async def run(self, request: ActionRequest) -> ActionResult:
        await asyncio.sleep(0)
        return ActionResult(ActionOutcome.SUCCEEDED if request.options.works else ActionOutcome.FAILED)


class Raises(Good):
    async def run(self, request: ActionRequest) -> ActionResult:
        if not request.options.works:
            raise KeyError("x")
        return await super().run(request)


class SaysNothing(Good):
    async def run(self, request: ActionRequest) -> ActionResult:
        return None  # type: ignore[return-value]


class TellsSecret(Good):
    async def run(self, request: ActionRequest) -> ActionResult:
        return ActionResult(ActionOutcome.SUCCEEDED, f"with {SECRET}")


class TwoLines(Good):
    async def run(self, request: ActionRequest) -> ActionResult:
        return ActionResult(ActionOutcome.SUCCEEDED, "first\nsecond")


class AlwaysWorks(Good):
    async def run(self, request: ActionRequest) -> ActionResult:
        return ActionResult(ActionOutcome.SUCCEEDED)


class Leaks(Good):
    left: ClassVar[list[int]] = []

    async def run(self, request: ActionRequest) -> ActionResult:
        self.left.append(os.open("/dev/null", os.O_RDONLY))
        return await super().run(request)


class SwallowsCancellation(Good):
    async def run(self, request: ActionRequest) -> ActionResult:
        try:
            return await super().run(request)
        except asyncio.CancelledError:
            return ActionResult(ActionOutcome.UNKNOWN, "gave up")


class TakesItsTime(Good):
    async def run(self, request: ActionRequest) -> ActionResult:
        await asyncio.sleep(request.timeout + 1.5 if request.timeout < 1.0 else 0)
        return await super().run(request)


class Prints(Good):
    def __repr__(self) -> str:
        return f"Prints({SECRET})"


class Loose(BaseModel):
    works: bool = True


class Thawed(ActionOptions, frozen=False):
    """These can change."""


KIND = ActionKind(options=Options, make=Good, target_kind="file", target=lambda options, subject: "/srv/flag")


async def conforms(kind: ActionKind, name: str = "file.act") -> None:
    await action_conforms(name, kind, works={"works": True}, fails=[{"works": False}], secrets=[SECRET])


async def test_a_good_action_conforms() -> None:
    """The planted mistakes are what the other tests find."""
    await conforms(KIND)


@pytest.mark.parametrize(
    ("action", "said"),
    [
        (SaysNothing, "must give an ActionResult"),
        (TellsSecret, "a secret shows"),
        (TwoLines, "the detail of a result is one line"),
        (AlwaysWorks, "it gave"),
        (SwallowsCancellation, "swallows that"),
        (TakesItsTime, "a timeout of 100ms ended it after"),
        (Prints, "a secret shows"),
    ],
)
async def test_a_planted_mistake_is_found(action: type[Good], said: str) -> None:
    """Each by the check that is for it."""
    with pytest.raises(Nonconforming, match=said):
        await conforms(replace(KIND, make=action))


async def test_what_an_action_lets_escape_comes_out() -> None:
    """With its own traceback."""
    with pytest.raises(KeyError):
        await conforms(replace(KIND, make=Raises))


async def test_what_stays_open_is_found() -> None:
    """By what this process has open."""
    try:
        with pytest.raises(Nonconforming, match="left open: /dev/null"):
            await conforms(replace(KIND, make=Leaks))
    finally:
        for number in Leaks.left:
            os.close(number)
        Leaks.left.clear()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"options": Loose}, "the options take unknown keys: derive them from ActionOptions"),
        ({"options": Thawed}, "the options can change"),
        ({"helps": frozenset(Category)}, "what cannot be seen cannot be mended"),
        ({"needs": ("contaner",)}, "no dependency has such a key"),
        ({"target_kind": CONTAINER}, "does not need the dependency's `container`"),
        ({"target": lambda options, subject: ""}, "a target has one name"),
        ({"target": lambda options, subject: secrets.token_hex(8)}, "a target has one name"),
        ({"target": lambda options, subject: SECRET}, "a secret shows"),
        ({"may_take": lambda options: -1.0}, "which is no time"),
    ],
)
async def test_a_kind_that_is_not_sound_is_found(changes: dict[str, Any], said: str) -> None:
    """Before anything is done."""
    with pytest.raises(Nonconforming, match=said):
        await conforms(replace(KIND, **changes))


class Reckless(Good):
    """Restarts whatever has the name."""

    async def run(self, request: ActionRequest) -> ActionResult:
        try:
            async with asyncio.timeout(request.timeout):
                await self.containers.restart(request.target.name, 1.0)
        except TimeoutError:
            return ActionResult(ActionOutcome.TIMED_OUT)
        except ContainersUnreachable:
            return ActionResult(ActionOutcome.REFUSED)
        except (OrderFailed, OrderUncertain):
            return ActionResult(ActionOutcome.FAILED)
        return ActionResult(ActionOutcome.SUCCEEDED)


class CallsALossAFailure(Good):
    """Judges well, and says of an order that may have been heard that it was not."""

    async def run(self, request: ActionRequest) -> ActionResult:
        result = await RESTART.make(self.context).run(request)
        return replace(result, outcome=ActionOutcome.FAILED) if result.outcome is ActionOutcome.UNKNOWN else result


@pytest.mark.parametrize(
    ("action", "said"),
    [(Reckless, "another container than was judged"), (CallsALossAFailure, r"OrderUncertain\('lost'\) gave")],
)
async def test_an_action_that_does_not_look_first_is_found(action: type[Good], said: str) -> None:
    """What was judged must be what is there, and what is in doubt is told as such."""
    kind = replace(RESTART, make=action, target=the_container)
    with pytest.raises(Nonconforming, match=said):
        await action_conforms("docker.reckless", kind, works={})
