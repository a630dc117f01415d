"""Regular expressions of the policy, searched for in text from outside."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

from nemo_watchdog.policy.units import wrong

LONGEST_TEXT = 2000
"""Characters of a line that are searched: a pattern may take time that grows with the square of the text, or worse."""


def _compiles(text: str) -> str:
    try:
        re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise wrong(f"not a regular expression: {error}") from None
    return text


Pattern = Annotated[str, AfterValidator(_compiles)]
"""A regular expression (Python's)."""
