"""Docker's socket with only some of its containers in the list: what others run here is nobody's business in a test."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
from aiohttp import web

from nemo_watchdog.containers.connection import DEFAULT_HOST


@asynccontextmanager
async def only(labels: Mapping[str, str], folder: Path) -> AsyncIterator[str]:
    """A DOCKER_HOST; the questions that are not for the list go to Docker as they are."""
    docker = os.environ.get("DOCKER_HOST", DEFAULT_HOST).removeprefix("unix://")
    wanted = {"label": [f"{key}={value}" for key, value in labels.items()]}
    async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(docker)) as session:

        async def answer(request: web.Request) -> web.Response:
            params = dict(request.query)
            if request.path.endswith("/containers/json"):
                params["filters"] = json.dumps(wanted)
            async with session.get(f"http://docker{request.path}", params=params) as told:
                return web.Response(status=told.status, body=await told.read(), content_type="application/json")

        app = web.Application()
        app.router.add_get("/{path:.*}", answer)
        runner = web.AppRunner(app)
        await runner.setup()
        try:
            await web.UnixSite(runner, str(folder / "some-of-docker.sock")).start()
            yield f"unix://{folder / 'some-of-docker.sock'}"
        finally:
            await runner.cleanup()


async def init(host: str, *options: str) -> tuple[int, str, str]:
    """`nemo-watchdog init`: its exit code, what it printed, and what it complained of."""
    return await command("init", "--docker", host, *options)


async def command(*words: str, environ: Mapping[str, str] | None = None) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "nemo_watchdog", *words),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **(environ or {})},
    )
    out, complaints = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), complaints.decode()


async def probes(policy: Path, environ: Mapping[str, str] | None = None) -> tuple[int, dict[str, tuple[str, str, str]]]:
    """What `check --probe` sees of each: probe, outcome and reason."""
    code, out, _ = await command("check", str(policy), "--probe", "--json", environ=environ)
    seen = json.loads(out)["probes"]
    return code, {name: (look["probe"], look["outcome"], look["reason"]) for name, look in seen.items()}


def acting(text: str) -> str:
    """The policy with the one edit that a person makes who trusts it."""
    assert text.count("\nautonomy: suggest\n") == 1
    return text.replace("\nautonomy: suggest\n", "\nautonomy: act\n")
