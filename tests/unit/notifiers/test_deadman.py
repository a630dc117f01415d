"""One heartbeat over HTTP, and what becomes of it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from nemo_watchdog.notifiers import HttpHeartbeat
from nemo_watchdog.policy.secret_value import Secret
from nemo_watchdog.ports import Delivery


@asynccontextmanager
async def answering(status: int, *, hangs: bool = False) -> AsyncIterator[tuple[str, list[str]]]:
    """Its address, and the method and path of each request."""
    got: list[str] = []
    released = asyncio.Event()

    async def answer(request: web.Request) -> web.Response:
        got.append(f"{request.method} {request.path_qs}")
        if hangs:
            await released.wait()
        return web.Response(status=status, headers={"Location": "/elsewhere"} if status == 302 else {})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", got
    finally:
        released.set()
        await runner.cleanup()


async def beat(url: str, within: float = 5.0) -> Delivery:
    heartbeat = HttpHeartbeat()
    try:
        return await heartbeat.beat(Secret(url), within)
    finally:
        await heartbeat.close()


@pytest.mark.parametrize("status", [200, 204])
async def test_a_get_is_a_heartbeat(status: int) -> None:
    async with answering(status) as (url, got):
        assert await beat(f"{url}/ping/hunter2?a=b") == Delivery(delivered=True)
    assert got == ["GET /ping/hunter2?a=b"]


@pytest.mark.parametrize("status", [302, 404, 500])
async def test_another_answer_is_none(status: int) -> None:
    """It is followed nowhere: where a heartbeat goes is what the policy says."""
    async with answering(status) as (url, got):
        assert await beat(f"{url}/hunter2") == Delivery(delivered=False, retryable=True, detail=f"HTTP {status}")
    assert len(got) == 1


async def test_who_does_not_answer_is_not_waited_for() -> None:
    async with answering(200, hangs=True) as (url, _):
        delivery = await beat(f"{url}/hunter2", within=0.2)
    assert delivery == Delivery(delivered=False, retryable=True, detail="no answer within 200ms")


async def test_where_nobody_listens_the_systems_words_are_said() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        delivery = await beat(f"http://127.0.0.1:{taken.getsockname()[1]}/hunter2")
    assert delivery == Delivery(delivered=False, retryable=True, detail="Connection refused")


@pytest.mark.parametrize("url", ["http://[hunter2", "ftp://127.0.0.1/hunter2", "http://nobody.invalid/hunter2"])
async def test_an_address_that_leads_nowhere_is_a_result(url: str) -> None:
    delivery = await beat(url)
    assert not delivery.delivered
    assert delivery.detail
    assert "hunter2" not in delivery.detail
