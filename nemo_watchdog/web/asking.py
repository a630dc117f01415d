"""What a change must bring: the token, JSON, and a body that its model takes."""

from __future__ import annotations

from typing import TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from nemo_watchdog.web import auth

Body = TypeVar("Body", bound=BaseModel)


async def asked_for(request: web.Request, token: str, model: type[Body]) -> Body:
    """The checked body of a change; raises the refusal that fits otherwise."""
    auth.demand(request, token)
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType(text="send JSON, with Content-Type: application/json")
    try:
        return model.model_validate_json(await request.read())
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'body'}: {e['msg']}" for e in error.errors())
        raise web.HTTPBadRequest(text=problems) from error
