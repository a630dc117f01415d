"""Who answers for an outage: one answer takes all of its page that is open. Pure.

An answer to what has become a part of another outage is an answer to that one.
"""

from __future__ import annotations

from nemo_watchdog.engine.reported import Declared
from nemo_watchdog.engine.state import Durable, Incident


def open_with(durable: Durable, incident: str) -> list[Incident | Declared]:
    """All that is open of the page that tells of it, that incident first; of what no page tells, that one."""
    asked, seen = incident, set[str]()
    while asked and asked not in seen:
        seen.add(asked)
        page = durable.pages.of(asked)
        names = dict.fromkeys((asked, *(page.incidents if page is not None else ())))
        if still := [one for name in names if (one := durable.one(name)) is not None and one.resolved is None]:
            return still
        asked = page.merged_into if page is not None else ""
    return []


def why_not_answered(durable: Durable, incident: str, link: str = "") -> str:
    """Why nobody can take it upon himself, by this link; empty when he can. `link` is a digest, empty without one."""
    if link and link in durable.pages.answered:
        return "this link has been used"
    return "" if open_with(durable, incident) else f"{incident} is not open any more"


def is_known(durable: Durable, incident: str) -> bool:
    """Whether it, or the page that began with it, is remembered."""
    return durable.one(incident) is not None or durable.pages.of(incident) is not None
