"""`/status` and `/status.atom`: the status page and its feed, for everybody, by whatever name; caches may keep both."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial

from aiohttp import hdrs, web

from nemo_watchdog.web.answers import packed, unless_known
from nemo_watchdog.web.operations import Operation
from nemo_watchdog.web.pages import rendering
from nemo_watchdog.web.pages.assets import assets
from nemo_watchdog.web.pages.feed import CONTENT_TYPE, HTML, Places, feed_text
from nemo_watchdog.web.pages.public import page_text
from nemo_watchdog.web.public_now import HEADERS, PublicNow

PAGE, FEED = "/status", "/status.atom"

ICON = "icon.svg"

_HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")


@dataclass(frozen=True, slots=True)
class PublicPages:
    now: PublicNow

    def operations(self) -> tuple[Operation, ...]:
        return (
            Operation(
                method="GET",
                path=PAGE,
                handler=self.page,
                summary="The status page, for users",
                media=(HTML,),
                tagged=True,
                any_host=True,
                for_all=True,
            ),
            Operation(
                method="GET",
                path=FEED,
                handler=self.feed,
                summary="What users are told, as an Atom feed",
                media=(CONTENT_TYPE,),
                tagged=True,
                any_host=True,
                for_all=True,
            ),
        )

    async def page(self, request: web.Request) -> web.Response:
        files = assets()
        icon = files[ICON].address if ICON in files else ""
        text = await self.now.text(PAGE, partial(page_text, stylesheet=files["status.css"].address, icon=icon))
        return packed(request, unless_known(request, text, HTML, {**rendering.HEADERS, **HEADERS}))

    async def feed(self, request: web.Request) -> web.Response:
        places = _places(request)
        text = await self.now.text(f"{FEED} {places.feed}", partial(feed_text, places=places))
        return packed(request, unless_known(request, text, CONTENT_TYPE, HEADERS))


def _places(request: web.Request) -> Places:
    """By the name by which somebody came, if it is one; also where a proxy ends the encryption, and says so."""
    host = request.headers.get(hdrs.HOST, "")
    if not _HOST.fullmatch(host):
        return Places()
    proxied = request.headers.get("X-Forwarded-Proto", "").partition(",")[0].strip().lower()
    scheme = "https" if request.secure or proxied == "https" else "http"
    return Places(f"{scheme}://{host}{FEED}", f"{scheme}://{host}{PAGE}")
