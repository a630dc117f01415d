"""What a change asks for: `Authorization: Bearer TOKEN` and a JSON body, so no page of another site can make one."""

from __future__ import annotations

from typing import Annotated, TypeVar

from aiohttp import web
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from nemo_watchdog.lines import one_line
from nemo_watchdog.web.access import Access


def _one_line(text: str) -> str:
    """Pages, logs and terminals show it; a sequence that a terminal obeys is none of it."""
    if not (line := one_line(" ".join(text.splitlines()), len(text))):
        raise PydanticCustomError("no_words", "expected words")
    return line


Line = Annotated[str, AfterValidator(_one_line), Field(json_schema_extra={"pattern": r"[\p{L}\p{M}\p{N}\p{P}\p{S}]"})]
"""Words of a person: one line without control characters."""


class ChangeBody(BaseModel):
    """Base of every change: who asks for it."""

    model_config = ConfigDict(extra="forbid", strict=True)
    by: Line = Field(default="somebody", min_length=1, max_length=100)


Body = TypeVar("Body", bound=ChangeBody)


async def asked(request: web.Request, access: Access, model: type[Body]) -> Body:
    """The checked body of a change, with who asks for it by which token; raises the refusal that fits otherwise."""
    caller = access.demand_change(request)
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType(text="send JSON, with Content-Type: application/json")
    try:
        wanted = model.model_validate_json(await request.read())
    except ValidationError as error:
        raise web.HTTPBadRequest(text=problems(error)) from error
    return wanted.model_copy(update={"by": caller.by(wanted.by)})


def problems(error: ValidationError) -> str:
    """What is wrong with a body, by the name of each field."""
    return "; ".join(f"{'.'.join(map(str, each['loc'])) or 'body'}: {each['msg']}" for each in error.errors())
