"""How a page stands now: what a letter about it must say, whenever it is sent. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from nemo_watchdog.engine import pages
from nemo_watchdog.engine.state import Durable
from nemo_watchdog.engine.volatile import Volatile
from nemo_watchdog.model import OF_THE_JOURNAL, Notification, NotificationKind, Standing

ENDS = pages.ENDS | {NotificationKind.JOURNAL_ACCEPTED}
"""After it people know that what they were told of is over."""

_NO_PAGE = frozenset({NotificationKind.HEALED, NotificationKind.MAINTENANCE})
"""What nobody is called for."""


@dataclass(frozen=True, slots=True)
class PageNow:
    standing: Standing
    owner: str = ""
    """Who has acknowledged all of it that is open; empty: nobody."""
    over_since: datetime | None = None
    """When the last of it ended (UTC); None while any of it is open."""


def page_now(volatile: Volatile, durable: Durable, about: Notification, monotonic: float) -> PageNow:
    """Of the page that a message belongs to, or of the journal; of a page that is forgotten, that it is over."""
    if about.kind in _NO_PAGE:
        return PageNow(Standing.NO_PAGE)
    if about.kind in OF_THE_JOURNAL:
        return PageNow(Standing.FIRING if volatile.journal_damaged else Standing.OVER)
    page = durable.pages.by_id.get(about.incident)
    ones = [] if page is None else [one for each in page.incidents if (one := durable.one(each)) is not None]
    still_open = [one for one in ones if one.resolved is None]
    if not still_open:
        ended = [one.resolved.utc for one in ones if one.resolved is not None]
        return PageNow(Standing.OVER, over_since=max(ended, default=None))
    answers = [one.acknowledged for one in still_open]
    holding = [each for each in answers if each is not None and each.holds(monotonic)]
    if len(holding) == len(still_open):
        return PageNow(Standing.ACKNOWLEDGED, owner=holding[-1].by)
    return PageNow(Standing.FIRING)
