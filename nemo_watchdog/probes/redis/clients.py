"""Redis's clients, counted: how many of each user, address and command, and whose answers pile up. It does no IO.

Source: Redis documentation, "CLIENT LIST".
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from nemo_watchdog.durations import duration
from nemo_watchdog.probes.redis.info import number
from nemo_watchdog.probes.shared.table import NOTHING, and_more, cell, table

_SHOWN = 20
_BUFFERS = 10
_COUNTED = (("user", "user"), ("name", "name"), ("address", "addr"), ("command", "cmd"), ("flags", "flags"))
_PORT = re.compile(r":\d+$")
_FLAGS = "(N normal, S replica, M master, P subscribed, b blocked, x in MULTI, O MONITOR, c closes when written)"


def in_words(listed: str) -> str:
    """The text for the reply to CLIENT LIST."""
    clients = [dict(pair.partition("=")[::2] for pair in line.split(" ")) for line in listed.splitlines() if line]
    parts = [f"Clients: {len(clients)}, this question among them.\n"]
    for what, key in _COUNTED:
        counts = Counter(_value(client, key) for client in clients)
        shown = counts.most_common(_SHOWN)
        lines = [(str(count), cell(value, 64)) for value, count in shown]
        title = f"{what} {_FLAGS}" if key == "flags" else what
        parts.append(table(("clients", title), lines) + and_more(len(shown), len(counts), "of them"))
    return "\n".join([*parts, _buffers(clients)])


def _value(client: Mapping[str, str], key: str) -> str:
    """Of an address without its port: each connection has another."""
    value = client.get(key, "")
    return (_PORT.sub("", value) if key == "addr" else value) or NOTHING


def _buffers(clients: Sequence[Mapping[str, str]]) -> str:
    waiting = sorted((c for c in clients if number(c, "omem")), key=lambda c: number(c, "omem"), reverse=True)
    if not waiting:
        return "No client has an output buffer beyond its own fixed one.\n"
    head = ("output bytes", "id", "address", "user", "name", "command", "connected", "idle")
    lines = [_buffer(client) for client in waiting[:_BUFFERS]]
    return table(head, lines) + and_more(len(lines), len(waiting), "with an output buffer")


def _buffer(client: Mapping[str, str]) -> Sequence[str]:
    return (
        f"{number(client, 'omem'):.0f}",
        *(cell(client.get(key), 48) for key in ("id", "addr", "user", "name", "cmd")),
        duration(number(client, "age")),
        duration(number(client, "idle")),
    )
