"""What an operator could write to mend the gateway: a program, and a receiver of signed orders."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from nemo_watchdog.demo import faults
from nemo_watchdog.demo.platform import Platform

SECRET = "canary-0f3a9c-of-the-policy"
RESTART = """\
      - do: docker.restart
        stop_timeout: 2s
        attempts: 6
        backoff: {initial: 1s, factor: 2, max: 10s, jitter: 0.2}
        verify_within: 6s
"""


def policy_with(platform: Platform, *steps: Mapping[str, Any]) -> str:
    """The platform's, with these steps instead of a restart."""
    return with_steps(platform.policy_text(), *steps)


def with_steps(text: str, *steps: Mapping[str, Any]) -> str:
    """The demo's policy, with these steps where it restarts what is no database."""
    assert RESTART in text
    return text.replace(RESTART, "".join(f"      - {json.dumps(step)}\n" for step in steps))


def mending(platform: Platform) -> list[str]:
    """A command that mends the gateway."""
    address = f"'127.0.0.1', {platform.port('gateway')}"
    ask = f"c = http.client.HTTPConnection({address}); c.request('POST', '/break?mode=ok')"
    return [sys.executable, "-c", f"import http.client; {ask}; print('mended', c.getresponse().status)"]


@asynccontextmanager
async def receiver(platform: Platform, taken: list[str]) -> AsyncIterator[str]:
    """Checks each order; says no at /no, and mends the gateway at /mend and at /late, which then says nothing."""

    async def take(request: web.Request) -> web.Response:
        signed = f"{request.headers['X-Nemo-Watchdog-Timestamp']}.".encode() + await request.read()
        good = "sha256=" + hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
        assert hmac.compare_digest(request.headers["X-Nemo-Watchdog-Signature"], good)
        assert (await request.json())["action_id"] == request.headers["Idempotency-Key"]
        taken.append(request.path)
        if request.path == "/no":
            return web.Response(status=409, text=f"no: you have {SECRET}")
        await faults.switch(platform, "gateway", "ok")
        if request.path == "/late":
            await asyncio.get_running_loop().create_future()
        return web.json_response({"job": 7}, status=202)

    app = web.Application()
    app.router.add_post("/{path}", take)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
