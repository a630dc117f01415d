"""What a person is asked before something is done: what it does, sentence by sentence, and what he has to say."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from aiohttp import web
from pydantic import ValidationError

from nemo_watchdog.errors import in_one_line
from nemo_watchdog.runtime.core import Core
from nemo_watchdog.web.asked import ChangeBody, problems
from nemo_watchdog.web.pages import links
from nemo_watchdog.web.pages.forms import Field, Option

Given = Mapping[str, str]
Body = TypeVar("Body", bound=ChangeBody)

UNTIL_ENDED = Option("", "until somebody ends it")
DURATIONS = (
    Option("1800", "for 30 minutes"),
    Option("3600", "for 1 hour"),
    Option("14400", "for 4 hours"),
    Option("43200", "for 12 hours"),
)


@dataclass(frozen=True, slots=True)
class Asking:
    """`about` is what the address named, and goes with the form. `refusal` says why it cannot be done as it is."""

    title: str
    does: tuple[str, ...]
    button: str
    back: str
    about: Given
    fields: tuple[Field, ...] = ()
    refusal: str = ""
    grave: bool = False
    """It acts on what serves, or may break something."""


@dataclass(frozen=True, slots=True)
class Order:
    """`ask` raises the refusal that fits where there is nothing to ask; `do` gets what the form gave, and by whom."""

    ask: Callable[[Given], Asking]
    do: Callable[[Given, str], Awaitable[None]]


def reason(hint: str, *, required: bool = True) -> Field:
    label = "Why" if required else "Why (if there is something to say)"
    return Field("reason", label, hint=hint, required=required)


def how_long(*more: Option, value: str = "3600") -> Field:
    return Field("for", "How long", kind="choice", value=value, options=(*DURATIONS, *more))


def seconds(given: Given) -> float | None:
    """None for what has no end."""
    text = given.get("for", "")
    return float(text) if text.isascii() and text.isdecimal() else None


def named(about: Given, name: str) -> str:
    """What the address says of it. Raises 400 where it says nothing."""
    if not (value := about.get(name, "")):
        raise web.HTTPBadRequest(text=f"the address does not say which {name}")
    return value


def must_be_known(core: Core, name: str, *besides: str) -> None:
    if name not in {*besides, *core.engine.trackers}:
        raise web.HTTPNotFound(text=f"there is no dependency {in_one_line(name)}")


def back_to(core: Core, name: str) -> str:
    """The page of that dependency, or home where there is none of that name."""
    return links.dependency(name) if name in core.engine.trackers else links.HOME


def body_of(model: type[Body], **values: object) -> Body:
    """As a program would send it: the same checks, the same words."""
    try:
        return model.model_validate_json(json.dumps(values))
    except ValidationError as error:
        raise web.HTTPBadRequest(text=problems(error)) from error
