"""When people are told of an outage, whom, and of what in one message. Pure.

What follows a record waits here as news until it is told, alone or with others, or held back. Whether there is anything
to tell is asked of the state and not of what was said: a page is what people know, and who was told is a record, so a
restart forgets nothing and repeats nothing. What is over before anybody was paged is no page.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence

from nemo_watchdog import records as r
from nemo_watchdog.engine import paging_words
from nemo_watchdog.engine.in_hand import is_in_hand
from nemo_watchdog.engine.news import FLAPPING, LOOK, STILL, News
from nemo_watchdog.engine.next_in_line import answers, line_of, next_of
from nemo_watchdog.engine.page_facts import (
    One,
    contacts_of,
    drop_news,
    end_of,
    is_graver,
    is_merged,
    is_open,
    is_unseen,
    ones_of,
    open_ones,
    take_news,
    whom,
)
from nemo_watchdog.engine.page_message import say
from nemo_watchdog.engine.pages import Page
from nemo_watchdog.engine.quiet import Fact
from nemo_watchdog.engine.quieting import end_silences
from nemo_watchdog.engine.reported import Declared
from nemo_watchdog.engine.silence import began, is_silent, rests, silences_before, was_let_go
from nemo_watchdog.engine.state import Incident
from nemo_watchdog.engine.turn import Turn
from nemo_watchdog.model import NotificationKind, Told


def review(turn: Turn) -> None:
    """At the end of a step: tells what is due, and has the engine woken for what will be."""
    agenda, waiting = turn.volatile.agenda, turn.volatile.news
    first = agenda.next()
    if not turn.effects.records and (first is None or first > turn.now.monotonic):
        turn.wake(first)
        return
    for each in turn.effects.news:
        waiting.setdefault(each.incident, []).append(each)
    end_silences(turn)
    if any(isinstance(each, Fact) for each in turn.effects.records):
        review_all(turn)
    touched = dict.fromkeys(getattr(record, "incident", "") for record in turn.effects.records)
    planned = dict.fromkeys(agenda.take(turn.now.monotonic))
    pages, due = dict[str, bool](), list[One]()
    for name in touched | planned:
        page = turn.durable.pages.of(name)
        if page is not None and page.over is None:
            pages[page.page] = pages.get(page.page, False) or name in planned
        elif (one := turn.durable.one(name)) is not None and _is_due(turn, one):
            due.append(one)
    for identity, it_is_time in pages.items():
        _review_page(turn, turn.durable.pages.by_id[identity], it_is_time=it_is_time)
    if due:
        _begin(turn, due)
    turn.wake(agenda.next())


def review_at_start(turn: Turn) -> None:
    turn.volatile.blind_until = turn.now.monotonic + turn.volatile.policy.telling.group_wait
    review_all(turn)


def review_all(turn: Turn) -> None:
    """Whatever is known: after a start, and when the policy says anew who is told.

    What is over and in no open page was told in the step that ended it, or to nobody; unless it may come back.
    """
    agenda, now = turn.volatile.agenda, turn.now.monotonic
    for name in turn.durable.ids:
        one = turn.durable.one(name)
        is_over = one is not None and one.resolved is not None and not turn.durable.pages.is_open(name)
        if not is_over or _may_come_back(turn, one):
            agenda.put(name, now)


# -- what nobody was told of yet


def _is_due(turn: Turn, one: One) -> bool:
    """Whether people must hear of it now: that it began, or that it is over before anybody was called."""
    if is_merged(one) or is_silent(turn, one) or not contacts_of(one, turn):
        drop_news(turn, one)
        turn.volatile.agenda.put(one.incident, None)
        return False
    page = turn.durable.pages.of(one.incident)
    if one.resolved is not None:
        known = page is not None and page.over is not None and page.over.monotonic >= end_of(one)
        return not known and not _is_too_soon(turn, one.incident, [one])
    at = _due(turn, one)
    if at is None or at > turn.now.monotonic:
        turn.volatile.agenda.put(one.incident, at)
        return False
    return True


def _due(turn: Turn, one: One) -> float | None:
    """Monotonic seconds; None: when the storm is told that it is of."""
    telling, storm, now = turn.volatile.policy.telling, turn.durable.storm, turn.now.monotonic
    if isinstance(one, Declared):
        return one.opened.monotonic
    if storm is not None and storm.ended is None and storm.incident == one.incident:
        return now if storm.told else None
    if is_unseen(turn, one) and now < turn.volatile.blind_until:
        return turn.volatile.blind_until
    since = began(one)
    at_once, quietly = since + telling.group_wait, since + max(telling.group_wait, telling.heal_quietly)
    if now < at_once or now >= quietly or one.reopened or one.escalated:
        return at_once
    planned = turn.volatile.agenda.planned(one.incident)
    if planned == quietly and not any(isinstance(each, r.DecisionMade) for each in turn.effects.records):
        return planned
    return quietly if is_in_hand(turn, one) else at_once


def _begin(turn: Turn, due: Sequence[One]) -> None:
    """One page for all that began so soon after one another; what came back goes on in the page that it has."""
    new, back = list[One](), dict[str, None]()
    for one in due:
        if one.resolved is not None:
            if isinstance(one, Incident):
                _tell_that_it_healed(turn, one)
        elif (page := turn.durable.pages.of(one.incident)) is not None:
            back[page.page] = None
        else:
            new.append(one)
    for identity in back:
        ones = open_ones(turn, turn.durable.pages.by_id[identity])
        _open(turn, [one for one in ones if one in due or _may_join(turn, one)])
    if not new:
        return
    begins, wait = [began(one) for one in new], turn.volatile.policy.telling.group_wait
    beside = (one for one in turn.durable.all_open() if turn.durable.pages.of(one.incident) is None and one not in new)
    new += [one for one in beside if min(begins) - wait <= began(one) <= max(begins) + wait and _may_join(turn, one)]
    _open(turn, new)


def _may_join(turn: Turn, one: One) -> bool:
    """A storm that nobody knows the extent of is told when that is known."""
    if is_silent(turn, one) or not contacts_of(one, turn):
        return False
    return isinstance(one, Declared) or _due(turn, one) is not None


def _open(turn: Turn, ones: Sequence[One]) -> None:
    news = take_news(turn, [one.incident for one in ones])
    lead = max(news, key=lambda each: paging_words.rank(each.kind), default=None)
    turn.effects.told += [(each.kind, Told.GROUPED) for each in news if each.kind is not NotificationKind.OPENED]
    page = turn.durable.pages.of(ones[0].incident)
    to = dict.fromkeys(name for one in ones for name in contacts_of(one, turn))
    to |= dict.fromkeys(name for each in news for name in each.to)
    say(
        turn,
        NotificationKind.OPENED,
        page.page if page is not None else ones[0].incident,
        ones,
        paging_words.opened(ones, lead, turn),
        list(to),
        said=[each.once for each in news if each.once],
        anew=all(silences_before(turn, one) or was_let_go(turn, one) for one in ones),
    )
    opened = turn.durable.pages.of(ones[0].incident)
    if opened is not None:
        _ask_the_next(turn, opened, ones)


# -- what people know of


def _review_page(turn: Turn, page: Page, *, it_is_time: bool) -> None:
    if not any(is_open(turn, each) for each in page.incidents):
        _end(turn, page)
        return
    is_planned = turn.volatile.agenda.planned(page.page) is not None
    is_news = any(each in turn.volatile.news for each in page.incidents)
    if is_planned and not it_is_time and not is_news and not is_graver(open_ones(turn, page), page):
        return
    ones = [one for one in open_ones(turn, page) if not is_silent(turn, one)]
    news = take_news(turn, page.incidents)
    resting = turn.volatile.resting
    if not ones:
        turn.effects.told += [(each.kind, Told.SILENCED) for each in news]
        turn.volatile.agenda.put(page.page, None)
        resting.add(page.page)
        return
    goes_on = page.page in resting and not all(rests(turn, one) for one in ones)
    resting.discard(page.page)
    if (goes_on or any(was_let_go(turn, one) for one in ones)) and answers(ones, turn.now.monotonic) is None:
        _remind(turn, page, ones, whom(turn, page, ones), anew=True)
    _tell_whose_time_is_over(turn, page, ones)
    known = set(page.said)
    told = [each for each in news if _is_to_be_told(turn, page, each, known)]
    for each in told:
        if each.kind is NotificationKind.ACKNOWLEDGED:
            _tell_of_a_page(turn, page, ones, [each])
    if at_once := [each for each in told if each.kind is not NotificationKind.ACKNOWLEDGED]:
        _tell_of_a_page(turn, page, ones, at_once)
    if is_graver(ones, page):  # it became so while nobody was to hear of it
        _remind(turn, page, ones, whom(turn, page, ones), anew=True)
    _ask_the_next(turn, page, ones)


def _tell_of_a_page(turn: Turn, page: Page, ones: Sequence[One], news: Sequence[News]) -> None:
    """What people learn at one moment is one message."""
    lead = max(news, key=lambda each: (paging_words.rank(each.kind), each.kind is NotificationKind.ROOT_CHANGED))
    about = next((one for one in ones if one.incident == lead.incident), ones[0])
    named = dict.fromkeys((*page.contacts, *contacts_of(about, turn), *(name for each in news for name in each.to)))
    to = [name for name in named if name != lead.but]
    if not to:
        turn.effects.told += [(each.kind, Told.NO_CONTACT) for each in news]
        return
    rest = [each for each in news if each is not lead]
    turn.effects.told += [(each.kind, Told.GROUPED) for each in rest]
    words = paging_words.news(about, lead, turn, rest)
    say(turn, lead.kind, page.page, ones, words, to, said=[each.once for each in news if each.once])


def _is_to_be_told(turn: Turn, page: Page, news: News, known: set[str]) -> bool:
    """`known` is what is no news any more when it is so again."""
    why = _why_held_back(turn, page, news, known)
    known.add(news.once)
    if why is not None:
        turn.effects.told.append((news.kind, why))
        turn.volatile.held_back[page.page] = turn.volatile.held_back.get(page.page, 0) + 1
    return why is None


def _why_held_back(turn: Turn, page: Page, news: News, known: Container[str]) -> Told | None:
    """Of what people know of, only what makes them do something else is told."""
    kind = NotificationKind
    one = turn.durable.one(news.incident)
    if one is not None and one.resolved is None and is_silent(turn, one):
        return Told.SILENCED
    asks_anew = page.clock.monotonic == news.at.monotonic  # it has ended an acknowledgement
    if news.kind is kind.SEVERITY_CHANGED:
        graver = is_graver(open_ones(turn, page), page)
        return None if graver or asks_anew or set(news.to) - page.contacts.keys() else Told.GROUPED
    if news.kind is kind.OPENED and one is not None:
        is_news = asks_anew or news.incident not in page.known or one.severity < page.severity
        return None if is_news else Told.GROUPED
    if news.kind is kind.ACTION_STARTED and not turn.volatile.policy.telling.actions:
        return Told.GROUPED
    if news.kind is kind.ACKNOWLEDGED:
        return Told.GROUPED if news.once in known else None
    if news.once == STILL and FLAPPING not in page.said:
        return Told.GROUPED
    if news.kind is kind.WORSENED and not any(each.startswith(LOOK) for each in page.said):
        return Told.GROUPED  # nobody believes that it is mended
    if not news.once:
        return Told.GROUPED  # the next message tells what was done, and how all is
    return Told.HELD_BACK if news.once in known else None


def _ask_the_next(turn: Turn, page: Page, ones: Sequence[One]) -> None:
    """While nobody answers: who is next in line, and at its end the last one again."""
    now, agenda = turn.now.monotonic, turn.volatile.agenda
    holding = answers(ones, now)
    rest = all(rests(turn, one) for one in ones)
    if rest:
        turn.volatile.resting.add(page.page)
    if holding is not None or rest:
        agenda.put(page.page, min((each.until for each in holding or () if each.until is not None), default=None))
        return
    spec = turn.volatile.policy.severities.get(page.severity)
    if spec is None:
        return
    while (following := next_of(page, ones, spec, now)) is not None:
        who, at = following
        if at > now:
            agenda.put(page.page, at)
            return
        words = paging_words.unanswered(page, ones, who.to, turn)
        unanswered = NotificationKind.UNANSWERED
        say(turn, unanswered, page.page, ones, words, [who.to], level=len(page.asked) + 1, late=now - at)
    if spec.remind_every is not None:
        if page.reminded.monotonic + spec.remind_every <= now:
            line = line_of(spec)
            _remind(turn, page, ones, [line[-1].to] if line else list(page.contacts))
        agenda.put(page.page, page.reminded.monotonic + spec.remind_every)


def _tell_whose_time_is_over(turn: Turn, page: Page, ones: Sequence[One]) -> None:
    """Who knew that somebody had it must know that nobody has it any more."""
    over = [each for one in ones if (each := one.acknowledged) is not None and not each.holds(turn.now.monotonic)]
    ended = max((each.until for each in over if each.until is not None), default=None)
    if ended is not None and page.reminded.monotonic < ended:
        _remind(turn, page, ones, page.contacts, had=dict.fromkeys(each.by for each in over))


def _remind(
    turn: Turn, page: Page, ones: Sequence[One], to: Iterable[str], *, anew: bool = False, had: Iterable[str] = ()
) -> None:
    """It is still so. `anew`: it rested until now, and who is next in line waits from now on; `had`: who had it."""
    words = paging_words.reminder(ones, turn, list(had))
    say(turn, NotificationKind.REMINDER, page.page, ones, words, list(dict.fromkeys(to)), anew=anew)


# -- the end


def _end(turn: Turn, page: Page) -> None:
    """When all of it is over, and what has come back before has held for a while."""
    ended = [one for one in ones_of(turn, page) if one.resolved is not None and not is_merged(one)]
    if not ended:
        _give_over(turn, page)
        return
    if _is_too_soon(turn, page.page, ended):
        return
    news = take_news(turn, page.incidents)
    kind = NotificationKind.UNWATCHED if paging_words.nobody_looks(ended, turn) else NotificationKind.RESOLVED
    turn.effects.told += [(each.kind, Told.GROUPED) for each in news if each.kind is not kind]
    words = paging_words.over(ended, news, turn)
    say(turn, kind, page.page, ended, words, list(page.contacts))


def _give_over(turn: Turn, page: Page) -> None:
    """All of it is part of another page, whose end they will hear of."""
    turn.effects.told += [(each.kind, Told.MERGED) for each in take_news(turn, page.incidents)]
    into = turn.durable.pages.of(page.merged_into)
    words = paging_words.merged(page, into)
    ones = ones_of(turn, page)
    say(turn, NotificationKind.MERGED, page.page, ones, words, list(page.contacts))


def _tell_that_it_healed(turn: Turn, one: Incident) -> None:
    drop_news(turn, one)
    page, to = turn.durable.pages.of(one.incident), contacts_of(one, turn)
    identity = one.incident if page is None else page.page
    say(turn, NotificationKind.HEALED, identity, [one], paging_words.healed(one, turn), to)


def _may_come_back(turn: Turn, one: One | None) -> bool:
    """It has come back before, and its end waits for whether it does again."""
    if not isinstance(one, Incident) or not one.reopened:
        return False
    return turn.now.monotonic < end_of(one) + turn.volatile.policy.telling.settle


def _is_too_soon(turn: Turn, name: str, ended: Sequence[One]) -> bool:
    """Something of it has come back before, and may once more."""
    if not any(isinstance(one, Incident) and one.reopened for one in ended):
        return False
    until = max(map(end_of, ended)) + turn.volatile.policy.telling.settle
    if turn.now.monotonic >= until:
        return False
    turn.volatile.agenda.put(name, until)
    return True
