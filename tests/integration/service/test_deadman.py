"""The daemon's own heartbeat, heard by a real server."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from nemo_watchdog.testing.servers import free_port
from tests.integration.daemon import Daemon
from tests.integration.service.parts import Service, tcp_policy
from tests.unit.runtime.shell import until

KEY = "6a1f2c1e-5b7d-4c38-9c55-0d6f7c0b3a11"


@asynccontextmanager
async def listener(beats: list[str], port: int) -> AsyncIterator[None]:
    async def hear(request: web.Request) -> web.Response:
        beats.append(f"{request.method} {request.path}")
        return web.Response(text="OK")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", hear)
    runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield
    finally:
        await runner.cleanup()


async def test_it_is_heard_while_the_daemon_lives(tmp_path: Path) -> None:
    """Soon after the start and at its pace, also while what it watches is down; a service that was away hears again.

    Its address is in no log line, status or metric.
    """
    beats, port = list[str](), free_port()
    more = f"deadman: {{url: 'http://127.0.0.1:{port}/{KEY}', every: 10s}}\n"
    async with Service() as service, Daemon(tcp_policy(service.port, more), tmp_path) as daemon:
        failed = await daemon.event("dead man's switch: its service does not take the heartbeat")
        assert failed["error"] == "Connection refused"
        (trouble,) = (await daemon.status())["troubles"]
        assert trouble["what"] == "the dead man's switch is not told"
        async with listener(beats, port):
            await until(lambda: beats, within=20.0)
            await service.stop()
            await daemon.wait_for_health("service", "down")
            await until(lambda: len(beats) >= 2, within=20.0)
            assert set(beats) == {f"GET /{KEY}"}
            assert (await daemon.status())["troubles"] == []
            metrics = await daemon.metrics()
            assert 'nemo_watchdog_deadman_heartbeats_total{outcome="failed"} ' in metrics
            assert 'nemo_watchdog_deadman_heartbeats_total{outcome="delivered"} ' in metrics
            assert KEY not in metrics + str(daemon.events) + str(await daemon.status())


async def test_a_daemon_that_stands_still_is_not_heard(tmp_path: Path) -> None:
    """Another one is heard twice meanwhile. When it goes on it is heard again."""
    beside = tmp_path / "beside"
    beside.mkdir()
    beats, port = list[str](), free_port()
    more = f"deadman: {{url: 'http://127.0.0.1:{port}/{KEY}', every: 10s}}\n"
    async with (
        listener(beats, port),
        Service() as service,
        Daemon(tcp_policy(service.port, more), tmp_path) as daemon,
    ):
        await until(lambda: beats)
        daemon.signal(signal.SIGSTOP)
        heard = len(beats)
        try:
            async with Daemon(tcp_policy(service.port, more.replace(KEY, "other")), beside) as other:
                await until(lambda: beats.count("GET /other") >= 2, within=20.0)
                await other.terminate()
            assert beats.count(f"GET /{KEY}") == heard
        finally:
            daemon.signal(signal.SIGCONT)
        await until(lambda: beats.count(f"GET /{KEY}") > heard, within=20.0)
