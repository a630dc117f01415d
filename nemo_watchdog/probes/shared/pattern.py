"""Regular expressions of the policy, searched for in text from outside, in time that grows with the text and no faster.

RE2 and not Python's re: a pattern that backtracks would stop the event loop, and every other look with it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import re2
from pydantic import AfterValidator

from nemo_watchdog.policy.units import wrong

_QUIET = re2.Options()
_QUIET.log_errors = False


def find(pattern: str) -> Callable[[str], bool]:
    """Tells whether the pattern is in a text. Raises ValueError, with what is wrong with the pattern.

    A byte that is no UTF-8, which aiohttp keeps as a lone surrogate, is a `?` to the pattern.
    """
    try:
        search = re2.compile(pattern.encode(), _QUIET).search
    except re2.error as error:
        told = error.args[0]
        raise ValueError(told.decode(errors="replace") if isinstance(told, bytes) else str(told)) from None
    return lambda text: search(text.encode(errors="replace")) is not None


def _compiles(text: str) -> str:
    try:
        find(text)
    except ValueError as error:
        raise wrong(f"not a regular expression (RE2 syntax): {error}") from None
    return text


Pattern = Annotated[str, AfterValidator(_compiles)]
"""A regular expression in RE2's syntax: no look-around and no back-references."""
