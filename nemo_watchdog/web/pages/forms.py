"""What a person fills in on a page: the fields as they are shown, and what came of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from aiohttp import web

MOST_FIELDS = 60


@dataclass(frozen=True, slots=True)
class Option:
    value: str
    label: str


@dataclass(frozen=True, slots=True)
class Field:
    """`kind` is `line`, `text` (several lines), `choice` (one of `options`), `several` (any of them) or `hidden`."""

    name: str
    label: str = ""
    kind: str = "line"
    value: str = ""
    hint: str = ""
    required: bool = False
    longest: int = 500
    options: tuple[Option, ...] = ()
    complete: str = "off"
    """What the browser may fill in."""

    def filled(self, given: Mapping[str, str]) -> Field:
        return replace(self, value=given.get(self.name, self.value))

    def is_chosen(self, option: Option) -> bool:
        """Of `several`, the value has all that are chosen, a line each."""
        return option.value in self.value.split("\n") if self.kind == "several" else option.value == self.value


async def read_form(request: web.Request) -> dict[str, str]:
    """The fields of a form. Of one that came several times all values, a line each. Raises 400 for what is no form."""
    if request.content_type != "application/x-www-form-urlencoded":
        raise web.HTTPUnsupportedMediaType(text="send the form as the page has it")
    try:
        given = await request.post()
    except ValueError:
        raise web.HTTPBadRequest(text="the form cannot be read: load the page again, and send it again") from None
    if len(given) > MOST_FIELDS:
        raise web.HTTPBadRequest(text=f"the form has more than {MOST_FIELDS} fields")
    return {name: "\n".join(str(each) for each in given.getall(name)) for name in given}
