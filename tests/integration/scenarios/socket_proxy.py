"""A Docker socket proxy with an allow-list per method and path, such as careful operators put before the socket."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp import web

from tests.integration.scenarios.docker_socket import ENGINE

Rule = tuple[str, re.Pattern[str]]

EVERYTHING = (("GET", re.compile(".*")), ("POST", re.compile(".*")))


def documented_rules(page: Path, container: str) -> Sequence[Rule]:
    """The table of the operators' page: `| GET | ... |` rows with paths in backticks, for one container's name."""
    rules = []
    for row in re.finditer(r"^\| (GET|POST) \| (.+) \|$", page.read_text(encoding="utf-8"), re.MULTILINE):
        for path in re.findall(r"`(/[^`]+)`", row[2]):
            pattern = re.escape(path).replace("NAME", re.escape(container))
            rules.append((row[1], re.compile(rf"(/v[\d.]+)?{pattern}")))
    return rules


class SocketProxy:
    """`async with SocketProxy(path, rules) as proxy:`; `refused` is what was asked for and is not on the list.

    A path that `stalls` matches is never answered: whoever asks has to give up. `stalled` are those that were asked.
    """

    def __init__(self, path: Path, rules: Sequence[Rule], stalls: re.Pattern[str] | None = None) -> None:
        self.url = f"unix://{path}"
        self.refused: list[str] = []
        self.stalled: list[str] = []
        self._stalls = stalls
        self._path = path
        self._rules = rules

    async def __aenter__(self) -> Self:
        self._engine = aiohttp.ClientSession(connector=aiohttp.UnixConnector(ENGINE), auto_decompress=False)
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._pass_on)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        await web.UnixSite(self._runner, str(self._path)).start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()
        await self._engine.close()

    async def _pass_on(self, request: web.Request) -> web.StreamResponse:
        if not any(method == request.method and path.fullmatch(request.path) for method, path in self._rules):
            self.refused.append(f"{request.method} {request.path}")
            return web.Response(status=403, text="not on the list")
        if self._stalls is not None and self._stalls.fullmatch(request.path):
            self.stalled.append(request.path)
            await asyncio.Event().wait()
        async with self._engine.request(
            request.method,
            f"http://docker{request.path_qs}",
            data=await request.read(),
            timeout=aiohttp.ClientTimeout(total=None),
        ) as answer:
            response = web.StreamResponse(status=answer.status, headers={"Content-Type": answer.content_type})
            await response.prepare(request)
            async for chunk in answer.content.iter_any():
                await response.write(chunk)
            return response
