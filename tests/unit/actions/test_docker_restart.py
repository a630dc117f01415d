"""The action asks the engine once, and whatever comes back is a result."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime

import pytest

from nemo_watchdog.actions import ACTIONS
from nemo_watchdog.errors import ContainersUnreachable
from nemo_watchdog.model import ActionOutcome, ActionRequest, ActionResult, ContainerEvent, ContainerStatus, RunState


class RecordingContainers:
    """Satisfies `ports.Containers`; `answer` is what a restart returns or raises."""

    def __init__(self, answer: ActionResult | ContainersUnreachable) -> None:
        self.answer = answer
        self.restarted: list[str] = []

    async def inspect(self, name: str) -> ContainerStatus:
        return ContainerStatus(RunState.RUNNING, detail=name)

    async def events(self) -> AsyncIterator[ContainerEvent]:
        yield ContainerEvent("", "reconnected")

    async def history(self, name: str, since: datetime) -> Sequence[ContainerEvent]:
        return [ContainerEvent(name, "start", at=since)]

    async def restart(self, request: ActionRequest) -> ActionResult:
        self.restarted.append(request.container)
        if isinstance(self.answer, ContainersUnreachable):
            raise self.answer
        return self.answer

    async def close(self) -> None:
        return None


def order(container: str) -> ActionRequest:
    return ActionRequest("a-1", "i-1", "redis", "docker.restart", container)


@pytest.mark.parametrize("outcome", list(ActionOutcome))
async def test_the_engines_result_is_the_result(outcome: ActionOutcome) -> None:
    """`docker.restart` passes on what the engine said."""
    containers = RecordingContainers(ActionResult(outcome, "said so"))
    assert await ACTIONS["docker.restart"](containers).run(order("redis")) == ActionResult(outcome, "said so")
    assert containers.restarted == ["redis"]


async def test_an_engine_that_does_not_answer_is_a_failure() -> None:
    """Blindness does not escape as an exception."""
    containers = RecordingContainers(ContainersUnreachable("nobody there"))
    result = await ACTIONS["docker.restart"](containers).run(order("redis"))
    assert result == ActionResult(ActionOutcome.REFUSED, "nobody there")


async def test_no_name_restarts_nothing() -> None:
    """A dependency without a container is refused before the engine is asked."""
    containers = RecordingContainers(ActionResult(ActionOutcome.SUCCEEDED))
    result = await ACTIONS["docker.restart"](containers).run(order(""))
    assert result.outcome is ActionOutcome.REFUSED
    assert containers.restarted == []
