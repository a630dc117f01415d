"""What a message about an outage says: what happened, since when, how grave, whom it hurts, what was done, what next.

Of one incident or of several; where a record is the news, its own words (`notices`) say what happened and what comes
next. How to answer is added for each contact when the message is sent. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType

from nemo_watchdog.durations import duration
from nemo_watchdog.engine import declared_words
from nemo_watchdog.engine.impact import Impact, impact_of, together
from nemo_watchdog.engine.listing import listed
from nemo_watchdog.engine.news import News, Words
from nemo_watchdog.engine.next_in_line import answers, next_of
from nemo_watchdog.engine.notices import flapped, graveness, phrase, seen, since_the_work, times, unwatched
from nemo_watchdog.engine.pages import Page
from nemo_watchdog.engine.plan_words import plan
from nemo_watchdog.engine.reported import DECLARED, Declared
from nemo_watchdog.engine.silence import silences_before
from nemo_watchdog.engine.state import Incident
from nemo_watchdog.engine.turn import Turn
from nemo_watchdog.model import Health, Moment, NotificationKind
from nemo_watchdog.policy.policy import Policy

One = Incident | Declared

_RANK: Mapping[NotificationKind, int] = MappingProxyType(
    {
        NotificationKind.ESCALATED: 5,
        NotificationKind.FLAPPING: 4,
        NotificationKind.SUGGESTED: 3,
        NotificationKind.HELD: 2,
    }
)


_GRAVITY = re.compile(r"SEV[1-4] .* by the rule \S+\.")
"""A line of what happened, which may be of before it became graver."""


def rank(kind: NotificationKind) -> int:
    """Of what is told together, how much it says about what a person must do."""
    return _RANK.get(kind, 0)


def root_of(one: One) -> str:
    return one.root if isinstance(one, Incident) else one.dependency or DECLARED


def since(one: One) -> datetime:
    """When the trouble began, for which it was opened or reopened last (UTC)."""
    return _began(one).utc


def _began(one: One) -> Moment:
    return (one.ill_since if isinstance(one, Incident) else None) or one.opened


def _lasted_for(one: One, turn: Turn) -> str:
    """Until its end, or until now: a clock that is set changes nothing of that."""
    return duration(round(max(0.0, (one.resolved or turn.now).monotonic - _began(one).monotonic)))


def when(at: datetime, policy: Policy) -> str:
    """`2026-11-25 03:12:04 CET`, by the policy's zone."""
    return f"{at.astimezone(policy.telling.zone):%Y-%m-%d %H:%M:%S %Z}"


# -- messages


def opened(ones: Sequence[One], lead: News | None, turn: Turn) -> Words:
    """Of all that begins together; `lead` is what says most of it, where that is more than that it fails."""
    if len(ones) == 1 and lead is not None and (rank(lead.kind) or isinstance(ones[0], Declared)):
        return news(ones[0], lead, turn)
    title = _title(ones, turn)
    return Words("opened", title, _body(ones, _all_that_happened(ones, turn), turn))


def news(one: One, told: News, turn: Turn, also: Sequence[News] = ()) -> Words:
    """A record's own words, with since when it is so and what was done; what it says of what comes next stays last.

    `also` is what is news at the same moment.
    """
    said, mark, following = told.words.body.rpartition("\nNext: ")
    lines = [said if mark else following, *dict.fromkeys(f"Also: {each.words.title}." for each in also)]
    if isinstance(one, Incident):
        gravity = graveness(one, turn.volatile.policy)
        lines = ["\n".join(line for line in lines[0].split("\n") if line == gravity or not _GRAVITY.fullmatch(line))]
        lines += [_since([one], turn), *([] if gravity in lines[0] else [gravity]), *_done([one])]
    return Words(told.words.key, told.words.title, "\n".join([*lines, *([f"Next: {following}"] if mark else [])]))


def unanswered(page: Page, ones: Sequence[One], to: str, turn: Turn) -> Words:
    """For who is next in line: nobody has taken it."""
    told = [name for name in page.contacts if name != to]
    nobody = f"Nobody has taken it; told until now: {listed(told)}." if told else "Nobody has taken it."
    happened = [nobody, *_all_that_happened(ones, turn)]
    return Words("unanswered", f"{_title(ones, turn)}, and nobody has taken it", _body(ones, happened, turn))


def reminder(ones: Sequence[One], turn: Turn, had: Sequence[str] = ()) -> Words:
    """`had`: those who had taken it for a time that is over."""
    over = [f"The time for which {listed(had)} had taken it is over."] if had else []
    happened = [*over, *_all_that_happened(ones, turn)]
    return Words("reminder", f"still: {_title(ones, turn)}", _body(ones, happened, turn))


