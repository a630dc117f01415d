"""A daemon that has no file descriptor left: blind and loud, and nobody else's fault."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.integration.daemon import Daemon
from tests.integration.probes.servers import Postgres, Redis, short_folder
from tests.integration.service.parts import SlowService

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("postgres")]

POLICY = """
version: 1
autonomy: observe
defaults: {{interval: 300ms, confirm_interval: 200ms, timeout: 2s, down_after: 1, up_after: 1, startup_grace: 0s}}
dependencies:
  tcp: {{probe: tcp, address: "127.0.0.1:{http}"}}
  http: {{probe: http, url: "http://127.0.0.1:{http}/"}}
  redis: {{probe: redis, url: "{redis}"}}
  postgres: {{probe: postgres, dsn: "{postgres}"}}
  command: {{probe: command, command: ["/bin/true"]}}
  process: {{probe: process, name: redis-server}}
  host: {{probe: host, min_disk_free: {{/: 0.1%}}, require_synchronised_clock: false}}
  llm: {{probe: llm, url: "http://127.0.0.1:{http}/"}}
  prometheus: {{probe: prometheus, url: "http://127.0.0.1:{http}/", query: up, min: 1}}
  dns: {{probe: dns, name: localhost}}
"""
WELL = {"tcp", "http", "redis", "postgres", "command", "process", "host"}
"""What goes well while files are there; the others find no server of their kind."""


@asynccontextmanager
async def servers() -> AsyncIterator[tuple[Redis, Postgres]]:
    with short_folder() as one, short_folder() as other:
        redis, postgres = Redis(one), Postgres(other)
        await asyncio.to_thread(postgres.create)
        redis.start()
        postgres.start()
        try:
            yield redis, postgres
        finally:
            await asyncio.to_thread(redis.stop)
            await asyncio.to_thread(postgres.stop)


async def test_without_files_every_look_is_blind_and_people_are_told(tmp_path: Path) -> None:
    """No target is called down, each dependency says whose fault it is, one line tells; later all is well again."""
    async with servers() as (redis, postgres), SlowService() as web:
        policy = POLICY.format(http=web.port, redis=redis.url(), postgres=postgres.dsn())
        async with Daemon(policy, tmp_path) as daemon:
            for name in WELL:
                await daemon.wait_for_health(name, "up", within=30.0)
            begun = len(daemon.events)
            before = resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE)
            resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, (3, before[1]))  # what is open stays open
            await asyncio.to_thread(redis.command, "CLIENT", "KILL", "TYPE", "normal")
            for pid in postgres.backend_pids("postgres: postgres postgres"):
                os.kill(pid, signal.SIGTERM)
            status = await daemon.wait_until(
                lambda status: all(status["dependencies"][name]["reason"] == "watchdog_overloaded" for name in WELL),
                within=30.0,
            )
            assert "file descriptor" in status["dependencies"]["host"]["detail"]
            await daemon.event("file descriptors run short: looks will be blind", after=begun)
            await daemon.more_looks(40)
            resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, before)
            for name in WELL:
                await daemon.wait_for_health(name, "up", within=30.0)
            await daemon.event("file descriptors suffice again", after=begun)
            changes = [line for line in daemon.events[begun:] if line["event"] == "health_changed"]
            assert [line for line in changes if line["dependency"] in WELL and line["health"] == "down"] == []
            assert [line for line in daemon.events if line["event"].startswith("probe raised")] == []
            assert [line for line in daemon.events if line["event"] == "not json"] == []
