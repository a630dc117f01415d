"""Why a dependency was as it was at a time that is past, and what was decided then: from the records alone. Pure.

A record is written when a verdict or its gate changes: what stood at a time is the last one before it, in an incident
that was open then. All gates are known only where somebody kept them with that decision.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from nemo_watchdog import records as r
from nemo_watchdog.engine.gate_words import THEN, decided, seen_as, sentence, told
from nemo_watchdog.engine.gates.order import GATES
from nemo_watchdog.incident_views import ExplanationView, LookRunView
from nemo_watchdog.model import ActionOutcome, Gate, Health, Moment, Reason, Verdict
from nemo_watchdog.views import GateView

History = Sequence[tuple[Moment, Mapping[str, Any]]]
"""What the journal has about one dependency and the incidents that it was in, oldest first."""


@dataclass(slots=True)
class _Known:
    """An incident, as far as its records tell."""

    opened: datetime
    root: str
    severity: str
    rule: str
    acted: int = 0
    told: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Then:
    """How it stood with `name` when its records end."""

    name: str
    health: Mapping[str, Any] | None = None
    since: datetime | None = None
    serves: bool = False
    """It was seen up, and nothing was decided of it since."""
    home: str = ""
    """The open incident that it is in; empty where it is in none."""
    was_in: set[str] = field(default_factory=set)
    incidents: dict[str, _Known] = field(default_factory=dict)
    decision: Mapping[str, Any] | None = None
    decided_at: datetime | None = None
    hold: Mapping[str, Any] | None = None
    """What people did to its container."""
    held_at: datetime | None = None

    def take(self, at: datetime, record: Mapping[str, Any]) -> None:
        """One record more; what is not about it, its incidents or its state changes nothing."""
        if record.get("dependency") == self.name and (mine := _MINE.get(record["type"])) is not None:
            mine(self, at, record)
        elif (of_incident := _OF_INCIDENTS.get(record["type"])) is not None:
            of_incident(self, at, record)

    def known(self, record: Mapping[str, Any]) -> _Known | None:
        return self.incidents.get(record["incident"])

    def enter(self, incident: str) -> None:
        self.home = incident
        self.was_in.add(incident)

    def changed(self, at: datetime, record: Mapping[str, Any]) -> None:
        self._is(at, record["health"], record["category"], record["reason"], record["detail"])

    def _is(self, at: datetime, health: str, category: str | None, reason: str | None, detail: str) -> None:
        if self.health is None or self.health["health"] != health:
            self.since = at
        self.health = {"health": health, "category": category, "reason": reason, "detail": detail}
        self.serves = health == Health.UP

    def joined(self, at: datetime, record: Mapping[str, Any]) -> None:
        self.enter(record["incident"])
        if health := record.get("health"):  # no change of it is written down of what was never seen otherwise
            reason = record["reason"]
            self._is(at, health, record.get("category") or _CATEGORIES.get(reason), reason, record["detail"])

    def decided(self, at: datetime, record: Mapping[str, Any]) -> None:
        """Of what is up nothing is decided: it is seen otherwise again, at another address, say."""
        self.enter(record["incident"])
        self.decision, self.decided_at, self.serves = record, at, False

    def touched(self, at: datetime, record: Mapping[str, Any]) -> None:
        self.hold, self.held_at = record, at

    def released(self, *_: object) -> None:
        self.hold = self.held_at = None

    def held(self, at: datetime) -> str:
        """For what it was left alone at that time; empty for nothing."""
        if self.hold is None or self.held_at is None:
            return ""
        lasts = self.hold["lasts"]
        return "" if lasts is not None and at >= self.held_at + timedelta(seconds=lasts) else str(self.hold["what"])

    def begun_anew(self, *_: object) -> None:
        """Its trouble is over, or its remedy begins again: what was decided of it stands no more."""
        self.decision = self.decided_at = None

    def intended(self, _: datetime, record: Mapping[str, Any]) -> None:
        if known := self.known(record):
            known.acted += 1

    def ended(self, _: datetime, record: Mapping[str, Any]) -> None:
        if record["outcome"] == ActionOutcome.REFUSED and (known := self.known(record)):
            known.acted -= 1

    def escalated(self, _: datetime, record: Mapping[str, Any]) -> None:
        if record["to"] and (known := self.known(record)):
            known.told.append(record["to"])

    def opened(self, at: datetime, record: Mapping[str, Any]) -> None:
        self.incidents[record["incident"]] = _Known(at, record["root"], record["severity"], record["rule"])
        if record["root"] == self.name:
            self.joined(at, record)

    def reopened(self, at: datetime, record: Mapping[str, Any]) -> None:
        """What was in it is again, unless another open incident has it by now."""
        if record["dependency"] == self.name:
            self.joined(at, record)
        elif record["incident"] in self.was_in and not self.home:
            self.enter(record["incident"])

    def merged(self, _: datetime, record: Mapping[str, Any]) -> None:
        if record["incident"] == self.home:
            self.enter(record["into"])

    def resolved(self, _: datetime, record: Mapping[str, Any]) -> None:
        if record["incident"] == self.home:
            self.home = ""
            self.begun_anew()

    def raised(self, _: datetime, record: Mapping[str, Any]) -> None:
        if known := self.known(record):
            known.severity, known.rule = record["severity"], record["rule"]

    def rerooted(self, _: datetime, record: Mapping[str, Any]) -> None:
        if known := self.known(record):
            known.root = record["root"]


_CATEGORIES: Mapping[str | None, str] = MappingProxyType({str(each): each.category for each in Reason})


_Takes = Callable[[_Then, datetime, Mapping[str, Any]], None]

_MINE: Mapping[str, _Takes] = MappingProxyType(
    {
        r.HealthChanged.TYPE: _Then.changed,
        r.MemberJoined.TYPE: _Then.joined,
        r.DecisionMade.TYPE: _Then.decided,
        r.MemberRecovered.TYPE: _Then.begun_anew,
        r.LadderRearmed.TYPE: _Then.begun_anew,
        r.ActionIntended.TYPE: _Then.intended,
        r.ActionEnded.TYPE: _Then.ended,
        r.Escalated.TYPE: _Then.escalated,
        r.HoldPlaced.TYPE: _Then.touched,
        r.HoldReleased.TYPE: _Then.released,
    }
)
"""What a record says that names the dependency."""

_OF_INCIDENTS: Mapping[str, _Takes] = MappingProxyType(
    {
        r.IncidentOpened.TYPE: _Then.opened,
        r.IncidentReopened.TYPE: _Then.reopened,
        r.IncidentMerged.TYPE: _Then.merged,
        r.IncidentResolved.TYPE: _Then.resolved,
        r.SeverityRaised.TYPE: _Then.raised,
        r.RootChanged.TYPE: _Then.rerooted,
    }
)

OF_INCIDENTS = frozenset(_OF_INCIDENTS)
"""Types of records that count for all that are in the incident, whichever dependency they name."""


def explanation_at(
    name: str,
    history: History,
    gates: tuple[datetime, str] | None,
    looks: Sequence[LookRunView],
    at: datetime,
    begins: datetime | None,
) -> ExplanationView:
    """`gates` are the last that were kept up to `at`, as JSON; `looks` the last ones, newest first.

    `begins` is when the records do: None where there are none at all.
    """
    then = _Then(name)
    for moment, record in history:
        if moment.utc <= at:
            then.take(moment.utc, record)
    health = then.health if begins is not None and begins <= at else None
    incident = then.incidents.get(then.home)
    decision: GateView | None = None
    table: tuple[GateView, ...] = ()
    kept_at: str | None = None
    if health is not None and not then.serves and then.decision is not None:
        decision, table, kept_at = _decision(then, gates)
    return ExplanationView(
        dependency=name,
        at=at.isoformat(),
        said=tuple(_said(then, health, incident, decision, at, begins)),
        health=health["health"] if health else None,
        category=health["category"] if health else None,
        reason=health["reason"] if health else None,
        detail=health["detail"] if health else "",
        since=then.since.isoformat() if health and then.since else None,
        incident=then.home or None,
        severity=incident.severity if incident else None,
        rule=incident.rule if incident else None,
        decision=decision,
        gates=table,
        gates_at=kept_at,
        next_action=decision.until if decision else None,
        looks=tuple(looks),
    )


def _decision(then: _Then, kept: tuple[datetime, str] | None) -> tuple[GateView, tuple[GateView, ...], str | None]:
    """The answer that stood, and, where they were kept with it, those of all gates and of when."""
    record = then.decision or {}
    answer = GateView(record["gate"], record["verdict"], record["value"], None)
    if record["verdict"] == Verdict.ACT:
        at = then.decided_at.isoformat() if then.decided_at is not None else None
        return answer, tuple(GateView(gate.__name__, Verdict.OPEN, "", None) for gate in GATES), at
    if kept is not None and then.decided_at is not None and kept[0] >= then.decided_at:
        table = _table(kept[1])
        first = next((gate for gate in table if gate.verdict != Verdict.OPEN), None)
        if first is not None and (first.gate, first.verdict) == (answer.gate, answer.verdict):
            return GateView(answer.gate, answer.verdict, answer.value, first.until), table, kept[0].isoformat()
    return answer, (), None


def _table(kept: str) -> tuple[GateView, ...]:
    """Empty for what cannot be read."""
    try:
        return tuple(
            GateView(str(each["gate"]), str(each["verdict"]), str(each["value"]), each["until"])
            for each in json.loads(kept)
        )
    except (ValueError, KeyError, TypeError):
        return ()


# -- what is said of it -------------------------------------------------------------------------------------------


def _said(
    then: _Then,
    health: Mapping[str, Any] | None,
    incident: _Known | None,
    decision: GateView | None,
    at: datetime,
    begins: datetime | None,
) -> Iterator[str]:
    if begins is None or at < begins:
        since = f"begin at {told(begins)}" if begins is not None else "are empty"
        yield f"The records {since}: nothing is known of {then.name} at {told(at)}."
        return
    if health is None:
        yield f"The records say nothing of {then.name} up to {told(at)}: how it was is not known."
        return
    seen = seen_as(health["health"], then.since, health["category"], health["reason"], health["detail"])
    yield sentence(f"At {told(at)} {then.name} was {seen}")
    if then.home and incident is not None:
        yield from _incident(then, incident)
    if decision is None:
        yield f"There was nothing to decide: {_why_not(then, health)}."
        if held := then.held(at):
            yield sentence(f"It was left alone, for what people had done: {held}")
        return
    yield from filter(None, decided(THEN, decision.verdict, decision.gate, decision.value))
    if then.decided_at is not None:
        yield f"That was so from {told(then.decided_at)}."
    if decision.until is not None and decision.gate != Gate.WORK:
        yield f"It was to end at {told(datetime.fromisoformat(decision.until))}."
    if incident is not None and incident.acted:
        yield f"Actions on it in that incident up to then: {incident.acted}."
    if incident is not None and incident.told:
        yield f"Who had been told to look: {', '.join(incident.told)}."


def _why_not(then: _Then, health: Mapping[str, Any]) -> str:
    if health["health"] == Health.UP:
        return "it was up"
    return "nothing had been decided of it yet" if then.home else "no incident was open for it"


def _incident(then: _Then, incident: _Known) -> Iterator[str]:
    own = incident.root == then.name
    which = f"It was the root of the incident {then.home}" if own else f"It was in the incident {then.home}"
    of = "" if own else f", of which {incident.root} was the root"
    yield f"{which}, open since {told(incident.opened)}{of}: {incident.severity} by the rule {incident.rule}."
