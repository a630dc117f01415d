"""`/api/v1/public` and `/status.json`: what users may know, for everybody, by whatever name and from any page.

What the policy publishes is no secret, so there is nothing that another site could steal with it.
"""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from nemo_watchdog.public_views import PublicView
from nemo_watchdog.views import as_json
from nemo_watchdog.web.answers import unless_known
from nemo_watchdog.web.operations import Operation
from nemo_watchdog.web.public_now import HEADERS, PublicNow

FROM_ANY_PAGE = {**HEADERS, "Access-Control-Allow-Origin": "*"}


@dataclass(frozen=True, slots=True)
class PublicApi:
    now: PublicNow

    def operations(self) -> tuple[Operation, ...]:
        at_root, beside = (
            Operation(
                method="GET",
                path=path,
                handler=self.get,
                summary="What users see of the platform: nothing internal, for everybody",
                answers=PublicView,
                tagged=True,
                any_host=True,
                for_all=True,
            )
            for path in ("/status.json", "/api/v1/public")
        )
        return at_root, beside

    async def get(self, request: web.Request) -> web.Response:
        return unless_known(request, await self.now.text("json", as_json), headers=FROM_ANY_PAGE)
