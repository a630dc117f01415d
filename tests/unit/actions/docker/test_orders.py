"""`docker.start`, `docker.kill` and `docker.unpause` on a Docker that answers well, badly, late or never."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from pydantic import ValidationError

from nemo_watchdog.actions.catalog import ACTIONS
from nemo_watchdog.containers import DockerContainers
from nemo_watchdog.model import (
    CONTAINER,
    ActionOutcome,
    ActionRequest,
    ActionResult,
    ContainerStatus,
    Footprint,
    RunState,
    Target,
)
from nemo_watchdog.ports import ActionContext
from tests.unit.containers.fake_docker import CONTAINER_ID, FakeDocker, cut, fake_docker, says

BEGAN = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
CASES: list[tuple[str, dict[str, Any], RunState, dict[str, str]]] = [
    ("docker.start", {}, RunState.EXITED, {}),
    ("docker.kill", {"signal": "SIGHUP"}, RunState.RUNNING, {"signal": "1"}),
    ("docker.unpause", {"after": "5m"}, RunState.PAUSED, {}),
]
each = pytest.mark.parametrize(("name", "options", "state", "query"), CASES, ids=[case[0] for case in CASES])


@pytest_asyncio.fixture
async def docker(tmp_path: Path) -> AsyncIterator[FakeDocker]:
    async with fake_docker(tmp_path) as fake:
        yield fake


async def act(
    docker: FakeDocker,
    name: str,
    options: dict[str, Any],
    state: RunState,
    *,
    is_now: RunState | None = None,
    within: float = 5.0,
    touched: str = "",
) -> ActionResult:
    """What was judged in `state` is in `is_now` by now."""
    docker.containers["redis"]["State"]["Status"] = str(is_now or state)
    kind = ACTIONS[name]
    judged = ContainerStatus(state, container_id=CONTAINER_ID, started_at=BEGAN)
    target = Target(CONTAINER, "redis")
    containers = DockerContainers(docker.url, timeout=1.0)
    request = ActionRequest("a-1", "i-1", "redis", name, target, kind.options.model_validate(options), judged, within)
    try:
        return await kind.make(ActionContext(containers, lambda _: touched)).run(request)
    finally:
        await containers.close()


@each
async def test_one_order_is_given(
    docker: FakeDocker, name: str, options: dict[str, Any], state: RunState, query: dict[str, str]
) -> None:
    result = await act(docker, name, options, state)
    assert result.outcome is ActionOutcome.SUCCEEDED
    assert docker.orders == [(name.removeprefix("docker."), "redis", query)]


@each
async def test_nothing_is_ordered_in_another_state_or_against_somebody(
    docker: FakeDocker, name: str, options: dict[str, Any], state: RunState, query: dict[str, str]
) -> None:
    """Somebody was there since it was judged."""
    other = RunState.EXITED if state is not RunState.EXITED else RunState.RUNNING
    assert (await act(docker, name, options, state, is_now=other)).outcome is ActionOutcome.REFUSED
    result = await act(docker, name, options, state, touched="somebody is there")
    assert result == ActionResult(ActionOutcome.REFUSED, "somebody is there")
    assert docker.orders == []


async def test_what_runs_already_was_not_started_by_us(docker: FakeDocker) -> None:
    """Docker says so (304): nothing was ordered, and nothing is spent."""

    async def as_it_was(_: web.Request) -> web.StreamResponse:
        return web.Response(status=304)

    docker.order = as_it_was
    result = await act(docker, "docker.start", {}, RunState.EXITED)
    assert result == ActionResult(ActionOutcome.REFUSED, "the container runs already: Docker did nothing")


@each
async def test_dockers_own_words_for_a_failure(
    docker: FakeDocker, name: str, options: dict[str, Any], state: RunState, query: dict[str, str]
) -> None:
    """A long one too: the reason stands at its end."""
    said = f"driver failed on endpoint {'x' * 300}: bind: address already in use"
    docker.order = says(500, said)
    assert await act(docker, name, options, state) == ActionResult(ActionOutcome.FAILED, said)


@each
async def test_a_connection_lost_during_the_order_is_unknown(
    docker: FakeDocker, name: str, options: dict[str, Any], state: RunState, query: dict[str, str]
) -> None:
    docker.order = cut
    assert (await act(docker, name, options, state)).outcome is ActionOutcome.UNKNOWN
    assert len(docker.orders) == 1


@each
async def test_an_order_that_takes_too_long(
    docker: FakeDocker, name: str, options: dict[str, Any], state: RunState, query: dict[str, str]
) -> None:
    """The request's timeout bounds the call, and not that of a question."""

    async def stall(_: web.Request) -> web.StreamResponse:
        await docker.stall()
        return web.Response()

    docker.order = stall
    result = await act(docker, name, options, state, within=1.3)
    assert result.outcome is ActionOutcome.TIMED_OUT
    assert "within 1.3s" in result.detail


@each
async def test_a_docker_gone_before_the_order_was_ordered_nothing(
    docker: FakeDocker, name: str, options: dict[str, Any], state: RunState, query: dict[str, str]
) -> None:
    docker.containers["redis"]["State"]["Status"] = str(state)
    found = web.json_response(docker.containers["redis"])

    async def last_answer(_: web.Request) -> web.StreamResponse:
        docker.socket.unlink()
        found.force_close()
        return found

    docker.inspect = last_answer
    assert (await act(docker, name, options, state)).outcome is ActionOutcome.REFUSED
    assert docker.orders == []


async def test_an_answer_from_elsewhere_is_no_answer(docker: FakeDocker) -> None:
    """A redirect is not followed: nobody knows who would get the order."""

    async def elsewhere(_: web.Request) -> web.StreamResponse:
        return web.Response(status=307, headers={"Location": "/containers/another/start"})

    docker.order = elsewhere
    result = await act(docker, "docker.start", {}, RunState.EXITED)
    assert result.outcome is ActionOutcome.FAILED
    assert len(docker.orders) == 1


@pytest.mark.parametrize(
    ("signal", "number"), [("HUP", 1), ("SIGUSR1", 10), ("sigusr2", 12), ("QUIT", 3), (15, 15), ("RTMIN+3", 37)]
)
def test_a_signal_has_a_name_or_a_number(signal: object, number: int) -> None:
    options = ACTIONS["docker.kill"].options.model_validate({"signal": signal})
    assert ACTIONS["docker.kill"].footprint(options) == Footprint(stops=False, starts=False, signal=number)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({}, "Field required"),
        ({"signal": "HUB"}, "expected a signal such as `HUP`"),
        ({"signal": 0}, "expected a signal such as `HUP`"),
        ({"signal": 65}, "expected a signal such as `HUP`"),
        ({"signal": True}, "expected a signal such as `HUP`"),
        ({"signal": ["HUP"]}, "expected a signal such as `HUP`"),
        ({"signal": "STOP"}, "a signal that freezes mends nothing"),
    ],
)
def test_what_is_no_signal_to_send_is_a_mistake(options: dict[str, Any], why: str) -> None:
    """Also one that freezes what should be mended."""
    with pytest.raises(ValidationError, match=why):
        ACTIONS["docker.kill"].options.model_validate(options)


@pytest.mark.parametrize("options", [{}, {"after": "59s"}, {"after": "8d"}, {"after": 60}])
def test_a_pause_has_a_time_that_people_can_work_in(options: dict[str, Any]) -> None:
    """It must be said, and be a minute at least and a week at most."""
    with pytest.raises(ValidationError):
        ACTIONS["docker.unpause"].options.model_validate(options)
