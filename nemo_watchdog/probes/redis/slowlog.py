"""Redis's slow log as a table, without what arguments may hold: secrets, and much of what users keep. It does no IO.

Source: Redis documentation, "SLOWLOG GET".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from nemo_watchdog.durations import duration
from nemo_watchdog.probes.shared.table import cell, table

ENTRIES = 32
_ARGUMENTS = 4
_LONGEST = 64
SECRET = re.compile(r"passw|secret|token|credential", re.IGNORECASE)
"""What speaks of one may hold one."""
_OF_SECRETS = frozenset({"AUTH", "HELLO", "ACL", "MIGRATE"})
_SETS = frozenset({("CONFIG", "SET"), ("SENTINEL", "SET"), ("SENTINEL", "CONFIG")})

_HEAD = ("when", "took", "client", "name", "command")


def in_words(entries: Any) -> str:
    """The newest first. Raises ValueError for what is no slow log."""
    if not isinstance(entries, list):
        raise ValueError("no slow log")  # noqa: TRY004 - what redis-py's parser raises for other nonsense
    if not entries:
        return "The slow log is empty: nothing took longer than slowlog-log-slower-than since it was reset.\n"
    return f"The newest {len(entries)} of the slow log:\n\n{table(_HEAD, map(_line, entries))}"


def _line(entry: Any) -> Sequence[str]:
    try:
        _, at, microseconds, words, *who = entry
        when = datetime.fromtimestamp(int(at), UTC)
        took = duration(int(microseconds) / 1e6)
        said = command(words)
    except (TypeError, OverflowError, OSError):
        raise ValueError("no entry of a slow log") from None
    client, name = (*who, None, None)[:2]
    return f"{when:%Y-%m-%d %H:%M:%S}Z", took, cell(client, 48), cell(name), said


def command(words: Sequence[object]) -> str:
    """Its name and the first arguments, cut; none of one that may have a secret among them."""
    name, *arguments = map(str, words)
    shown = [cell(name, _LONGEST)]
    if name.upper() in _OF_SECRETS:
        return " ".join([*shown, "(arguments not kept)"] if arguments else shown)
    if arguments and (name.upper(), arguments[0].upper()) in _SETS:
        return " ".join([*shown, cell(arguments[0], _LONGEST), "(arguments not kept)"])
    for each in arguments[:_ARGUMENTS]:
        if SECRET.search(each):
            return " ".join([*shown, "(the rest is not kept)"])
        shown.append(cell(each, _LONGEST))
    left = len(arguments) - _ARGUMENTS
    return " ".join([*shown, f"(and {left} more)"] if left > 0 else shown)
