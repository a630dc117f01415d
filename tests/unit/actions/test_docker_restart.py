"""The action asks the engine once, and whatever comes back is a result."""

from __future__ import annotations

import pytest

from nemo_watchdog.actions import ACTIONS
from nemo_watchdog.model import CONTAINER, ActionOutcome, ActionRequest, ActionResult, Target
from nemo_watchdog.testing import FakeContainers, ManualClock


@pytest.fixture
def containers() -> FakeContainers:
    return FakeContainers(ManualClock(), ["redis"])


def order(container: str) -> ActionRequest:
    return ActionRequest("a-1", "i-1", "redis", "docker.restart", Target(CONTAINER, container))


@pytest.mark.parametrize("outcome", list(ActionOutcome))
async def test_the_engines_result_is_the_result(containers: FakeContainers, outcome: ActionOutcome) -> None:
    """`docker.restart` passes on what the engine said."""
    containers.restart_result = ActionResult(outcome, "said so")
    assert await ACTIONS["docker.restart"](containers).run(order("redis")) == ActionResult(outcome, "said so")
    assert [request.target.name for request in containers.restarts] == ["redis"]


async def test_an_engine_that_does_not_answer_is_a_refusal(containers: FakeContainers) -> None:
    """Blindness does not escape as an exception."""
    containers.trouble = "nobody there"
    result = await ACTIONS["docker.restart"](containers).run(order("redis"))
    assert result == ActionResult(ActionOutcome.REFUSED, "nobody there")


async def test_no_name_restarts_nothing(containers: FakeContainers) -> None:
    """A dependency without a container is refused before the engine is asked."""
    result = await ACTIONS["docker.restart"](containers).run(order(""))
    assert result.outcome is ActionOutcome.REFUSED
    assert containers.restarts == []
