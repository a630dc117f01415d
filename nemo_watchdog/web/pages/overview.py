"""The operators' page in words and numbers, ready for its template. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeVar

from nemo_watchdog.incident_views import DeliveryView
from nemo_watchdog.journal.reader import Outbox
from nemo_watchdog.people_views import QuietView
from nemo_watchdog.view_words import (
    Clock,
    budget_said,
    budgets_left,
    counts_said,
    group_said,
    oncall_said,
    pauses_said,
    scope_said,
    silence_said,
    time_of,
    unchanged_said,
)
from nemo_watchdog.views import DeclaredView, IncidentView, PolicyView, StatusView
from nemo_watchdog.web.pages.alarms import AlarmLine, alarms
from nemo_watchdog.web.pages.cards import (
    Card,
    DeclaredCard,
    ProposalCard,
    Time,
    card,
    declared_card,
    proposal_cards,
    time_at,
)
from nemo_watchdog.web.pages.graph import Graph, graph
from nemo_watchdog.web.pages.headline import headline_of
from nemo_watchdog.web.pages.rows import Section, arranged, section
from nemo_watchdog.web.recent import RecentView

MOST_CARDS = 30
"""Open incidents that have a card, the gravest: of a hundred nobody reads the last ones here."""

STATES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {"pending": ("waiting since", "warn"), "delivered": ("delivered", "ok"), "given_up": ("given up", "bad")}
)
"""Of a message: how it is said, and its tone."""


@dataclass(frozen=True, slots=True)
class PauseLine:
    """`scope` is as `resume` wants it (`*` for everything), `said` names it for people."""

    scope: str
    said: str


@dataclass(frozen=True, slots=True)
class QuietLine:
    """A silence, or maintenance that a person began; `ends` is the order that ends it."""

    id: str
    said: str
    ends: str


@dataclass(frozen=True, slots=True)
class BudgetLine:
    """`tone`: ok, or warn where nothing remains."""

    scope: str
    said: str
    tone: str


@dataclass(frozen=True, slots=True)
class PolicyLines:
    loaded: Time
    problems: tuple[str, ...]
    changed: tuple[str, ...]
    unchanged: tuple[str, ...]
    unused_labels: tuple[str, ...]
    discovered: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """`tone`: ok, warn while it waits, bad where it was given up."""

    incident: str
    contact: str
    title: str
    state: str
    tone: str
    when: Time
    detail: str


@dataclass(frozen=True, slots=True)
class OutboxLines:
    """The newest messages; `waiting` is how many wait. `known` is False where the journal could not be read."""

    rows: tuple[DeliveryRow, ...]
    waiting: int
    known: bool


@dataclass(frozen=True, slots=True)
class Overview:
    """`tone`: ok, warn, bad or blind."""

    now: Time
    headline: str
    tone: str
    autonomy: str
    counts: str
    """`31 dependencies: 1 down, 30 up`."""
    alarms: tuple[AlarmLine, ...]
    incidents: tuple[Card, ...]
    """The gravest first."""
    more_incidents: int
    """Open ones that have no card."""
    declared: tuple[DeclaredCard, ...]
    proposals: tuple[ProposalCard, ...]
    graph: Graph
    groups: tuple[Section, ...]
    redundancy: tuple[str, ...]
    pauses: tuple[PauseLine, ...]
    quiets: tuple[QuietLine, ...]
    oncall: tuple[str, ...]
    budgets: tuple[BudgetLine, ...]
    policy: PolicyLines
    outbox: OutboxLines
    complete: bool
    """Whether all bars that are shown are known yet."""
    version: str


def shown(view: StatusView) -> Sequence[str]:
    """The dependencies whose bars the page shows: what `Recent.of` is to be asked for."""
    return [name for each in arranged(view) for name in each.full]


def overview(
    view: StatusView,
    recent: Mapping[str, RecentView],
    outbox: Outbox | None,
    clock: Clock,
    maintenance: Sequence[QuietView] = (),
) -> Overview:
    """`outbox` is None where the journal could not be read. `clock` is `Clock(view.now, zone)`."""
    headline, tone = headline_of(view, clock)
    sections = arranged(view)
    rows = [name for each in sections for name in each.full]
    return Overview(
        now=Time(view.now, clock.now),
        headline=headline,
        tone=tone,
        autonomy=view.autonomy,
        counts=counts_said(view),
        alarms=alarms(view, clock),
        incidents=tuple(card(view, each, clock) for each in gravest(view.incidents)[:MOST_CARDS]),
        more_incidents=max(0, len(view.incidents) - MOST_CARDS),
        declared=tuple(declared_card(each, clock) for each in gravest(view.declared)),
        proposals=proposal_cards(view, clock),
        graph=graph(view),
        groups=tuple(section(view, each, recent, clock) for each in sections),
        redundancy=tuple(group_said(each) for each in view.groups if each.serving < each.of),
        pauses=tuple(
            PauseLine(scope, said) for scope, pause in view.pauses.items() for said in pauses_said(scope, pause, clock)
        ),
        quiets=tuple(_quiets(view, maintenance, clock)),
        oncall=tuple(oncall_said(name, rota, clock) for name, rota in view.oncall.items()),
        budgets=tuple(
            BudgetLine(scope, budget_said(each), "ok" if each.remaining else "warn")
            for scope, each in budgets_left(view.budgets)
        ),
        policy=_policy(view.policy, clock),
        outbox=_outbox(outbox, clock),
        complete=all(name in recent and recent[name].complete for name in rows),
        version=view.version,
    )


Open = TypeVar("Open", IncidentView, DeclaredView)


def gravest(opened: Iterable[Open]) -> list[Open]:
    return sorted(opened, key=lambda each: (each.severity, each.opened))


def _quiets(view: StatusView, maintenance: Sequence[QuietView], clock: Clock) -> Iterator[QuietLine]:
    """What the policy plans stands at what it holds."""
    for each in view.silences:
        yield QuietLine(each.id, silence_said(each, clock), "end-silence")
    for each in maintenance:
        if not each.window:
            read = f"; users read: {each.public}" if each.public else ""
            said = f"maintenance: {scope_said(each)} until {clock.at(each.until)}, by {each.by}: {each.reason}{read}"
            yield QuietLine(each.id, said, "end-maintenance")


def _policy(policy: PolicyView, clock: Clock) -> PolicyLines:
    return PolicyLines(
        loaded=time_at(time_of(policy.loaded_at), clock),
        problems=policy.problems,
        changed=policy.changed,
        unchanged=tuple(unchanged_said(policy, clock)),
        unused_labels=policy.unused_labels,
        discovered=policy.discovered,
    )


def _outbox(outbox: Outbox | None, clock: Clock) -> OutboxLines:
    if outbox is None:
        return OutboxLines((), 0, known=False)
    return OutboxLines(tuple(_row(*each, clock) for each in outbox.newest), outbox.waiting, known=True)


def _row(incident: str, told: DeliveryView, clock: Clock) -> DeliveryRow:
    state, tone = STATES.get(told.state, (told.state, "warn"))
    at = told.queued if told.state == "pending" else told.changed
    return DeliveryRow(incident, told.contact, told.title, state, tone, time_at(at, clock), told.detail)
