"""One incident in a line of a list: what it was, how grave, how long, how it ended. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from nemo_watchdog import records as r
from nemo_watchdog.incident_views import IncidentSummaryView
from nemo_watchdog.model import ActionOutcome, Moment
from nemo_watchdog.timeline.reading import Written, readable
from nemo_watchdog.views import AcknowledgementView

Titles = Callable[[str, str], str]
"""What people call a severity and its rule."""

SUMMED_UP: tuple[type[r.Record], ...] = (
    r.IncidentOpened,
    r.IncidentDeclared,
    r.IncidentReopened,
    r.IncidentResolved,
    r.IncidentMerged,
    r.IncidentAcknowledged,
    r.MemberJoined,
    r.MemberRecovered,
    r.MemberDown,
    r.RootChanged,
    r.SeverityRaised,
    r.ActionIntended,
    r.ActionEnded,
)
"""Of all its records, those that a summary needs."""


@dataclass(slots=True)
class _Sum:
    """`opened` is the time of its oldest record, where that of its opening is gone or cannot be read."""

    opened: datetime
    declared: str = ""
    root: str = ""
    members: dict[str, None] = field(default_factory=dict)
    severity: str = ""
    rule: str = ""
    category: str | None = None
    reason: str | None = None
    detail: str = ""
    ended: datetime | None = None
    why: str = ""
    ordered: set[str] = field(default_factory=set)
    reopened: int = 0
    merged_into: str | None = None
    acknowledged: AcknowledgementView | None = None


def summary_of(incident: str, written: Written, titles: Titles, now: datetime) -> IncidentSummaryView:
    """`now` (aware UTC) is until when an open one has lasted. There must be one record at least."""
    told = _Sum(written[0][0].utc)
    for at, record in readable(written):
        _add(told, incident, record, at)
    return IncidentSummaryView(
        id=incident,
        declared=told.declared,
        root=told.root,
        members=tuple(told.members),
        severity=told.severity,
        rule=told.rule,
        title=titles(told.severity, told.rule),
        category=told.category,
        reason=told.reason,
        detail=told.detail,
        opened=told.opened.isoformat(),
        resolved=told.ended.isoformat() if told.ended is not None else None,
        seconds=max(0.0, round(((told.ended or now) - told.opened).total_seconds(), 3)),
        why=told.why,
        actions=len(told.ordered),
        reopened=told.reopened,
        merged_into=told.merged_into,
        acknowledged=told.acknowledged,
    )


def _add(told: _Sum, incident: str, record: r.Record, at: Moment) -> None:
    match record:
        case r.IncidentOpened() | r.IncidentDeclared() | r.IncidentReopened():
            _open(told, record, at)
        case r.IncidentMerged() if record.incident == incident:
            told.ended, told.why = at.utc, f"it goes on in {record.into}"
            told.merged_into = record.into
        case r.IncidentResolved():
            told.ended, told.why, told.root = at.utc, record.why, told.root or record.root
        case r.MemberJoined() | r.MemberRecovered() | r.MemberDown():
            told.members[record.dependency] = None
        case r.RootChanged():
            told.root = record.root
        case r.SeverityRaised():
            if record.severity != told.severity:
                told.acknowledged = None  # that was of something less grave
            told.severity, told.rule = record.severity, record.rule
        case _:
            _act(told, record, at)


def _open(told: _Sum, record: r.IncidentOpened | r.IncidentDeclared | r.IncidentReopened, at: Moment) -> None:
    name = record.root if isinstance(record, r.IncidentOpened) else record.dependency
    told.members |= dict.fromkeys([name] if name else [])
    if isinstance(record, r.IncidentReopened):
        told.reason, told.detail = record.reason, record.detail
        told.reopened += 1
        told.ended, told.why, told.acknowledged = None, "", None
        return
    told.opened, told.root, told.severity = at.utc, name, record.severity
    if isinstance(record, r.IncidentOpened):
        told.rule, told.category, told.reason, told.detail = record.rule, record.category, record.reason, record.detail
    else:
        told.declared = record.text


def _act(told: _Sum, record: r.Record, at: Moment) -> None:
    """What was ordered in it, and who has taken it on."""
    if isinstance(record, r.ActionIntended):
        told.ordered.add(record.action_id)
    elif isinstance(record, r.ActionEnded) and record.outcome == ActionOutcome.REFUSED:
        told.ordered.discard(record.action_id)
    elif isinstance(record, r.IncidentAcknowledged):
        until = None if record.duration is None else (at.utc + timedelta(seconds=record.duration)).isoformat()
        told.acknowledged = AcknowledgementView(at.utc.isoformat(), record.by, until)
