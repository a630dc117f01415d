"""`/static/NAME`: the style, the scripts and the icon of the pages, which a browser may keep for ever."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from aiohttp import web

from nemo_watchdog.web.answers import Tagged, packed, unless_known
from nemo_watchdog.web.operations import Operation
from nemo_watchdog.web.pages.assets import AT, CONTENT_TYPES, assets

FOR_EVER: Mapping[str, str] = MappingProxyType({"Cache-Control": "public, max-age=31536000, immutable"})
LATELY: Mapping[str, str] = MappingProxyType({"Cache-Control": "no-cache"})


def operations() -> tuple[Operation, ...]:
    return (
        Operation(
            method="GET",
            path=AT + "{name}",
            handler=get,
            summary="A file that pages ask for",
            media=tuple(CONTENT_TYPES.values()),
            refuses=(404,),
            tagged=True,
            any_host=True,
            for_all=True,
        ),
    )


async def get(request: web.Request) -> web.Response:
    """For ever where it was asked for by what is in it."""
    found = assets().get(request.match_info["name"])
    if found is None:
        raise web.HTTPNotFound(text=f"there is no such file; there are: {', '.join(assets())}")
    kept = FOR_EVER if request.query.get("v") == found.tag else LATELY
    return packed(request, unless_known(request, Tagged(found.body, found.tag), found.content_type, kept))
