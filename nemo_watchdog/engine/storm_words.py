"""What people read of a storm: one message at its begin for all of it, and nothing of each until its end. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from nemo_watchdog import records as r
from nemo_watchdog.durations import duration
from nemo_watchdog.engine.listing import listed
from nemo_watchdog.engine.news import Words
from nemo_watchdog.engine.notices import graveness, words
from nemo_watchdog.engine.state import Incident
from nemo_watchdog.engine.turn import Turn
from nemo_watchdog.model import ActionOutcome, Gate, Told, Verdict


@words.register
def _(record: r.StormTold, incident: Incident, turn: Turn) -> Words:
    policy = turn.volatile.policy
    spec = policy.severities.get(incident.severity)
    respond = f" Respond within {duration(spec.respond_within)}." if spec else ""
    failed = [*record.failing, *record.back]
    many = f"{len(failed)} of {record.of} fail together"
    body = f"{many}: {listed(failed)}.\n{_seen(record)}\n{graveness(incident, policy)}{respond}\nNext: {_next(record)}"
    return Words(f"storm:{turn.now.utc.isoformat()}", many, body)


def _seen(record: r.StormTold) -> str:
    """What Docker says of them, and what is known beside the looks."""
    parts = []
    if record.exited:
        parts.append(f"Docker says that {_verb(record.exited, 'has', 'have')} exited ({listed(record.exited)}).")
    if record.elsewhere:
        parts.append(
            f"{_verb(record.elsewhere, 'takes', 'take')} connections at another address and cannot be reached from "
            "here: the network or this host is broken, and not they."
        )
    if record.back:
        parts.append(f"{_verb(record.back, 'starts or serves', 'start or serve')} again.")
    if record.running:
        if len(record.running) == len(record.failing) + len(record.back):
            parts.append("The containers run while every look fails: the network or this host is suspected.")
        else:
            parts.append(f"Of {_verb(record.running, 'that runs', 'that run')} more nothing else is known.")
    return " ".join(parts) or "What they share is suspected."


def _next(record: r.StormTold) -> str:
    dead = "what has exited is started, one at a time and first what others need; " if record.exited else ""
    kept = "nothing that runs is restarted while this lasts"
    ask = f"; `nemo-watchdog retry {record.running[0]}` restarts one all the same" if record.running else ""
    return f"{dead}{kept}{ask}. A person must look at what they share."


def _verb(names: Sequence[str], one: str, more: str) -> str:
    return f"{len(names)} {one if len(names) == 1 else more}"


def muted(record: r.Record, incident: Incident, turn: Turn) -> Told | None:
    """What the message about the storm says, or will, is not told of each of them."""
    storm = turn.durable.storm
    if storm is None or storm.ended is not None or storm.incident != incident.incident:
        return None
    if isinstance(record, r.IncidentOpened | r.IncidentReopened):
        return Told.STORM if record.storm else None
    if isinstance(record, r.SeverityRaised):
        return None if storm.told else Told.STORM
    if isinstance(record, r.ActionEnded):
        return Told.STORM if record.outcome == ActionOutcome.SUCCEEDED else None
    if isinstance(record, r.DecisionMade) and record.gate == Gate.BUDGET:
        waiting = [name for name, said in incident.decisions.items() if said == (Verdict.WAIT, Gate.BUDGET)]
        return Told.STORM if len(waiting) > 1 else None
    return Told.STORM if isinstance(record, r.MemberDown | r.ActionIntended) else None
