"""Text from outside as one short line for people: no control characters, no terminal sequences, bounded."""

from __future__ import annotations

import re
import unicodedata

# ECMA-48: CSI sequences, OSC strings, and the two-character rest.
_TERMINAL = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_])")
_LONGEST = 200


def one_line(text: str, longest: int = _LONGEST) -> str:
    """The first line of the text that has something to show, at most `longest` characters of it."""
    for raw in _TERMINAL.sub("", text).splitlines():
        shown = "".join(char if not unicodedata.category(char).startswith("C") else " " for char in raw)
        line = " ".join(shown.split())
        if line:
            return line if len(line) <= longest else f"{line[: longest - 1]}…"
    return ""