def over(ones: Sequence[One], told: Sequence[News], turn: Turn) -> Words:
    """The words of the ends: one incident's own, or those of all."""
    if len(ones) == 1 and told:
        last, (one,) = told[-1].words, ones
        first, _, rest = last.body.partition("\n")
        return Words(last.key, last.title, "\n".join([first, *_lasted(one, turn), rest]))
    lines = [line for one in ones[:_MOST] for line in _ended(one, turn)]
    lines += [f"And {len(ones) - _MOST} more, {len(ones)} in all."] if len(ones) > _MOST else []
    how = "not watched any more" if nobody_looks(ones, turn) else "up again"
    title = f"{listed([root_of(one) for one in ones])} {'is' if len(ones) == 1 else 'are'} {how}"
    return Words("resolved", title, "\n".join([*lines, _NOTHING]))


def nobody_looks(ones: Sequence[One], turn: Turn) -> bool:
    """Something ended because the policy does not name it any more, and not because it serves."""
    return any(isinstance(one, Incident) and one.root in unwatched(one, turn) for one in ones)


def healed(one: Incident, turn: Turn) -> Words:
    """It is over, and nobody was called for it."""
    lines = [*_ended(one, turn), "Nobody was called for it.", _NOTHING]
    return Words("healed", f"{one.root} was down for {_lasted_for(one, turn)}, and is up again", "\n".join(lines))


def merged(page: Page, into: Page | None) -> Words:
    root = into.root if into is not None else page.root
    body = f"What was told as the trouble of {page.root} is part of another one: {root} is the cause."
    where = f" ({into.page})" if into is not None else ""
    return Words("merged", f"{page.root} is part of the trouble of {root}", f"{body}\nNext: told there{where}.")


def unless_answered(page: Page, ones: Sequence[One], turn: Turn) -> str:
    """What follows from nobody's answer, after what the watchdog does next; empty for nothing."""
    policy = turn.volatile.policy
    spec = policy.severities.get(page.severity)
    if spec is None or answers(ones, turn.now.monotonic) is not None:
        return ""
    if (following := next_of(page, ones, spec, turn.now.monotonic)) is not None:
        who, at = following
        due = turn.now.utc + timedelta(seconds=at - turn.now.monotonic)
        return f"\nUnless somebody takes it, {who.to} is told at {when(due, policy)}."
    if spec.remind_every is not None:
        return f"\nUntil somebody takes it, it is told again every {duration(spec.remind_every)}."
    return ""


# -- their parts

_MOST = 5
"""How many incidents a message tells of one by one."""

_NOTHING = "Next: nothing to do."


def _title(ones: Sequence[One], turn: Turn) -> str:
    """`postgres is down`, `postgres, redis and gateway are down`, `gemma is down and starting`."""
    if len(ones) == 1:
        one = ones[0]
        if isinstance(one, Declared):
            return f"reported: {declared_words.short(one.text)}"
        again = " again" if _came_back(one, turn) else ""
        failing = _failing(one, turn)
        impact = _impact(ones, turn)
        beside = ", and with it all that is core" if impact is not None and impact.all_core else ""
        return f"{failing} is {_health(failing, one, turn)}{again}{beside}"
    if (impact := _impact(ones, turn)) is not None and impact.all_core:
        return f"everything core fails at once: {listed(impact.affected)}"
    found = {_health(one.root, one, turn) for one in ones if isinstance(one, Incident)}
    how = f"are {found.pop()}" if len(found) == 1 else "fail"
    return f"{listed([root_of(one) for one in ones])} {how}"


def _failing(incident: Incident, turn: Turn) -> str:
    """The root, or, when that serves again, the first member that does not."""
    trackers = turn.volatile.trackers
    failing = (each for each in incident.members if each in trackers and trackers[each].state.health is not Health.UP)
    tracker = trackers.get(incident.root)
    serves = tracker is not None and tracker.state.health is Health.UP
    return next(failing, incident.root) if serves else incident.root


def _health(name: str, incident: Incident, turn: Turn) -> str:
    tracker = turn.volatile.trackers.get(name)
    if tracker is None:
        return "not watched any more"
    health = tracker.state.health
    if health is Health.STARTING:
        return "down and starting"
    return str(health if health is not Health.UNKNOWN else _last(incident)[0])


def _last(incident: Incident) -> tuple[str, str | None, str]:
    """Health, reason and detail of the root as they were written down last."""
    return incident.last.get(incident.root) or (incident.health, incident.reason, incident.detail)


def _all_that_happened(ones: Sequence[One], turn: Turn) -> list[str]:
    """Of as many as people read; of more, how many there are."""
    lines = [line for one in ones[:_MOST] for line in _happened(one, turn)]
    return lines if len(ones) <= _MOST else [*lines, f"And {len(ones) - _MOST} more, {len(ones)} in all."]


