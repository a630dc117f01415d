"""A template with its values as the text of a page. What a value says is text: nothing of it becomes markup.

Every page may use what is served from here and nothing else: no other host, no script or style within the page.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from nemo_watchdog.web.pages.assets import assets

FOLDER = Path(__file__).with_name("templates")

HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "Content-Security-Policy": (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
            "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        ),
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Opener-Policy": "same-origin",
    }
)
"""Of every page. Without its own referrer a form would say `Origin: null`, as one of another site may."""


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(FOLDER, encoding="utf-8"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )
    made.globals["asset"] = _address
    return made


def rendered(template: str, **values: Any) -> str:
    """The text of that template (`overview.html`). A value that it names and is not given is an error."""
    return _environment().get_template(template).render(**values)


def part(template: str, **values: Any) -> Markup:
    """The same as a part of a page: markup where it is put into another template."""
    return Markup(rendered(template, **values))  # noqa: S704 - a template made it, and escaped what it was given


def _address(name: str) -> str:
    """In a template, `asset("page.css")`."""
    return assets()[name].address
