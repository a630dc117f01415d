"""Passwords and authorities are rotated while the daemon runs: it is blind in between, and sees again by itself."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web

from nemo_watchdog.demo.parts import Postgres, Redis
from nemo_watchdog.demo.platform import Platform
from tests.integration.conftest import StartPlatform
from tests.integration.daemon import Daemon
from tests.integration.scenarios.starts import Starts
from tests.unit.probes.certificates import make_authority
from tests.unit.probes.shared.test_trust import Put, renamed, swapped, written_in_place

SECRETS = {"postgres": "auth_failed", "redis": "auth_failed", "page": "wrong_target"}
"""What each dependency is seen as while what the daemon has is the old secret."""


@asynccontextmanager
async def serving(side: ssl.SSLContext) -> AsyncIterator[str]:
    """A page over TLS; each request has a connection of its own, and so a handshake."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(headers={"Connection": "close"})

    app = web.Application()
    app.router.add_get("/", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=side).start()
        yield f"https://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


async def rotate_in_the_servers(platform: Platform) -> None:
    """Whoever is connected with the old passwords is put out."""
    redis = b"CONFIG SET requirepass fresh\nCLIENT KILL TYPE normal SKIPME yes\n"
    await platform.exec("redis", "redis-cli", stdin=redis)
    postgres = (
        "ALTER ROLE postgres PASSWORD 'fresh';"
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'nemo-watchdog'"
    )
    await platform.exec("postgres", "psql", "-U", "postgres", "-c", postgres)


@pytest.mark.parametrize("put", [renamed, written_in_place, swapped])
async def test_rotated_secrets_are_read_again_and_nothing_is_restarted(
    start_platform: StartPlatform, tmp_path: Path, put: Put
) -> None:
    """The real Redis, the real Postgres and a page over TLS; neither the daemon nor a container starts anew."""
    platform = await start_platform(Postgres(password="right"), Redis(password="right"))
    password, trusted = tmp_path / "secret" / "password", tmp_path / "trust" / "ca.pem"
    old, new = [await asyncio.to_thread(make_authority, tmp_path / name) for name in ("old", "new")]
    for file in (password, trusted):
        file.parent.mkdir()
    password.write_text("right\n")
    trusted.write_bytes(old.file.read_bytes())
    side = await asyncio.to_thread(old.server, timedelta(days=30))
    await asyncio.to_thread(new.server, timedelta(days=30))
    async with serving(side) as url:
        page = f"dependencies:\n  page:\n    probe: http\n    url: {url}\n    ca_file: {trusted}\n"
        text = platform.policy_text().replace(":right@", f":${{file:{password}}}@").replace("dependencies:\n", page)
        async with Daemon(text, tmp_path) as daemon, Starts(platform) as starts:
            await daemon.wait_until(lambda s: all(d["health"] == "up" for d in s["dependencies"].values()), within=30.0)
            await rotate_in_the_servers(platform)
            side.load_cert_chain(new.folder / "cert.pem", new.folder / "key.pem")
            await daemon.wait_until(
                lambda s: all(s["dependencies"][name]["reason"] == reason for name, reason in SECRETS.items()),
                within=30.0,
            )
            put(password, b"fresh\n")
            put(trusted, new.file.read_bytes())
            await daemon.wait_until(lambda s: all(d["health"] == "up" for d in s["dependencies"].values()), within=30.0)
            reloads = [event["because"] for event in daemon.events if event["event"] == "policy reloaded"]
            assert reloads == ["a secret file changed"]
            assert [await starts.of(part) for part in ("postgres", "redis")] == [0, 0]
            assert not [event for event in daemon.events if event["event"] == "action_intended"]
