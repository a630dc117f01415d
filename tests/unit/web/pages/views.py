"""What users may know, as a test of a page wants it: good unless it says otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from nemo_watchdog.public_views import (
    PublicComponentView,
    PublicDayView,
    PublicIncidentView,
    PublicMaintenanceView,
    PublicUpdateView,
    PublicView,
)

NOW = datetime(2026, 11, 23, 3, 20, 4, tzinfo=UTC)
HOSTILE = (
    "<script>alert(1)</script>",
    "]]></content><x>",
    "\" onload='x' &amp; &#60;",
    "\u202eesrever\u2066 \u200f",
    "\x00\x08\x1b[2J\ud800\ufffe",
    "{{ 7 * 7 }} {% raw %}",
    "x" * 10_000,
)


def ago(**time: float) -> str:
    return (NOW - timedelta(**time)).isoformat()


def days(uptimes: Mapping[int, float | None] | None = None, known: int = 90) -> tuple[PublicDayView, ...]:
    """By how many days they are ago; of those before the `known` ones nothing is known."""
    given = uptimes or {}
    return tuple(
        PublicDayView((NOW.date() - timedelta(days=back)).isoformat(), given.get(back, 1.0 if back < known else None))
        for back in range(89, -1, -1)
    )


def component(
    name: str = "Chat", state: str = "operational", uptime: float | None = 1.0, seen: tuple[PublicDayView, ...] = ()
) -> PublicComponentView:
    return PublicComponentView(name, "Talk to a model", state, uptime, seen or days())


def incident(
    *components: str,
    began: str = "",
    ended: str | None = None,
    state: str = "outage",
    updates: tuple[PublicUpdateView, ...] = (),
    name: str = "a1b2c3d4e5f60718",
) -> PublicIncidentView:
    return PublicIncidentView(name, components, state, began or ago(hours=1), ended, updates)


def work(text: str = "", *components: str, begins: float = 24.0, lasts: float = 1.0) -> PublicMaintenanceView:
    """In so many hours."""
    begin = NOW.replace(minute=0, second=0) + timedelta(hours=begins)
    end = begin + timedelta(hours=lasts)
    return PublicMaintenanceView("0f0f0f0f0f0f0f0f", components or ("Chat",), text, begin.isoformat(), end.isoformat())


def public(
    *components: PublicComponentView,
    state: str = "operational",
    incidents: tuple[PublicIncidentView, ...] = (),
    history: tuple[PublicIncidentView, ...] = (),
    maintenance: tuple[PublicMaintenanceView, ...] = (),
    complete: bool = True,
) -> PublicView:
    return PublicView(
        True, NOW.isoformat(), state, components or (component(),), incidents, history, complete, maintenance
    )


def hostile(text: str) -> PublicView:
    """It stands wherever others may write something."""
    update = PublicUpdateView(ago(minutes=5), text)
    part = PublicComponentView(text, text, "outage", 0.5, days({3: 0.1}))
    return PublicView(
        published=True,
        at=NOW.isoformat(),
        state="outage",
        components=(part,),
        incidents=(incident(text, updates=(update,)), incident(text, "a", "b", updates=(update,), name="b" * 16)),
        history=(incident(text, ended=ago(minutes=1), updates=(update,), name="c" * 16),),
        maintenance=(work(text, text),),
    )
