"""What can be asked over HTTP, one value each: it makes the route, and what the OpenAPI document says of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler
from pydantic import BaseModel

from nemo_watchdog.web.asked import ChangeBody

JSON = "application/json"
TEXT = "text/plain"
NO_ANSWERS: Mapping[int, type[Any]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """`summary` is what it is for, in a few words. `path` has its parameters in braces."""

    method: str
    path: str
    handler: Handler
    summary: str
    answers: type[Any] | None = None
    """The view that a good answer holds; None for text."""
    media: tuple[str, ...] = (JSON,)
    """Of a good answer."""
    status: int = 200
    """Of a good answer."""
    also: Mapping[int, type[Any]] = field(default_factory=lambda: NO_ANSWERS)
    """Other answers that hold a view and are no problem."""
    query: type[BaseModel] | None = None
    body: type[ChangeBody] | None = None
    """Of a change, as JSON: it needs a token that may operate."""
    form: type[BaseModel] | None = None
    """What it takes as a form as well."""
    refuses: tuple[int, ...] = ()
    """The statuses of problems that are its own, besides those that any request or any change may get."""
    pages: tuple[int, ...] = ()
    """The statuses of its own refusals that are pages for people."""
    tagged: bool = False
    """It has an `ETag`, and answers 304 to who knows it (RFC 9110, 13.1.2)."""
    any_host: bool = False
    """It is answered by whatever name somebody came."""
    for_all: bool = False
    """It needs no token, also where reading is not open."""
    operates: bool = False
    """It needs a token that may operate, though it changes nothing."""
    changes: bool = False
    """A `GET` of it changes something."""


def routes(operations: Iterable[Operation]) -> list[web.RouteDef]:
    """`HEAD` is answered where `GET` changes nothing."""
    return [
        web.route(each.method, each.path, each.handler)
        if each.method != "GET"
        else web.get(each.path, each.handler, allow_head=not each.changes)
        for each in operations
    ]
