"""Real programs beside the daemon: Alertmanager and Prometheus, each on a free port, gone after the block."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from nemo_watchdog.testing.servers import free_port
from tests.parts import need

READY_WITHIN = 30.0


async def fetch(url: str) -> Any:
    """The JSON behind a URL; raises `aiohttp.ClientError`."""
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5.0), raise_for_status=True) as session,
        session.get(url) as answer,
    ):
        return json.loads(await answer.text())


async def until_so(url: str, good: Any, within: float = 20.0) -> Any:
    """The first JSON behind the URL for which `good` holds; raises AssertionError with the last one."""
    last: Any = None
    try:
        async with asyncio.timeout(within):
            while True:
                last = await fetch(url)
                if good(last):
                    return last
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise AssertionError(f"{url} not so within {within:g} s; last: {json.dumps(last)[:4000]}") from None


QUICK_GOSSIP = ("--cluster.gossip-interval=50ms", "--cluster.settle-timeout=10s", "--cluster.peer-timeout=2s")


@asynccontextmanager
async def alertmanager(
    folder: Path, webhook: str, port: int | None = None, *, resolve_timeout: str = "5m", cluster: Sequence[str] = ()
) -> AsyncIterator[str]:
    """Its URL. It tells the webhook quickly, also when an alert is over.

    `cluster` are the addresses at which it listens for its peers and finds them, its own first.
    """
    config = folder / "alertmanager.yml"
    peers = [f"--cluster.peer={each}" for each in cluster[1:]]
    config.write_text(
        f"global: {{resolve_timeout: {resolve_timeout}}}\n"
        "route: {receiver: test, group_by: ['...'], group_wait: 100ms, group_interval: 500ms}\n"
        f"receivers: [{{name: test, webhook_configs: [{{url: '{webhook}', send_resolved: true}}]}}]\n",
        encoding="utf-8",
    )
    url = f"http://127.0.0.1:{port or free_port()}"
    command = (
        *(need("prometheus-alertmanager"), f"--config.file={config}", f"--storage.path={folder / 'alertmanager'}"),
        f"--web.listen-address={url.removeprefix('http://')}",
        *(f"--cluster.listen-address={cluster[0] if cluster else ''}", *peers, *QUICK_GOSSIP),
    )
    async with _running(folder / "alertmanager.log", command, f"{url}/-/ready"):
        yield url


async def amtool(url: str) -> Any:
    """The alerts that it shows to people."""
    process = await asyncio.create_subprocess_exec(
        *(need("amtool"), f"--alertmanager.url={url}", "--output=json", "alert", "query"),
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    return json.loads(out)


@asynccontextmanager
async def prometheus(folder: Path, config: Path) -> AsyncIterator[str]:
    """Its URL."""
    url = f"http://127.0.0.1:{free_port()}"
    command = (
        *(need("prometheus"), f"--config.file={config}", f"--storage.tsdb.path={folder / 'prometheus'}"),
        f"--web.listen-address={url.removeprefix('http://')}",
    )
    async with _running(folder / "prometheus.log", command, f"{url}/-/ready"):
        yield url


@asynccontextmanager
async def _running(log: Path, command: tuple[str, ...], ready: str) -> AsyncIterator[None]:
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(*command, stdout=output, stderr=output)
    try:
        await _ready(process, log, ready)
        yield
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _ready(process: asyncio.subprocess.Process, log: Path, url: str) -> None:
    async with asyncio.timeout(READY_WITHIN), aiohttp.ClientSession() as session:
        while True:
            assert process.returncode is None, log.read_text(encoding="utf-8", errors="replace")
            try:
                async with session.get(url) as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientConnectionError:
                pass
            await asyncio.sleep(0.1)
