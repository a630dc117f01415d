"""The status page: what the template shows of what users may know. Pure.

A page of many components stays small: of more than a dozen, days without a disturbance have no words of their own, nor
have those with one where there are hundreds; of more than thirty those with the least trouble are names only; and of an
incident that concerns many the first are named, and the others counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from nemo_watchdog.public_views import (
    PublicComponentView,
    PublicDayView,
    PublicIncidentView,
    PublicMaintenanceView,
    PublicView,
)
from nemo_watchdog.web.pages.public_words import (
    DEGRADED,
    MAINTENANCE,
    OPERATIONAL,
    OUTAGE,
    STATES,
    UNKNOWN,
    Time,
    between,
    day_said,
    incident_title,
    known_state,
    lasted,
    maintenance_title,
    moment,
    percent,
    plain,
    sentence,
    time_said,
)
from nemo_watchdog.web.pages.rendering import rendered

PAST_DAYS = 14
"""Days whose incidents are told one by one."""

MOST_PAST = 40
"""Past incidents of which all is told; the feed and the JSON have more."""

MOST_SPOKEN = 12
"""Components each of whose days has words of its own."""

MOST_ROWS = 30
"""Components that have a row with bars."""

MOST_TITLES = 600
"""Days with a disturbance that have words of their own, of more than so many components."""

MOST_NAMED = 12
"""Components that are named with an incident, or with work."""

STEP, HEIGHT = 5, 32
"""Of a bar, in the units of the drawing."""

_TOPS = {"full": 2, "most": 9, "part": 16, "none": 27}
"""Where a bar begins: the less it worked, the lower it is, for who does not see colours."""
_MOST = 0.99
_WORST_FIRST = (OUTAGE, DEGRADED, UNKNOWN, MAINTENANCE, OPERATIONAL)


@dataclass(frozen=True, slots=True)
class Bar:
    """`path` draws it; `title` is empty for many at once."""

    path: str
    title: str


@dataclass(frozen=True, slots=True)
class Bars:
    """Those that are alike together, by the word for how they are. `said` is all of it in words."""

    width: int
    height: int
    groups: tuple[tuple[str, tuple[Bar, ...]], ...]
    said: str
    first: str
    """The oldest day."""


@dataclass(frozen=True, slots=True)
class Row:
    """A component. `uptime` is empty while nothing is known."""

    name: str
    description: str
    state: str
    said: str
    uptime: str
    bars: Bars | None


@dataclass(frozen=True, slots=True)
class Others:
    """Components in the same state that have no row."""

    state: str
    said: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Update:
    at: Time
    text: str


@dataclass(frozen=True, slots=True)
class Incident:
    id: str
    title: str
    state: str
    components: tuple[str, ...]
    """Where the title does not name all."""
    is_open: bool
    began: Time
    span: str
    """From when until when; of one that is open, since when."""
    lasted: str
    updates: tuple[Update, ...]


@dataclass(frozen=True, slots=True)
class Work:
    """Maintenance, announced or going on."""

    id: str
    title: str
    when: str
    goes_on: bool
    begins: Time
    ends: Time
    components: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PastDay:
    """`elsewhere` are incidents of it that are told at another place: id and title of each."""

    said: str
    incidents: tuple[Incident, ...] = ()
    elsewhere: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class StatusPage:
    published: bool
    state: str
    sentence: str
    open_said: str
    """How many incidents are open; empty for none."""
    at: Time
    complete: bool
    rows: tuple[Row, ...]
    others: tuple[Others, ...]
    """The worst first."""
    incidents: tuple[Incident, ...]
    work: tuple[Work, ...]
    past: tuple[PastDay, ...]
    older: int
    """Incidents of these days that are not told here."""


def status_page(view: PublicView) -> StatusPage:
    now = moment(view.at)
    shown = _shown(view.components)
    spoken = _spoken(shown)
    since = now.date() - timedelta(days=PAST_DAYS - 1)
    past = [each for each in view.history if moment(each.ended or view.at).date() >= since]
    told = past[:MOST_PAST]
    return StatusPage(
        published=view.published,
        state=known_state(view.state),
        sentence=sentence(view),
        open_said=_open(len(view.incidents)),
        at=time_said(view.at, now, whole=True),
        complete=view.complete,
        rows=tuple(_row(each, now.date(), spoken) for each in shown),
        others=tuple(_others(view.components, {each.name for each in shown})),
        incidents=tuple(_incident(each, now) for each in view.incidents),
        work=tuple(_work(each, now) for each in view.maintenance if moment(each.ends) > now),
        past=tuple(_past(view, told, now)) if view.published else (),
        older=len(past) - len(told),
    )


def page_text(view: PublicView, *, stylesheet: str, icon: str = "") -> str:
    """The page as HTML; `stylesheet` and `icon` are where those are."""
    return rendered("status.html", page=status_page(view), stylesheet=stylesheet, icon=icon)


def _open(count: int) -> str:
    return "" if not count else f"{count} open incident{'' if count == 1 else 's'}"


# -- components


def _shown(components: Sequence[PublicComponentView]) -> Sequence[PublicComponentView]:
    """Those that have a row: all, or of many those with the most trouble, in the order of the policy."""

    def trouble(component: PublicComponentView) -> tuple[int, float]:
        return _WORST_FIRST.index(known_state(component.state)), 1.0 if component.uptime is None else component.uptime

    most = {each.name for each in sorted(components, key=trouble)[:MOST_ROWS]}
    return [each for each in components if each.name in most]


def _others(components: Sequence[PublicComponentView], shown: Collection[str]) -> Iterator[Others]:
    rest = [each for each in components if each.name not in shown]
    for state in _WORST_FIRST:
        if names := tuple(plain(each.name) for each in rest if known_state(each.state) == state):
            yield Others(state, f"{len(names)} more: {STATES[state]}", names)


def _spoken(shown: Sequence[PublicComponentView]) -> Collection[str]:
    """Of which days each has words of its own: of all where that is not much, or else of the worst."""
    if len(shown) <= MOST_SPOKEN:
        return _TOPS
    counted = Counter(_word(day) for each in shown for day in each.days)
    for words in (("most", "part"), ("part",)):
        if sum(counted[word] for word in words) <= MOST_TITLES:
            return words
    return ()


def _row(component: PublicComponentView, today: date, spoken: Collection[str]) -> Row:
    state = known_state(component.state)
    known = sum(each.uptime is not None for each in component.days)
    uptime = ""
    if component.uptime is not None:
        days = "" if known == len(component.days) else f" in {known} day{'' if known == 1 else 's'}"
        uptime = f"{percent(component.uptime)} uptime{days}"
    bars = bars_of(component, today, spoken) if component.days else None
    return Row(plain(component.name), plain(component.description), state, STATES[state], uptime, bars)


def bars_of(component: PublicComponentView, today: date, spoken: Collection[str] = tuple(_TOPS)) -> Bars:
    """One for each day. `spoken`: of which of them each has words of its own."""
    groups: dict[str, list[Bar]] = {}
    for place, day in enumerate(component.days):
        word = _word(day)
        x, top = place * STEP + STEP / 2, _TOPS[word]
        title = _day_title(day, today) if word in spoken else ""
        groups.setdefault(word, []).append(Bar(f"M{x:g} {top}V{HEIGHT - 2}", title))
    groups = {word: bars if word in spoken else [_at_once(bars)] for word, bars in groups.items()}
    return Bars(
        width=len(component.days) * STEP,
        height=HEIGHT,
        groups=tuple((word, tuple(groups[word])) for word in _TOPS if word in groups),
        said=_said(component, today),
        first=day_said(date.fromisoformat(component.days[0].day), today),
    )


def _at_once(bars: Sequence[Bar]) -> Bar:
    return Bar("".join(each.path for each in bars), "")


def _word(day: PublicDayView) -> str:
    if day.uptime is None:
        return "none"
    return "full" if day.uptime >= 1 else "most" if day.uptime >= _MOST else "part"


def _day_title(day: PublicDayView, today: date) -> str:
    how = "nothing was seen" if day.uptime is None else percent(day.uptime)
    return f"{day_said(date.fromisoformat(day.day), today)}: {how}"


def _said(component: PublicComponentView, today: date) -> str:
    """`Uptime of 90 days: 99.98 %, worst day 12 Nov 97.2 %`."""
    known = [each for each in component.days if each.uptime is not None]
    if component.uptime is None or not known:
        return f"Uptime of {len(component.days)} days: nothing is known yet"
    counted = f"{len(known)} of {len(component.days)}" if len(known) < len(component.days) else f"{len(known)}"
    said = f"Uptime of {counted} days: {percent(component.uptime)}"
    worst = min(known, key=lambda each: each.uptime or 0.0)
    if worst.uptime is None or worst.uptime >= 1:
        return said
    return f"{said}, worst day {day_said(date.fromisoformat(worst.day), today)} {percent(worst.uptime)}"


# -- incidents and maintenance


def _incident(incident: PublicIncidentView, now: datetime) -> Incident:
    began = time_said(incident.began, now)
    ended = incident.ended
    return Incident(
        id=incident.id,
        title=incident_title(incident),
        state=known_state(incident.state),
        components=_named(incident.components) if len(incident.components) > 2 else (),
        is_open=ended is None,
        began=began,
        span=f"Since {began.said}" if ended is None else between(incident.began, ended, now),
        lasted=lasted(incident.began, now if ended is None else moment(ended)),
        updates=tuple(Update(time_said(each.at, now), plain(each.text)) for each in incident.updates),
    )


def _named(components: Sequence[str]) -> tuple[str, ...]:
    """Of more than a few the first, and how many there are besides."""
    if len(components) <= MOST_NAMED:
        return tuple(map(plain, components))
    return (*map(plain, components[: MOST_NAMED - 1]), f"and {len(components) - MOST_NAMED + 1} more")


def _work(work: PublicMaintenanceView, now: datetime) -> Work:
    ends = time_said(work.ends, now)
    goes_on = moment(work.begins) <= now
    return Work(
        id=work.id,
        title=maintenance_title(work),
        when=f"Until {ends.said}" if goes_on else between(work.begins, work.ends, now),
        goes_on=goes_on,
        begins=time_said(work.begins, now),
        ends=ends,
        components=_named(work.components),
    )


def _past(view: PublicView, told: Sequence[PublicIncidentView], now: datetime) -> Iterator[PastDay]:
    """Day by day, the newest first; days on which nothing happened are one line, and before anybody looked are none."""
    today = now.date()
    days = [today - timedelta(days=back) for back in range(PAST_DAYS)]
    seen = {next((each.day for each in row.days if each.uptime is not None), "") for row in view.components}
    first = min((date.fromisoformat(each) for each in seen if each), default=days[-1])
    nothing = "No incidents" if view.complete else "No incidents known"
    quiet: list[date] = []
    for day in days:
        here = [each for each in told if max(moment(each.began).date(), days[-1]) == day]
        beside = [each for each in (*view.incidents, *told) if each not in here and _is_of(each, day, today)]
        if not here and not beside:
            quiet += [day] if day >= first else []
            continue
        if quiet:
            yield PastDay(f"{_days(quiet, today)}: {nothing}")
            quiet = []
        elsewhere = tuple((each.id, incident_title(each)) for each in beside)
        yield PastDay(day_said(day, today), tuple(_incident(each, now) for each in here), elsewhere)
    if quiet:
        yield PastDay(f"{_days(quiet, today)}: {nothing}")


def _is_of(incident: PublicIncidentView, day: date, today: date) -> bool:
    """Whether it went on then."""
    ended = today if incident.ended is None else moment(incident.ended).date()
    return moment(incident.began).date() <= day <= ended


def _days(days: Sequence[date], today: date) -> str:
    """`12 Nov`, `10 to 12 Nov`; they are given the newest first."""
    last, first = days[0], days[-1]
    if first == last:
        return day_said(first, today)
    begin = f"{first.day}" if (first.year, first.month) == (last.year, last.month) else day_said(first, today)
    return f"{begin} to {day_said(last, today)}"
