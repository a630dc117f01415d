"""One message of a page: the record of it, and what is sent. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from nemo_watchdog import records as r
from nemo_watchdog.engine import paging_words
from nemo_watchdog.engine.news import Words
from nemo_watchdog.engine.reported import Declared
from nemo_watchdog.engine.state import Incident
from nemo_watchdog.engine.turn import Turn
from nemo_watchdog.model import Notification, NotificationKind, Severity, Told


def say(
    turn: Turn,
    kind: NotificationKind,
    page: str,
    ones: Sequence[Incident | Declared],
    words: Words,
    to: Sequence[str],
    *,
    said: Sequence[str] = (),
    level: int = 0,
    late: float = 0.0,
    anew: bool = False,
) -> None:
    """`words` to these people; what is not told of the page itself is that of the gravest of `ones`."""
    gravest: Incident | Declared = min(ones, key=lambda one: one.severity)
    rule = gravest.rule if isinstance(gravest, Incident) else ""
    root = paging_words.root_of(gravest)
    before = turn.durable.pages.by_id.get(page)
    number = 1 if before is None else before.messages + 1
    turn.record(
        r.PeopleTold(
            incident=page,
            kind=kind,
            to=list(to),
            incidents=[one.incident for one in ones],
            severity=gravest.severity,
            rule=rule,
            root=root,
            said=list(said),
            level=level,
            held_back=turn.volatile.held_back.pop(page, 0),
            late=round(late, 3),
            anew=anew,
        )
    )
    turn.effects.told.append((kind, Told.QUEUED))
    told = turn.durable.pages.by_id[page]
    turn.effects.notifications.append(
        Notification(
            key=f"{page}:{number}",
            kind=kind,
            incident=page,
            severity=Severity(gravest.severity),
            root=root,
            title=words.title if kind is NotificationKind.HEALED else f"[{gravest.severity}] {words.title}",
            body=words.body + ("" if told.over else paging_words.unless_answered(told, ones, turn)),
            contacts=tuple(to),
            at=turn.now.utc,
            since=min(paging_words.since(one) for one in ones),
            incidents=tuple(one.incident for one in ones),
        )
    )
