"""Who was told of an open incident, who is next and when, as `status` shows it. Reads everything, changes nothing."""

from __future__ import annotations

from nemo_watchdog.engine.next_in_line import answers, next_of
from nemo_watchdog.engine.reported import Declared
from nemo_watchdog.engine.state import Durable, Incident
from nemo_watchdog.engine.volatile import Volatile
from nemo_watchdog.engine.wall_clock import utc_of
from nemo_watchdog.model import Moment
from nemo_watchdog.people_views import ToldView


def told(volatile: Volatile, durable: Durable, one: Incident | Declared, now: Moment) -> ToldView:
    page = durable.pages.of(one.incident)
    if page is None or page.over is not None:
        held = 0 if page is None else page.held_back
        return ToldView("", (), 0, "", None, None, utc_of(volatile.agenda.planned(one.incident), now), held)
    spec = volatile.policy.severities.get(page.severity)
    ones = [each for name in page.incidents if (each := durable.open_one(name)) is not None]
    unanswered = spec is not None and answers(ones, now.monotonic) is None
    following = next_of(page, ones, spec, now.monotonic) if spec is not None and unanswered else None
    return ToldView(
        page=page.page,
        to=tuple(page.contacts),
        messages=page.messages,
        last=page.last,
        at=page.reminded.utc.isoformat(),
        next=following[0].to if following else None,
        next_at=utc_of(following[1], now) if following else None,
        held_back=page.held_back + volatile.held_back.get(page.page, 0),
    )
