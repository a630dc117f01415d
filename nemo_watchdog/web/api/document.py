"""`/api/v1/openapi.json`: what can be asked, for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence

from aiohttp import web

from nemo_watchdog.web.openapi import document
from nemo_watchdog.web.operations import Operation

PATH = "/api/v1/openapi.json"


class DocumentApi:
    """Of the operations that are given, and of itself."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        self._text = ""
        self._others = operations

    def operations(self) -> tuple[Operation, ...]:
        return (
            Operation(method="GET", path=PATH, handler=self.get, summary="This document", answers=dict[str, object]),
        )

    async def get(self, _: web.Request) -> web.Response:
        """Made when it is first asked for: a daemon that nobody asks has no work with it."""
        if not self._text:
            self._text = json.dumps(document([*self._others, *self.operations()]))
        return web.Response(text=self._text, content_type="application/json")
