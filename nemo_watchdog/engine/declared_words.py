"""What people read of what a person declared, and of who has taken an incident. A record in, words out; pure.

What people wrote is data in it: it stands as it is, on a line of its own.
"""

from __future__ import annotations

from nemo_watchdog import records as r
from nemo_watchdog.durations import duration
from nemo_watchdog.engine.answering import open_with
from nemo_watchdog.engine.listing import listed
from nemo_watchdog.engine.news import Words
from nemo_watchdog.engine.notices import words
from nemo_watchdog.engine.reported import Declared
from nemo_watchdog.engine.severity import title_of
from nemo_watchdog.engine.state import Incident
from nemo_watchdog.engine.turn import Turn
from nemo_watchdog.policy.policy import Policy

LONGEST_TITLE = 100
"""Characters of what was reported that a title has."""


@words.register
def _(record: r.IncidentDeclared, incident: Declared, turn: Turn) -> Words:
    policy = turn.volatile.policy
    spec = policy.severities.get(incident.severity)
    respond = f" Respond within {duration(spec.respond_within)}." if spec else ""
    about = f"It is about {incident.dependency}.\n" if incident.dependency else ""
    body = (
        f"{reported(incident)}\n{about}{graveness(incident, policy)}{respond}\n"
        "Next: the watchdog does nothing about it; when it is over: "
        f"`nemo-watchdog resolve {record.incident} --reason …`."
    )
    return Words("opened", f"reported: {short(incident.text)}", body)


@words.register
def _(record: r.IncidentAcknowledged, incident: Incident | Declared, turn: Turn) -> Words:
    lasts = f", for {duration(record.duration)}" if record.duration is not None else ""
    taken, key = f"{record.by} has taken it{lasts}.", f"acknowledged:{turn.now.utc.isoformat()}"
    ones = open_with(turn.durable, record.incident)
    if len(ones) > 1:
        roots = listed([one.root if isinstance(one, Incident) else short(one.text) for one in ones])
        body = f"{taken}\nThat is all of it: {roots}.\nNext: the watchdog goes on as before; that holds nothing back."
        return Words(key, f"{roots}: {record.by} has taken all of it", body)
    if isinstance(incident, Declared):
        body = f"{taken}\n{reported(incident)}\n{graveness(incident, turn.volatile.policy)}"
        return Words(key, f"{record.by} has taken: {short(incident.text)}", body)
    body = f"{taken}\nNext: the watchdog goes on as before; that holds nothing back."
    return Words(key, f"{incident.root}: {record.by} has taken it", body)


def ended(record: r.IncidentResolved, declared: Declared, turn: Turn) -> Words:
    """A person says that it is over."""
    why = f"{record.why[:1].upper()}{record.why[1:]}"
    body = (
        f"{why}\nOver after {duration(record.seconds)}. {reported(declared)}\n"
        f"{graveness(declared, turn.volatile.policy)}\nNext: nothing to do."
    )
    return Words("resolved", f"over: {short(declared.text)}", body)


def reported(declared: Declared) -> str:
    return f"Reported by {declared.by} at {declared.opened.utc:%Y-%m-%d %H:%M:%S} UTC: {declared.text}"


def graveness(declared: Declared, policy: Policy) -> str:
    """How grave, and what people call it."""
    return f"{declared.severity} {_title(declared, policy)}".rstrip() + "."


def _title(declared: Declared, policy: Policy) -> str:
    return title_of(policy, declared.severity, "")


def short(text: str) -> str:
    return text if len(text) <= LONGEST_TITLE else f"{text[: LONGEST_TITLE - 1]}…"
