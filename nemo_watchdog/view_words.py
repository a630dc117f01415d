"""What the daemon answers, in words for people: the command line and the pages say the same. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta, tzinfo

from nemo_watchdog.durations import duration
from nemo_watchdog.people_views import QuietView, RotaView, ToldView
from nemo_watchdog.views import (
    EVERYTHING,
    AcknowledgementView,
    BudgetView,
    DeclaredView,
    DependencyView,
    GroupView,
    IncidentView,
    PauseView,
    PolicyView,
    StatusView,
    StormView,
    TroubleView,
)

WORST_FIRST = ("down", "unknown", "starting", "degraded")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock:
    """Times as the reader knows them: the day only where it is another one. `zone` None means the local one."""

    def __init__(self, now: str, zone: tzinfo | None) -> None:
        self._zone = zone
        self._now = self._local(now)

    @property
    def now(self) -> str:
        """`03:19:51 CET`."""
        return f"{self._now:%H:%M:%S} {self._now.tzname()}"

    @property
    def day(self) -> str:
        """`2026-11-27`."""
        return f"{self._now:%Y-%m-%d}"

    def at(self, time: str) -> str:
        """`03:19:51`, or `Nov 26 03:19:51`."""
        local = self._local(time)
        return f"{local:%H:%M:%S}" if local.date() == self._now.date() else f"{local:%b %d %H:%M:%S}"

    def minute(self, time: str) -> str:
        """`03:19`, or `Nov 26 03:19`."""
        return self.at(time)[:-3]

    def hour(self, time: str) -> str:
        """`03:00`, whatever the day."""
        return f"{self._local(time):%H:%M}"

    def ago(self, time: str) -> float:
        """Seconds since then; 0 of what is yet to come."""
        return max(0.0, (self._now - self._local(time)).total_seconds())

    def is_to_come(self, time: str) -> bool:
        return self._local(time) > self._now

    def _local(self, time: str) -> datetime:
        try:
            return datetime.fromisoformat(time).astimezone(self._zone)
        except (ValueError, OverflowError):
            return _EPOCH


def time_of(unix: float) -> str:
    """Unix time in ISO 8601."""
    try:
        return (_EPOCH + timedelta(seconds=unix)).isoformat()
    except (ValueError, OverflowError):
        return ""


# -- the whole -------------------------------------------------------------------------------------------------------


def counts_said(view: StatusView) -> str:
    """`31 dependencies: 1 down, 30 up`."""
    healths = [each.health for each in view.dependencies.values()]
    places = [*WORST_FIRST, "up"]
    order = sorted(set(healths), key=lambda health: places.index(health) if health in places else -1)
    counted = ", ".join(f"{healths.count(health)} {health}" for health in order)
    many = len(healths)
    return f"{many} {'dependencies' if many != 1 else 'dependency'}{': ' if counted else ''}{counted}"


def storm_said(storm: StormView, clock: Clock) -> str:
    many = f"storm: {storm.failing} of {storm.of} fail together since {clock.at(storm.since)}"
    return f"{many}; what runs is not restarted while it lasts"


def journal_said(trouble: str) -> str:
    return f"nothing is done, for the journal cannot be trusted or written: {trouble}"


def trouble_said(trouble: TroubleView, clock: Clock) -> str:
    return f"{trouble.what}, since {clock.at(trouble.since)}: {trouble.why}"


def policy_problem_said(problem: str) -> str:
    return f"policy not reloaded: {problem}"


def unused_label_said(problem: str) -> str:
    return f"label not used: {problem}"


def planned_said(dependencies: Mapping[str, DependencyView], clock: Clock) -> Iterator[str]:
    """Maintenance, a line for all that has the same."""
    planned: dict[tuple[str, str], list[str]] = {}
    for name, each in dependencies.items():
        if each.maintenance is not None:
            planned.setdefault((each.maintenance.windows, each.maintenance.until), []).append(name)
    for (windows, end), names in planned.items():
        yield f"planned maintenance: {windows} until {clock.at(end)}, of {', '.join(names)}"


def reloaded_said(policy: PolicyView, clock: Clock) -> Iterator[str]:
    """What the last reload changed, and what goes on as it was begun."""
    if policy.changed:
        yield f"policy reloaded at {clock.at(time_of(policy.loaded_at))}: {'; '.join(policy.changed)}"
    yield from unchanged_said(policy, clock)


def unchanged_said(policy: PolicyView, clock: Clock) -> Iterator[str]:
    for each in policy.unchanged:
        until = f"verified until {clock.at(each.until)}" if each.until else "carried out"
        yield f"not yet for {each.dependency}: {each.action} is {until} as it was ordered"


# -- what people ordered ---------------------------------------------------------------------------------------------


def pauses_said(scope: str, pause: PauseView, clock: Clock) -> Iterator[str]:
    """A line for each that holds of this scope."""
    what = "everything" if scope == EVERYTHING else scope
    for each in (pause, *pause.beside):
        until = f" until {clock.at(each.until)}" if each.until else ""
        yield f"paused: {what}{until}, by {each.by}: {each.reason}"


def scope_said(quiet: QuietView) -> str:
    """`gateway, redis`, `what has the tag core`; `everything` where it names neither."""
    named = [*quiet.dependencies, *(f"what has the tag {tag}" for tag in quiet.tags)]
    return ", ".join(named) or "everything"


def silence_said(silence: QuietView, clock: Clock) -> str:
    return f"silenced: {scope_said(silence)} until {clock.at(silence.until)}, by {silence.by}: {silence.reason}"


def oncall_said(name: str, rota: RotaView, clock: Clock) -> str:
    """Who has this rota, and who then."""
    then = f" until {clock.at(rota.until)}, then {', '.join(rota.then)}" if rota.until else ""
    swapped = " (a swap)" if rota.swap is not None else ""
    return f"{name}: {', '.join(rota.people)}{swapped}{then}"


# -- incidents -------------------------------------------------------------------------------------------------------


def gravest_first(view: StatusView) -> list[IncidentView | DeclaredView]:
    """All that is open."""
    opened: list[IncidentView | DeclaredView] = [*view.incidents, *view.declared]
    return sorted(opened, key=lambda each: (each.severity, each.opened))


def opened_said(one: IncidentView | DeclaredView, clock: Clock) -> tuple[str, str]:
    """What it is, and the rest."""
    return declared_said(one, clock) if isinstance(one, DeclaredView) else incident_said(one, clock)


def incident_said(incident: IncidentView, clock: Clock) -> tuple[str, str]:
    """What it is; and what was done about it and whom it hurts."""
    others = len(incident.members) - 1
    also = f" and {others} more" if others > 0 else ""
    since = f"since {clock.at(incident.since or incident.opened)} ({duration(incident.lasted or incident.age)})"
    affected = f"; affected: {incident.impact.said}" if incident.impact is not None else ""
    told = f"; told to look: {', '.join(incident.escalated)}" if incident.escalated else ""
    told += told_said(incident.told, clock)
    taken = taken_said(incident.acknowledged, clock)
    return f"{graveness_said(incident)}: {incident.root}{also} {since}", f"{done_said(incident)}{taken}{told}{affected}"


def declared_said(declared: DeclaredView, clock: Clock) -> tuple[str, str]:
    """What it is; and who says so, of what, and how it is ended."""
    since = f"since {clock.at(declared.opened)} ({duration(declared.age)})"
    about = f" of {declared.dependency}" if declared.dependency else ""
    taken = taken_said(declared.acknowledged, clock)
    told = told_said(declared.told, clock)
    rest = f"{declared.id}, reported{about} by {declared.by} {since}{taken}{told}"
    return f"{graveness_said(declared)}: {declared.text}", rest


def graveness_said(one: IncidentView | DeclaredView) -> str:
    """`SEV1 Complete outage`."""
    return f"{one.severity} {one.title}".rstrip()


def done_said(incident: IncidentView) -> str:
    """`2 actions, reopened 1x, rule default`."""
    counted = sum(ladder.attempts for ladder in incident.ladders.values())
    tried = counted if incident.actions is None else incident.actions
    again = f", reopened {incident.reopened}x" if incident.reopened else ""
    return f"{tried} action{'s' if tried != 1 else ''}{again}, rule {incident.rule}"


def taken_said(taken: AcknowledgementView | None, clock: Clock) -> str:
    if taken is None:
        return ""
    until = f" until {clock.at(taken.until)}" if taken.until else ""
    return f"; taken by {taken.by}{until}"


def told_said(told: ToldView | None, clock: Clock) -> str:
    """Who knows of it, and who will unless somebody takes it."""
    if told is None or not told.page:
        return ""
    following = f", next {told.next} at {clock.at(told.next_at)}" if told.next and told.next_at else ""
    held = f", {told.held_back} held back" if told.held_back else ""
    return f"; told: {', '.join(told.to)}{following}{held}"


# -- dependencies ----------------------------------------------------------------------------------------------------


def is_well(each: DependencyView) -> bool:
    """It simply serves."""
    return each.health == "up" and not each.flapping and not each.held and each.maintenance is None


def place_of(health: str) -> int:
    """The worst first, and before it a word that this version does not know."""
    places = (*WORST_FIRST, "up")
    return places.index(health) if health in places else -1


def held_said(each: DependencyView) -> str:
    return f"held: {each.held}" if each.held else ""


def decision_said(each: DependencyView, clock: Clock) -> tuple[str, str]:
    """What is decided and until when; and why, in words."""
    decision = each.decision
    if decision is None:
        return "", ""
    until = f" until {clock.at(decision.until)}" if decision.until else ""
    return f"{decision.verdict} ({decision.gate}){until}", decision.value


def group_said(group: GroupView) -> str:
    return f"redundancy: {group.said}: {group.serving} of {group.of} serve, at least {group.least} must"


def budget_said(budget: BudgetView) -> str:
    """`2 of 3 in 1h`."""
    return f"{budget.remaining} of {budget.of} in {duration(budget.window)}"


def budgets_left(budgets: Mapping[str, BudgetView]) -> Iterable[tuple[str, BudgetView]]:
    """The total, and what of the others is spent."""
    return [(scope, each) for scope, each in budgets.items() if scope == "total" or each.remaining < each.of]
