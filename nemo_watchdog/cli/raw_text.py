"""Text from outside with its lines: what a terminal obeys is shown to people, and taken out for programs."""

from __future__ import annotations

import re

from nemo_watchdog.errors import in_one_line

# ECMA-48: CSI sequences, strings with their ends (OSC, DCS, SOS, PM, APC), and the two-character rest; in 7 or 8 bits.
_SEQUENCES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]"
)
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def for_people(text: str) -> str:
    """Control characters as Python writes them; line breaks and tabs are kept."""
    return "\n".join("\t".join(map(in_one_line, line.split("\t"))) for line in text.replace("\r\n", "\n").split("\n"))


def for_programs(text: str) -> str:
    """Without terminal sequences and control characters; line breaks and tabs are kept."""
    return _CONTROLS.sub("", _SEQUENCES.sub("", text))
