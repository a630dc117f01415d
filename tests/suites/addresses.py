"""Another address than the gateway's own: that of a server which answers as it is told, or of something else."""

from __future__ import annotations

from contextlib import AsyncExitStack

from aiohttp import web

from nemo_watchdog.demo.platform import Platform
from tests.suites.situations import Prepares, Rewrites, Situation


def answering(status: int, **headers: str) -> tuple[Prepares, Rewrites]:
    """The gateway's address is that of a server that gives this answer to everything."""
    where: dict[str, str] = {}

    async def prepare(platform: Platform, stack: AsyncExitStack) -> None:
        async def answer(_: web.Request) -> web.Response:
            return web.Response(status=status, headers={name.replace("_", "-"): text for name, text in headers.items()})

        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        where["old"] = f"127.0.0.1:{platform.port('gateway')}"
        where["new"] = f"127.0.0.1:{runner.addresses[0][1]}"

    def rewrite(text: str, _: Platform) -> str:
        return text.replace(where["old"], where["new"])

    return prepare, rewrite


def elsewhere(old: str, new: str) -> Rewrites:
    def rewrite(text: str, platform: Platform) -> str:
        return text.replace(old.format(port=platform.port("gateway")), new.format(port=platform.port("gateway")))

    return rewrite


def answers(name: str, sees: str, status: int, **headers: str) -> Situation:
    prepare, rewrite = answering(status, **headers)
    return Situation(name, ["gateway"], "gateway", sees, prepares=prepare, rewrites=rewrite, starts_up=False)
