"""How an answer leaves: a view as JSON, and, for a change, not before it is on disk."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from aiohttp import ETag, hdrs, web

from nemo_watchdog.runtime.core import Core
from nemo_watchdog.views import as_json
from nemo_watchdog.web.packing import Piece, gzip_of

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

WRITTEN_WITHIN = 5.0
JSON = "application/json"
NO_HEADERS: Mapping[str, str] = MappingProxyType({})

_GZIP = re.compile(r"(?:^|,)\s*gzip\s*(?:;\s*q=(?!0(?:\.0*)?\s*(?:,|$))[^,]*)?(?:,|$)", re.IGNORECASE)
"""In what a client takes, unless it says that it would rather not."""


@dataclass(frozen=True, slots=True)
class Tagged:
    """A body with its ETag, a strong one: the same only for the same bytes. Made in a thread, for it may be long."""

    body: bytes
    tag: str

    @classmethod
    def of(cls, text: str) -> Tagged:
        body = text.encode(errors="replace")
        return cls(body, hashlib.sha256(body).hexdigest()[:32])

    @classmethod
    def of_view(cls, view: DataclassInstance | Sequence[DataclassInstance]) -> Tagged:
        return cls.of(as_json(view))


def answer(view: DataclassInstance, status: int = 200) -> web.Response:
    return _response(as_json(view), status)


async def large_answer(view: DataclassInstance) -> web.Response:
    """Written in a thread, so that no look waits for it: nobody changes a view."""
    return _response(await asyncio.to_thread(as_json, view))


def unless_known(
    request: web.Request, tagged: Tagged, content_type: str = JSON, headers: Mapping[str, str] = NO_HEADERS
) -> web.Response:
    """304 for who has just that already (RFC 9110, 13.1.2), the whole for everybody else."""
    known = [etag.value for etag in request.if_none_match or ()]
    if tagged.tag in known or "*" in known:
        response = web.Response(status=304, headers=headers)
    else:
        response = web.Response(body=tagged.body, content_type=content_type, charset="utf-8", headers=headers)
    response.etag = tagged.tag
    return response


def packed(request: web.Request, response: web.Response) -> web.Response:
    """Smaller for whoever can unpack it: a page, whose length is what a phone waits for. Packed in a thread.

    What a page holds that nobody else may know must be another text each time: who hears how long answers are could
    otherwise find it out, letter by letter.
    """
    response.headers[hdrs.VARY] = hdrs.ACCEPT_ENCODING
    if takes_gzip(request):
        if response.etag is not None:  # the same text, in other bytes
            response.etag = ETag(response.etag.value, is_weak=True)
        if response.body:
            response.enable_compression(web.ContentCoding.gzip)
    return response


def together(
    request: web.Request, pieces: Sequence[Piece], content_type: str, headers: Mapping[str, str]
) -> web.Response:
    """The same of what was packed before."""
    own = {**headers, hdrs.VARY: hdrs.ACCEPT_ENCODING}
    if not takes_gzip(request):
        body = b"".join(each.plain for each in pieces)
        return web.Response(body=body, content_type=content_type, charset="utf-8", headers=own)
    own[hdrs.CONTENT_ENCODING] = "gzip"
    return web.Response(body=gzip_of(*pieces), content_type=content_type, charset="utf-8", headers=own)


def takes_gzip(request: web.Request) -> bool:
    return _GZIP.search(request.headers.get(hdrs.ACCEPT_ENCODING, "")) is not None


def _response(text: str, status: int = 200) -> web.Response:
    return web.Response(text=text, content_type=JSON, status=status)


async def on_disk(core: Core, otherwise: str) -> None:
    """Returns when all that was told so far is on disk; raises 503 with `otherwise` when that takes too long."""
    try:
        async with asyncio.timeout(WRITTEN_WITHIN):
            await core.written()
    except TimeoutError:
        raise web.HTTPServiceUnavailable(text=otherwise) from None
