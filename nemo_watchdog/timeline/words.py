"""What each record says of an incident, in one sentence that a tired person understands. Pure.

The times are beside the sentences and in none of them. `remedy_words`, `proposal_words` and `watched_words` have those
of other records.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import singledispatch
from types import MappingProxyType

from nemo_watchdog import records as r
from nemo_watchdog.durations import duration
from nemo_watchdog.engine.listing import listed
from nemo_watchdog.model import NotificationKind


@dataclass(frozen=True, slots=True)
class Story:
    """What a sentence may need besides its own record: whose it is, and the actions that were ordered in it, by id."""

    incident: str
    actions: Mapping[str, r.ActionIntended] = field(default_factory=dict)


@singledispatch
def said(record: r.Record, story: Story) -> str:
    raise TypeError(f"{type(record).__name__} has no words")


def seen(health: str, reason: str | None, detail: str) -> str:
    """One phrase: `down: refused (connection refused)`, `starting (the container has just started)`."""
    why = f": {reason}" if reason and reason != health else ""
    return f"{health or 'not well'}{why}{f' ({detail})' if detail else ''}"


def lasting(seconds: float | None, otherwise: str) -> str:
    return f"for {duration(seconds)}" if seconds is not None else otherwise


def _failing(seconds: float) -> str:
    return f", after it had failed for {duration(seconds)}" if seconds else ""


@said.register
def _(record: r.IncidentOpened, story: Story) -> str:
    of_all = "; this is the incident of all that fail together" if record.storm else ""
    affected = f"; affected: {record.affected}" if record.affected else ""
    return (
        f"{record.root} is {seen(record.health, record.reason, record.detail)}{_failing(record.failing_for)}: "
        f"{record.severity} by the rule {record.rule}{affected}{of_all}."
    )


@said.register
def _(record: r.IncidentReopened, story: Story) -> str:
    of_all = "; it is now the incident of all that fail together" if record.storm else ""
    return (
        f"{record.dependency} is {seen(record.health, record.reason, record.detail)} again"
        f"{_failing(record.failing_for)}: the incident is open again, and its attempts and backoff go on{of_all}."
    )


@said.register
def _(record: r.MemberJoined, story: Story) -> str:
    return f"{record.dependency} is {seen(record.health, record.reason, record.detail)}, and belongs to this incident."


@said.register
def _(record: r.MemberRecovered, story: Story) -> str:
    action = story.actions.get(record.action_id)
    helped = f": {action.action}, attempt {action.attempt}, has helped" if action is not None else ""
    if not record.over:
        helped = "; another one that shares its container is still in trouble, so no attempt is judged yet"
    backoff = f"; another action comes {duration(record.backoff)} later at the earliest" if record.backoff else ""
    return f"Looks confirm that {record.dependency} serves again ({record.health}){helped}{backoff}."


@said.register
def _(record: r.MemberDown, story: Story) -> str:
    again = "it had served meanwhile, so this is a new trouble"
    return f"{record.dependency} is {seen('down', record.reason, record.detail)} again; {again}."


@said.register
def _(record: r.RootChanged, story: Story) -> str:
    return f"The root is {record.root} now: {record.previous} fails because of it."


@said.register
def _(record: r.IncidentMerged, story: Story) -> str:
    if record.into == story.incident:
        return f"The incident {record.incident} has the same root, and goes on in this one."
    return f"The incident goes on in {record.into}, which has the same root."


@said.register
def _(record: r.SeverityRaised, story: Story) -> str:
    whom = f", for {record.dependency}" if record.dependency else ""
    if record.previous == record.severity:
        return f"It is {record.severity} by the rule {record.rule}, too{whom}."
    return f"The severity rises from {record.previous} to {record.severity} by the rule {record.rule}{whom}."


@said.register
def _(record: r.IncidentResolved, story: Story) -> str:
    return f"The incident is over, {duration(record.seconds)} after the trouble began: {record.why}."


_MESSAGES: Mapping[str, str] = MappingProxyType(
    {
        NotificationKind.OPENED: "that it began",
        NotificationKind.HEALED: "that it was healed, and as no page",
        NotificationKind.ESCALATED: "that a person must look",
        NotificationKind.UNANSWERED: "that nobody has taken it",
        NotificationKind.REMINDER: "that it is still so",
        NotificationKind.SEVERITY_CHANGED: "that it is graver",
        NotificationKind.WORSENED: "that more of it is down",
        NotificationKind.ROOT_CHANGED: "what the cause is",
        NotificationKind.FLAPPING: "that it flaps",
        NotificationKind.SUGGESTED: "what a person should do",
        NotificationKind.HELD: "that nothing is done for now",
        NotificationKind.ACTION_STARTED: "that something is done",
        NotificationKind.ACKNOWLEDGED: "who has taken it",
        NotificationKind.MERGED: "that it is part of another one",
        NotificationKind.RESOLVED: "that it is over",
        NotificationKind.UNWATCHED: "that it is over, and not watched any more",
    }
)


@said.register
def _(record: r.PeopleTold, story: Story) -> str:
    more = f", with {len(record.incidents) - 1} more" if len(record.incidents) > 1 else ""
    return f"It is to be told to {listed(record.to or ['nobody'])} {_MESSAGES.get(record.kind, record.kind)}{more}."


@said.register
def _(record: r.FlappingBegan, story: Story) -> str:
    changes = f"{record.changes} changes in {duration(record.seconds)}"
    return f"{record.dependency} flaps, down and back again and again: {changes}; single changes are not told any more."


@said.register
def _(record: r.FlappingEnded, story: Story) -> str:
    flapped = f"after {duration(record.seconds)} with {record.changes} changes"
    return f"{record.dependency} flaps no more, {flapped}: {record.why}."


@said.register
def _(record: r.IncidentDeclared, story: Story) -> str:
    about = f" about {record.dependency}" if record.dependency else ""
    return f"{record.by} declared an incident{about}, {record.severity}: {record.text}"


@said.register
def _(record: r.IncidentAcknowledged, story: Story) -> str:
    by_link = ", by the link in a message" if record.link else ""
    return f"{record.by} has taken it on{by_link}, {lasting(record.duration, 'until it is over')}."


@said.register
def _(record: r.NoteAdded, story: Story) -> str:
    what = {"root_cause": "the root cause", "public": "for users"}.get(record.about, "a note")
    return f"{record.by} wrote {what}: {record.text}"


@said.register
def _(record: r.StormBegan, story: Story) -> str:
    names = f": {listed(record.failing)}" if record.failing else ""
    return f"A storm begins, {len(record.failing)} of {record.of} fail together{names}; what runs is not restarted."


@said.register
def _(record: r.StormTold, story: Story) -> str:
    known = (
        ("exited", record.exited),
        ("reachable at another address", record.elsewhere),
        ("running, and nothing else known", record.running),
        ("back", record.back),
    )
    parts = [f"{len(names)} {words}" for words, names in known if names]
    many = f"{len(record.failing) + len(record.back)} of {record.of} fail together"
    known_of_them = f" ({', '.join(parts)})" if parts else ""
    return f"People are told of the storm as one: {many}{known_of_them}."


@said.register
def _(record: r.StormEnded, story: Story) -> str:
    return f"The storm is over: {record.why}."
