"""How everything is, in one sentence and one tone. Pure."""

from __future__ import annotations

from nemo_watchdog.durations import duration
from nemo_watchdog.view_words import WORST_FIRST, Clock, graveness_said, gravest_first
from nemo_watchdog.views import EVERYTHING, DeclaredView, IncidentView, StatusView

GRAVE = ("SEV1", "SEV2")
NAMED = 3


def headline_of(view: StatusView, clock: Clock) -> tuple[str, str]:
    """Tone: ok, warn, bad, or blind where something cannot be seen and nothing worse is known."""
    if opened := gravest_first(view):
        more = len(opened) - 1
        also = f", and {more} more incident{'s' if more > 1 else ''}" if more else ""
        tone = "bad" if opened[0].severity in GRAVE else "warn"
        return f"{_opened(opened[0], clock)}{also}", tone
    if not view.dependencies:
        return "Nothing is watched", "blind"
    for health in WORST_FIRST:
        if names := [name for name, each in view.dependencies.items() if each.health == health]:
            tone = {"down": "bad", "unknown": "blind"}.get(health, "warn")
            return f"{_listed(names)} {'are' if len(names) > 1 else 'is'} {health}{_but(view)}", tone
    return f"Everything is up{_but(view)}", "warn" if _but(view) else "ok"


def _opened(one: IncidentView | DeclaredView, clock: Clock) -> str:
    if isinstance(one, DeclaredView):
        return f"{graveness_said(one)}: {one.text} since {clock.minute(one.opened)} ({duration(round(one.age))})"
    others = len(one.members) - 1
    also = f" and {others} more" if others > 0 else ""
    lasted = duration(round(one.lasted or one.age))
    return f"{graveness_said(one)}: {one.root}{also} since {clock.minute(one.since or one.opened)} ({lasted})"


def _listed(names: list[str]) -> str:
    more = len(names) - NAMED
    return f"{', '.join(names[:NAMED])} and {more} more" if more > 0 else ", ".join(names)


def _but(view: StatusView) -> str:
    """What holds the watchdog back from everything."""
    if view.journal != "ok":
        return ", but nothing would be done: the journal cannot be trusted or written"
    if EVERYTHING in view.pauses:
        return ", but nothing would be done: everything is paused"
    return ", but the watchdog has trouble of its own" if view.troubles else ""
