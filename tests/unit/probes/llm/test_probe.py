"""The llm probe: what model servers say about themselves, and the difference between slow and gone."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from aiohttp import web

from nemo_watchdog.model import Category, Outcome, Reason
from tests.unit.probes.http.test_probe import answering, serving
from tests.unit.probes.making import make, probing
from tests.unit.probes.servers import Server, stall


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (503, {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}, Reason.LOADING),
        (503, {"status": "loading model"}, Reason.LOADING),
        (503, {"status": "no slot available", "slots_idle": 0}, Reason.OVERLOADED),
        (503, {}, Reason.WRONG_STATUS),
        (500, {"error": "Loading model"}, Reason.WRONG_STATUS),
        (401, {}, Reason.AUTH_FAILED),
        (404, {}, Reason.WRONG_TARGET),
        (429, {}, Reason.OVERLOADED),
    ],
)
async def test_what_the_server_says(status: int, body: Any, reason: Reason) -> None:
    """Loading and full are busy; a missing page is a mistake of the policy; another error is a fault."""
    async with serving(answering(status, data=body)) as url, probing("llm", {"url": url}) as probe:
        assert (await probe.look()).reason is reason


async def test_health_page_is_asked_below_the_base_address() -> None:
    """The path of the health page follows the path of the base address."""
    paths: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        paths.append(request.path)
        return web.Response()

    async with serving(handler) as url:
        base = url.removesuffix("/health")
        for options in ({"url": base}, {"url": base + "/model/"}, {"url": base, "health_path": "/v1/models"}):
            async with probing("llm", {"metrics_path": None, **options}) as probe:
                assert (await probe.look()).outcome is Outcome.OK
    assert paths == ["/health", "/model/health", "/v1/models"]


async def test_health_that_hangs_is_overload_and_not_a_fault() -> None:
    """A server that takes the connection and does not answer is busy: a restart would cost its queue and its load."""
    async with (
        Server(stall).running() as server,
        probing("llm", {"url": f"http://127.0.0.1:{server.port}"}, timeout=0.4) as probe,
    ):
        finding = await probe.look()
    assert finding.reason is Reason.OVERLOADED
    assert finding.reason.category is Category.BUSY


async def test_connection_that_hangs_is_a_timeout() -> None:
    """A connection that nobody takes is a timeout, which is a fault."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        # The kernel's queue of a listener holds backlog + 1 connections; further ones get no answer.
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(address)
        async with probing("llm", {"url": f"http://127.0.0.1:{address[1]}"}, timeout=0.4) as probe:
            finding = await probe.look()
        for filler in fillers:
            filler.close()
    assert finding.reason is Reason.TIMEOUT


async def test_slow_health_is_degraded() -> None:
    """A good answer after slow_after is degraded as slow."""
    async with serving(answering()) as url, probing("llm", {"url": url, "slow_after": 0}) as probe:
        assert (await probe.look()).reason is Reason.SLOW


@pytest.mark.parametrize("path", ["health", "/health?x=1", "/a\nb"])
def test_health_path_must_be_a_path(path: str) -> None:
    """The health path begins with a slash and has no query."""
    with pytest.raises(ValueError, match="expected a path"):
        make("llm", {"url": "http://127.0.0.1:8001", "health_path": path})
