"""From a record to news: is it any, whom it concerns, what mutes it, in which words. Pure.

Stages of one shape, each answering with the draft that goes on or with the closed word for its end. When and with what
else the news are told is the matter of `paging`. Alerts for Alertmanager, which are the state of an incident and no
single fact, pass what mutes and get their words here too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from nemo_watchdog import records as r
from nemo_watchdog.engine import alert_words, declared_words, notices, storm_words
from nemo_watchdog.engine.flaps import is_due
from nemo_watchdog.engine.gates.people import human_hold
from nemo_watchdog.engine.gates.situation import Situation
from nemo_watchdog.engine.news import FLAPPING, LOOK, STILL, News, Words
from nemo_watchdog.engine.reported import Declared
from nemo_watchdog.engine.state import Durable, Incident
from nemo_watchdog.engine.swapping import oncall_of
from nemo_watchdog.engine.turn import Turn
from nemo_watchdog.engine.volatile import Volatile
from nemo_watchdog.engine.work_summary import tell_of_the_work
from nemo_watchdog.errors import EngineBug
from nemo_watchdog.model import (
    JOURNAL_THREAD,
    ActionOutcome,
    Alert,
    Gate,
    Moment,
    Notification,
    NotificationKind,
    Severity,
    Told,
    Verdict,
)

NEWS: Mapping[type[r.Record], NotificationKind] = MappingProxyType(
    {
        r.IncidentOpened: NotificationKind.OPENED,
        r.IncidentReopened: NotificationKind.OPENED,
        r.StormTold: NotificationKind.OPENED,
        r.MemberDown: NotificationKind.WORSENED,
        r.SeverityRaised: NotificationKind.SEVERITY_CHANGED,
        r.RootChanged: NotificationKind.ROOT_CHANGED,
        r.ActionIntended: NotificationKind.ACTION_STARTED,
        r.ActionEnded: NotificationKind.ACTION_FINISHED,
        r.Proposed: NotificationKind.SUGGESTED,
        r.DecisionMade: NotificationKind.HELD,
        r.Escalated: NotificationKind.ESCALATED,
        r.LeftOver: NotificationKind.ESCALATED,
        r.BusyTooLong: NotificationKind.ESCALATED,
        r.FlappingBegan: NotificationKind.FLAPPING,
        r.FlappingEnded: NotificationKind.FLAPPING,
        r.SparedTooLong: NotificationKind.ESCALATED,
        r.WorkAwaited: NotificationKind.HELD,
        r.WorkTooLong: NotificationKind.ESCALATED,
        r.IncidentDeclared: NotificationKind.OPENED,
        r.IncidentAcknowledged: NotificationKind.ACKNOWLEDGED,
        r.IncidentResolved: NotificationKind.RESOLVED,
        r.JournalDistrusted: NotificationKind.JOURNAL,
        r.JournalAccepted: NotificationKind.JOURNAL_ACCEPTED,
    }
)

ASKING = r.Escalated | r.BusyTooLong | r.SparedTooLong | r.WorkTooLong | r.LeftOver
"""A person is asked to look, and the record may say who."""

WAITS_THAT_ARE_TOLD = tuple((Verdict.WAIT, gate) for gate in (Gate.HUMAN_HOLD, Gate.MAINTENANCE, Gate.BUDGET))
"""Something is down that a restart may help, and none comes for a while."""


TOLD_BY_FLAPPING = (
    r.IncidentOpened,
    r.IncidentReopened,
    r.MemberDown,
    r.ActionIntended,
    r.ActionEnded,
    r.Proposed,
)
"""That it flaps says all of these of a dependency, once."""


@dataclass(frozen=True, slots=True)
class Draft:
    record: r.Record
    kind: NotificationKind
    incident: Incident
    contacts: tuple[str, ...] = ()
    words: Words | None = None


Stage = Callable[[Draft, Turn], Draft | Told | None]
"""None: it waits to be told."""


def tell(record: r.Record, turn: Turn) -> None:
    """Keeps what people may have to hear of a fact, and counts why they will not."""
    if isinstance(record, r.JournalDistrusted | r.JournalAccepted):
        _of_the_journal(record, turn)
        return
    if isinstance(record, r.MaintenanceEnded):
        tell_of_the_work(record, turn)
        return
    if declared := turn.durable.declared.get(getattr(record, "incident", "")):
        _of_the_declared(record, declared, turn)
        return
    draft = _news(record, turn)
    if draft is None:
        return
    for stage in STAGES:
        answer = stage(draft, turn)
        if answer is None:
            return
        if isinstance(answer, Told):
            turn.effects.told.append((draft.kind, answer))
            return
        draft = answer


def _of_the_journal(record: r.JournalDistrusted | r.JournalAccepted, turn: Turn) -> None:
    """What on-call must know of the watchdog itself, to those of the highest severity that names somebody."""
    kind, words = NEWS[type(record)], notices.words(record, None, turn)
    severities = sorted(turn.volatile.policy.severities.items())
    severity, contacts = next(((each, spec.notify) for each, spec in severities if spec.notify), (Severity.SEV1, ()))
    if contacts:
        turn.effects.notifications.append(
            Notification(
                key=f"{JOURNAL_THREAD}:{words.key}",
                kind=kind,
                incident="",
                severity=severity,
                root="nemo-watchdog",
                title=f"[{severity}] {words.title}",
                body=words.body,
                contacts=contacts,
                at=turn.now.utc,
            )
        )
    turn.effects.told.append((kind, Told.QUEUED if contacts else Told.NO_CONTACT))


def _of_the_declared(record: r.Record, declared: Declared, turn: Turn) -> None:
    """To those of its severity: no look can say that it is told elsewhere."""
    kind = NEWS.get(type(record))
    if kind is None:
        return
    if isinstance(record, r.IncidentResolved):
        words = declared_words.ended(record, declared, turn)
    else:
        words = notices.words(record, declared, turn)
    spec = turn.volatile.policy.severities.get(declared.severity)
    if spec is None or not spec.notify:
        turn.effects.told.append((kind, Told.NO_CONTACT))
        return
    once, but = _answer(record, turn) if isinstance(record, r.IncidentAcknowledged) else ("", "")
    turn.effects.news.append(News(turn.now, kind, declared.incident, words, spec.notify, once, but))


def alert_of(volatile: Volatile, durable: Durable, one: Incident | Declared, now: Moment) -> Alert | Told:
    """The incident as Alertmanager sees it, or why it hears nothing of it. Of a merged one it hears the end."""
    if isinstance(one, Declared):
        return alert_words.of_declared(volatile.policy, one, now)
    alert = alert_words.of_incident(volatile, durable, one, now)
    return alert if one.merged_into else muted_by(one) or alert


def muted_by(incident: Incident) -> Told | None:
    """All that mutes, in one place."""
    return Told.MERGED if incident.merged_into else None


def _news(record: r.Record, turn: Turn) -> Draft | None:
    kind = NEWS.get(type(record))
    incident = turn.durable.incidents.get(getattr(record, "incident", ""))
    if kind is None or incident is None:
        return None
    if isinstance(record, r.DecisionMade) and (record.verdict, record.gate) not in WAITS_THAT_ARE_TOLD:
        return None
    if isinstance(record, r.ActionIntended | r.ActionEnded) and _refused_again(record, incident):
        return None
    if isinstance(record, r.Proposed) and record.again:
        return None
    if isinstance(record, r.MemberDown) and _is_held(record.dependency, incident, turn):
        return None
    if isinstance(record, r.FlappingEnded) and record.resolves:
        return None  # the end of the incident says it
    if isinstance(record, r.IncidentResolved) and notices.unwatched(incident, turn):
        kind = NotificationKind.UNWATCHED
    return Draft(record, kind, incident)


def _is_held(name: str, incident: Incident, turn: Turn) -> bool:
    """A person stopped it: that it is held is told instead."""
    return human_hold(Situation(turn.volatile, turn.durable, incident, name, turn.now.monotonic)) is not None


def _refused_again(record: r.ActionIntended | r.ActionEnded, incident: Incident) -> bool:
    """One more try of what was refused, or one more refusal for the same reason: that has been told."""
    ladder = incident.ladder(record.dependency)
    if isinstance(record, r.ActionIntended):
        return ladder.refusals > 0
    return record.outcome == ActionOutcome.REFUSED and ladder.refused_alike


def _who(draft: Draft, turn: Turn) -> Draft | Told:
    """Whom the record names; otherwise those of the severity, then those of the rule, each once."""
    if isinstance(draft.record, ASKING) and draft.record.to:
        return replace(draft, contacts=(draft.record.to,))
    policy, incident = turn.volatile.policy, draft.incident
    spec = policy.severities.get(incident.severity)
    rule = next((rule for rule in policy.classification if rule.name == incident.rule), None)
    also = [draft.record.to] if isinstance(draft.record, r.FlappingBegan) else []
    also = incident.escalated if isinstance(draft.record, r.IncidentAcknowledged) else also
    contacts = dict.fromkeys((*(spec.notify if spec else ()), *(rule.notify if rule else ()), *filter(None, also)))
    return replace(draft, contacts=tuple(contacts)) if contacts else Told.NO_CONTACT


def _muted(draft: Draft, turn: Turn) -> Draft | Told:
    by_the_storm = storm_words.muted(draft.record, draft.incident, turn)
    return muted_by(draft.incident) or by_the_storm or _told_by_flapping(draft.record, turn) or draft


def _told_by_flapping(record: r.Record, turn: Turn) -> Told | None:
    """Of what flaps, and of what makes it flap, for that is told right after it."""
    name = record.root if isinstance(record, r.IncidentOpened) else getattr(record, "dependency", "")
    flaps, tracker = turn.durable.flaps.get(name), turn.volatile.trackers.get(name)
    if flaps is None or tracker is None or tracker.spec.flapping is None:
        return None
    if isinstance(record, r.Escalated):
        said = flaps.since is not None and flaps.escalations > 1
    elif isinstance(record, r.DecisionMade):
        said = flaps.since is not None and record.gate == Gate.BUDGET
    else:
        begins = flaps.since is None and is_due(flaps, tracker.spec.flapping, turn.now.monotonic)
        said = isinstance(record, TOLD_BY_FLAPPING) and (begins or flaps.since is not None)
    return Told.FLAPPING if said else None


def _worded(draft: Draft, turn: Turn) -> Draft | Told:
    words = notices.words(draft.record, draft.incident, turn)
    return replace(draft, words=_with_rule(words, notices.graveness(draft.incident, turn.volatile.policy)))


def _with_rule(words: Words, graveness: str) -> Words:
    """How grave it is and by which rule, in each message: before what happens next."""
    if graveness in words.body:
        return words
    said, mark, following = words.body.rpartition("\nNext: ")
    body = f"{said}\n{graveness}{mark}{following}" if mark else f"{following}\n{graveness}"
    return replace(words, body=body)


def _kept(draft: Draft, turn: Turn) -> None:
    incident, words = draft.incident, draft.words
    if words is None:
        raise EngineBug(f"a {draft.kind} message without words")
    once, but = _once(draft), ""
    if isinstance(draft.record, r.IncidentAcknowledged):
        once, but = _answer(draft.record, turn)
    turn.effects.news.append(News(turn.now, draft.kind, incident.incident, words, draft.contacts, once, but))


def _answer(record: r.IncidentAcknowledged, turn: Turn) -> tuple[str, str]:
    """One answer takes all of a page, and is told once; and who knows it already.

    A service that keeps incidents, such as PagerDuty, must hear of the answer all the same; of a rota, that of whoever
    may have been told.
    """
    contacts, people = turn.volatile.policy.contacts, oncall_of(turn.volatile, turn.durable).may_be(record.contact)
    knows = record.contact in contacts and not any(contacts[each].keeps_incidents for each in people)
    return f"taken: {turn.now.utc.isoformat()} {record.by}", record.contact if knows else ""


def _once(draft: Draft) -> str:
    """What makes the same again no news: who was asked to look, what is not done and why."""
    record, name = draft.record, getattr(draft.record, "dependency", "")
    if isinstance(record, ASKING):
        return f"{LOOK}{record.to}"
    if isinstance(record, r.DecisionMade):
        return f"held: {record.gate}"
    if isinstance(record, r.MemberDown):
        return f"down again: {name}"
    if isinstance(record, r.RootChanged):
        return f"root: {record.root}"
    if isinstance(record, r.Proposed):
        return f"suggested: {record.proposal}"
    if isinstance(record, r.ActionEnded):
        return f"refused: {record.detail}" if record.outcome == ActionOutcome.REFUSED else ""
    constant = {
        r.FlappingBegan: FLAPPING,
        r.FlappingEnded: STILL,
        r.WorkAwaited: "held: work",
        r.ActionIntended: "acting",
        r.StormTold: "storm",
    }
    return constant.get(type(record), "")


STAGES: tuple[Stage, ...] = (_who, _muted, _worded, _kept)