def _happened(one: One, turn: Turn) -> Iterator[str]:
    if isinstance(one, Declared):
        yield declared_words.reported(one)
        yield from _silenced(one, turn)
        return
    trackers = turn.volatile.trackers
    if one.root in trackers and trackers[one.root].state.health is Health.UNKNOWN:
        yield f"{one.root} was {phrase(*_last(one))}; the watchdog has just started and has not looked at it yet."
    else:
        yield f"{one.root} is {seen(one.root, turn)}."
    more = [
        name
        for name in one.members
        if name != one.root and name in trackers and trackers[name].state.health is not Health.UP
    ]
    if more:
        yield f"With it {'fails' if len(more) == 1 else 'fail'} {listed(more)}."
    if _came_back(one, turn):
        yield f"It is the same incident, reopened {times(one.reopened)}."
    if planned := since_the_work(one.root, one, turn):
        yield planned.rstrip()
    yield from _silenced(one, turn)


def _came_back(one: Incident, turn: Turn) -> bool:
    """People were told of it before, and it opened again."""
    return one.reopened > 0 and turn.durable.pages.of(one.incident) is not None


def _silenced(one: One, turn: Turn) -> Iterator[str]:
    if over := silences_before(turn, one):
        yield f"Until now it was silenced, by {listed([each.said() for each in over])}."


def _body(ones: Sequence[One], happened: Sequence[str], turn: Turn) -> str:
    policy = turn.volatile.policy
    gravest = min(ones, key=lambda one: one.severity)
    spec = policy.severities.get(gravest.severity)
    respond = f" Respond within {duration(spec.respond_within)}." if spec else ""
    gravity = graveness(gravest, policy) if isinstance(gravest, Incident) else declared_words.graveness(gravest, policy)
    lines = [
        *happened,
        _since(ones, turn),
        f"{gravity}{respond}",
        *_affected(ones, turn),
        *_done(ones[:_MOST]),
        f"Next: {_next(ones[:_MOST], turn)}",
    ]
    return "\n".join(lines)


def _since(ones: Sequence[One], turn: Turn) -> str:
    first = min(ones, key=lambda one: _began(one).monotonic)
    return f"Since {when(since(first), turn.volatile.policy)} ({_lasted_for(first, turn)})."


def _affected(ones: Sequence[One], turn: Turn) -> Iterator[str]:
    if (impact := _impact(ones, turn)) is not None:
        yield f"Affected: {impact}."


def _impact(ones: Sequence[One], turn: Turn) -> Impact | None:
    """Of all of them together."""
    found = [impact_of(turn.volatile, one.root, one.members) for one in ones if isinstance(one, Incident)]
    return together(found, turn.volatile) if found else None


def _done(ones: Sequence[One]) -> Iterator[str]:
    """What was ordered in it."""
    done = [
        f"{ladder.action} of {ladder.target} {times(ladder.acted)}"
        for one in ones
        if isinstance(one, Incident)
        for ladder in {id(each): each for each in one.ladders.values()}.values()
        if ladder.acted
    ]
    yield f"Done: {'; '.join(done)}." if done else "Done: nothing yet."


def _next(ones: Sequence[One], turn: Turn) -> str:
    planned = {root_of(one): plan(one.root, one, turn) for one in ones if isinstance(one, Incident)}
    if not planned:
        return "the watchdog does nothing about what people report."
    if len(planned) == 1:
        return f"{next(iter(planned.values()))}."
    return " ".join(f"{root}: {following}." for root, following in planned.items())


def _ended(one: One, turn: Turn) -> Iterator[str]:
    policy = turn.volatile.policy
    began, ended, took = since(one), (one.resolved or turn.now).utc, _lasted_for(one, turn)
    if isinstance(one, Declared):
        yield f"{declared_words.reported(one)} Over after {took}."
        return
    gone = unwatched(one, turn)
    said = phrase(one.health, one.reason, one.detail)
    yield f"{one.root} was {said} from {when(began, policy)} to {when(ended, policy)} ({took})."
    yield from (f"{flapped(name, spell.changes, spell.seconds)}." for name, spell in one.flapped.items())
    yield from _done([one]) if one.acted_now else ["Done: nothing, it came back by itself."]
    yield from (f"{name} is not watched any more: the policy does not name it." for name in gone)


def _lasted(one: One, turn: Turn) -> Iterator[str]:
    """Of one that is over, from when to when, and what was done."""
    if not isinstance(one, Incident):
        return
    policy, ended = turn.volatile.policy, (one.resolved or turn.now).utc
    began = f"{one.opened_as[0]} {phrase(one.health, one.reason, one.detail)}"
    yield f"It began at {when(since(one), policy)} ({began}), and ended at {when(ended, policy)}."
    if one.acted_now:
        yield from _done([one])
