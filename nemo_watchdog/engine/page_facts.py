"""What is so of a page: who hears of it, what it tells of, how that stands, and what news of it waits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from nemo_watchdog.engine.news import News
from nemo_watchdog.engine.pages import Page
from nemo_watchdog.engine.reported import Declared
from nemo_watchdog.engine.silence import is_silent
from nemo_watchdog.engine.state import Incident
from nemo_watchdog.engine.turn import Turn
from nemo_watchdog.model import Health, Told

One = Incident | Declared


def contacts_of(one: One, turn: Turn) -> list[str]:
    """Those of the severity, then those of the rule, then whom its remedies asked for; each once."""
    policy = turn.volatile.policy
    spec = policy.severities.get(one.severity)
    of_severity = spec.notify if spec else ()
    if isinstance(one, Declared):
        return list(dict.fromkeys(of_severity))
    rule = next((each for each in policy.classification if each.name == one.rule), None)
    return list(dict.fromkeys((*of_severity, *(rule.notify if rule else ()), *filter(None, one.escalated))))


def whom(turn: Turn, page: Page, ones: Sequence[One]) -> list[str]:
    """Who knows of it, and who is told of what is so now."""
    return [*page.contacts, *(name for one in ones for name in contacts_of(one, turn))]


def ones_of(turn: Turn, page: Page) -> list[One]:
    """All that it tells of and that is remembered."""
    return [one for each in page.incidents if (one := turn.durable.one(each)) is not None]


def open_ones(turn: Turn, page: Page) -> list[One]:
    return [one for one in ones_of(turn, page) if one.resolved is None]


def is_open(turn: Turn, name: str) -> bool:
    one = turn.durable.one(name)
    return one is not None and one.resolved is None


def is_graver(ones: Sequence[One], page: Page) -> bool:
    """Than all that was told of it."""
    return any(one.severity < page.severity for one in ones)


def is_merged(one: One) -> bool:
    return isinstance(one, Incident) and bool(one.merged_into)


def is_unseen(turn: Turn, incident: Incident) -> bool:
    """Nobody has looked at what caused it since the start."""
    tracker = turn.volatile.trackers.get(incident.root)
    return tracker is not None and tracker.state.health is Health.UNKNOWN


def end_of(one: One) -> float:
    return one.resolved.monotonic if one.resolved is not None else 0.0


def take_news(turn: Turn, incidents: Iterable[str]) -> list[News]:
    """Of these incidents, in their order; it waits no more."""
    taken = [each for incident in incidents for each in turn.volatile.news.pop(incident, ())]
    return sorted(taken, key=lambda each: each.at.monotonic)


def drop_news(turn: Turn, one: One) -> None:
    word = Told.MERGED if is_merged(one) else Told.SILENCED if is_silent(turn, one) else Told.GROUPED
    turn.effects.told += [(each.kind, word) for each in turn.volatile.news.pop(one.incident, ())]
