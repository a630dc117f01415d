"""The settings of a Postgres that somebody has changed, without what may hold a secret. It shows no file's name.

Source: PostgreSQL manual, "pg_settings": a role without pg_read_all_settings does not see those for superusers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from nemo_watchdog.probes.postgres.sessions import Session
from nemo_watchdog.probes.shared.table import and_more, cell, table

_SETTINGS = 500
_LONGEST = 300

# What our own session has set says nothing of the server.
_QUERY = f"""
select name, setting, unit, source, pending_restart, count(*) over () as everyone
  from pg_settings where source not in ('default', 'client', 'session') order by name limit {_SETTINGS}
"""  # noqa: S608 - all of it is ours

_SECRET_NAME = re.compile(
    r"command$|conninfo|passphrase|passw|pwd|secret|token|credential|dsn|jwt|salt|(?:^|[._])(?:api)?key$|private",
    re.IGNORECASE,
)
_SECRET_VALUE = re.compile(r"passw|://[^/\s]*@|secret|token", re.IGNORECASE)
_MASKED = "(not kept: it may hold a secret)"


async def told(session: Session) -> str:
    """The text."""
    return in_words([dict(row) for row in await session.fetch(_QUERY)])


def in_words(rows: Sequence[Mapping[str, Any]]) -> str:
    everyone = rows[0]["everyone"] if rows else 0
    lines = [(cell(row["name"], 80), cell(row["source"]), _value(row)) for row in rows]
    return (
        f"Settings that are not the default, as far as this user may see them: {everyone}.\n\n"
        + table(("setting", "source", "value"), lines)
        + and_more(len(rows), everyone, "settings")
    )


def _value(row: Mapping[str, Any]) -> str:
    name, value, unit = row["name"], row["setting"], row["unit"]
    pending = ", another one after a restart" if row["pending_restart"] else ""
    if value and value != "(disabled)" and (_SECRET_NAME.search(name) or _SECRET_VALUE.search(value)):
        return f"{_MASKED}{pending}"
    times = "x " if unit and unit[0].isdigit() else ""
    return f"{cell(value, _LONGEST)}{f' {times}{unit}' if unit else ''}{pending}"
