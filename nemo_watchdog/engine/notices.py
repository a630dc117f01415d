"""What people read: what happened, what was done, what happens next, in that order. A record in, words out; pure."""

from __future__ import annotations

from datetime import timedelta
from functools import singledispatch

from nemo_watchdog import records as r
from nemo_watchdog.durations import duration
from nemo_watchdog.engine.budget import free_at
from nemo_watchdog.engine.impact import impact_of
from nemo_watchdog.engine.listing import listed
from nemo_watchdog.engine.maintenance import began_within
from nemo_watchdog.engine.news import Words
from nemo_watchdog.engine.phases import Phase
from nemo_watchdog.engine.plan_words import plan
from nemo_watchdog.engine.reported import Declared
from nemo_watchdog.engine.severity import title_of
from nemo_watchdog.engine.signals import A_STOP_TAKES
from nemo_watchdog.engine.state import Incident
from nemo_watchdog.engine.states import State
from nemo_watchdog.engine.touches import taken_off
from nemo_watchdog.engine.turn import Turn
from nemo_watchdog.model import ActionOutcome, Gate, Health
from nemo_watchdog.policy.policy import Policy


def what(state: State) -> str:
    """One phrase: `down: refused (connection refused)`."""
    return phrase(state.health, state.reason, state.detail)


def phrase(health: str, reason: str | None, detail: str) -> str:
    return f"{health}{f': {reason}' if reason else ''}{f' ({detail})' if detail else ''}"


@singledispatch
def words(record: r.Record, incident: Incident | Declared | None, turn: Turn) -> Words:
    """The message about a record that is news, at the moment when it became true; what is about us has no incident."""
    raise TypeError(f"{type(record).__name__} is not told to people")


@words.register
def _(record: r.IncidentOpened, incident: Incident, turn: Turn) -> Words:
    return _opened("opened", record.root, incident, turn)


@words.register
def _(record: r.IncidentReopened, incident: Incident, turn: Turn) -> Words:
    return _opened(f"opened:{turn.now.utc.isoformat()}", record.dependency, incident, turn)


def graveness(incident: Incident, policy: Policy) -> str:
    """One sentence: how grave, what people call it, and which rule says so."""
    return f"{incident.severity} {title_of(policy, incident.severity, incident.rule)} by the rule {incident.rule}."


def times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def _opened(key: str, name: str, incident: Incident, turn: Turn) -> Words:
    spec = turn.volatile.policy.severities.get(incident.severity)
    respond = f"Respond within {duration(spec.respond_within)}." if spec else ""
    again = f"It is the same incident, reopened {times(incident.reopened)}.\n" if incident.reopened else ""
    body = (
        f"{name} is {seen(name, turn)}.\n{again}{since_the_work(name, incident, turn)}"
        f"{graveness(incident, turn.volatile.policy)} {respond}\n"
        f"{_affected(incident, turn)}\n"
        f"Next: {plan(name, incident, turn)}."
    )
    return Words(key, f"{name} is {turn.volatile.trackers[name].state.health}{' again' if again else ''}", body)


def since_the_work(name: str, incident: Incident, turn: Turn) -> str:
    planned = began_within(turn.volatile, turn.durable, name, turn.now)
    if not planned:
        return ""
    since = duration(round(turn.now.monotonic - (incident.ill_since or turn.now).monotonic))
    return f"It has been so for {since}: it began in planned maintenance ({planned}), which is over.\n"


def _affected(incident: Incident, turn: Turn) -> str:
    return f"Affected: {impact_of(turn.volatile, incident.root, incident.members)}."


@words.register
def _(record: r.MemberDown, incident: Incident, turn: Turn) -> Words:
    name = record.dependency
    body = (
        f"{name} is {seen(name, turn)}.\nIt had served meanwhile: this is a new trouble in an incident that is open.\n"
        f"Next: {plan(name, incident, turn)}."
    )
    return Words(f"{name}:down:{turn.now.utc.isoformat()}", f"{name} is down now", body)


@words.register
def _(record: r.SeverityRaised, incident: Incident, turn: Turn) -> Words:
    change = f"Severity {record.previous} →" if record.previous != record.severity else "What is more:"
    body = (
        f"{record.dependency} is {seen(record.dependency, turn)}.\n"
        f"{change} {graveness(incident, turn.volatile.policy)}\n{_affected(incident, turn)}"
    )
    return Words(f"severity:{record.severity}:{record.rule}", f"{incident.root}: now {record.severity}", body)


@words.register
def _(record: r.RootChanged, incident: Incident, turn: Turn) -> Words:
    body = (
        f"{record.root} is {seen(record.root, turn)}.\nIt is the cause; {record.previous} fails with it.\n"
        f"{_affected(incident, turn)}\nNext: {plan(record.root, incident, turn)}."
    )
    return Words(f"root:{record.root}:{turn.now.utc.isoformat()}", f"{record.root} is the cause", body)


@words.register
def _(record: r.ActionIntended, incident: Incident, turn: Turn) -> Words:
    along = f", and then on {listed(record.along)}" if record.along else ""
    body = (
        f"{record.dependency} is {seen(record.dependency, turn)}.\n"
        f"Doing {record.action} on {incident.ladder(record.dependency).target}{along}, attempt {record.attempt}.\n"
        f"Next: it counts as healed only when it looks healthy within {duration(record.verify_within)}."
    )
    return Words(f"{record.action_id}:started", f"{record.dependency}: {record.action}", body)


@words.register
def _(record: r.ActionEnded, incident: Incident, turn: Turn) -> Words:
    detail = f" ({record.detail})" if record.detail else ""
    ladder = incident.ladder(record.dependency)
    following = "looking again" if ladder.phase is Phase.VERIFYING else f"backing off {duration(ladder.backoff)}"
    if record.outcome == ActionOutcome.REFUSED:
        following = (
            f"tried again in {duration(ladder.backoff)}, and then less and less often; you are told when it is done, "
            "or refused for another reason"
        )
        detail = f"{detail}: nothing was ordered, and no attempt is spent"
    return Words(
        f"{record.action_id}:finished",
        f"{record.dependency}: {record.action} {record.outcome}",
        f"{record.action} on {ladder.target} {record.outcome}{detail}.\nNext: {following}.",
    )


@words.register
def _(record: r.Proposed, incident: Incident, turn: Turn) -> Words:
    name, identity = record.dependency, record.proposal
    zone = turn.volatile.policy.telling.zone
    until = f"{(turn.now.utc + timedelta(seconds=record.expires)).astimezone(zone):%Y-%m-%d %H:%M:%S %Z}"
    body = (
        f"{name} is {seen(name, turn)}.\nNothing was done: the policy lets the watchdog only suggest.\n"
        f"Suggested: {record.what}.\n"
        f"Next: a person must answer, until {until}: `nemo-watchdog approve {identity}` has it done once, "
        f"`nemo-watchdog reject {identity} --reason …` leaves it."
    )
    return Words(f"{identity}:suggested", f"{name}: {record.action} suggested", body)


@words.register
def _(record: r.DecisionMade, incident: Incident, turn: Turn) -> Words:
    name = record.dependency
    if record.gate == Gate.BUDGET:
        return _waits_for_budget(record, incident, turn)
    if record.gate == Gate.MAINTENANCE:
        return _waits_for_people(record, incident, turn)
    hold, tracker = turn.held(name), turn.volatile.trackers[name]
    if hold is None and not taken_off(tracker.container):
        heard = f"answers again, for {duration(A_STOP_TAKES.total_seconds())} at most"
        until = "can be watched through Docker's events again" if turn.volatile.is_deaf else heard
    elif hold is None:  # nobody stopped it: it runs without its network
        until = "is on its network again"
    else:
        left = "" if hold.until is None else f", for {duration(round(hold.until - turn.now.monotonic))} at most"
        until = hold.ends_when + left
    more = "more " if hold is not None and hold.undone else ""
    body = f"{name}: {record.value}.\nNothing {more}was done, on purpose.\nNext: nothing, until the container {until}."
    return Words(f"{name}:held:{incident.ladder(name).begun}", f"{name} is left alone", body)


def _waits_for_budget(record: r.DecisionMade, incident: Incident, turn: Turn) -> Words:
    name, limit = record.dependency, turn.volatile.policy.limits.budget
    wait = free_at(limit, [spend.at for spend in turn.durable.spends], turn.now.monotonic) - turn.now.monotonic
    body = (
        f"{name} is {seen(name, turn)}.\nNothing was done: {record.value}, by what was done to all dependencies.\n"
        f"Next: its remedy goes on in {duration(wait)}, or when `limits.budget` is raised."
    )
    ladder = incident.ladder(name)
    return Words(f"{name}:budget:{ladder.begun}:{ladder.total}", f"{name} waits for the budget", body)


def _waits_for_people(record: r.DecisionMade, incident: Incident, turn: Turn) -> Words:
    name = record.dependency
    body = (
        f"{name} is {seen(name, turn)}.\nNothing was done: {record.value}.\n"
        "Next: what is to be done is decided anew when that is over, or when the policy no longer plans it."
    )
    return Words(f"{name}:maintenance:{record.value}", f"{name} is left alone: planned maintenance", body)


@words.register
def _(record: r.Escalated, incident: Incident, turn: Turn) -> Words:
    name, why = record.dependency, record.why
    body = (
        f"{name} is {seen(name, turn)}.\n{why[:1].upper()}{why[1:]}.\n{_affected(incident, turn)}\n"
        f"Next: nothing more is tried until it has served again, or `nemo-watchdog retry {name}`; a person must look."
    )
    ladder = incident.ladder(name)
    return Words(f"{name}:escalated:{ladder.begun}:{ladder.total}", f"{name} needs a person", body)


@words.register
def _(record: r.BusyTooLong, incident: Incident, turn: Turn) -> Words:
    name, why = record.dependency, record.why
    body = (
        f"{name} is {seen(name, turn)}.\n{why[:1].upper()}{why[1:]}.\n{_affected(incident, turn)}\n"
        "Next: a person must look; the watchdog does not restart what is busy."
    )
    return Words(f"{name}:busy:{turn.now.utc.isoformat()}", f"{name} takes too long", body)


@words.register
def _(record: r.LeftOver, incident: Incident, turn: Turn) -> Words:
    name, why = record.dependency, record.why
    body = (
        f"{why[:1].upper()}{why[1:]}.\n{_affected(incident, turn)}\nNext: a person must end it; it is not tried again."
    )
    return Words(f"{name}:left over:{turn.now.utc.isoformat()}", f"{name}: something is left over", body)


@words.register
def _(record: r.FlappingBegan, incident: Incident, turn: Turn) -> Words:
    name, policy = record.dependency, turn.volatile.policy
    dependency, spec = policy.dependencies[name], policy.severities.get(incident.severity)
    window = duration(dependency.flapping.window) if dependency.flapping is not None else ""
    acts = f"at most one action in {window} is taken" if dependency.remedy else "nothing is done, for it has no remedy"
    respond = f" Respond within {duration(spec.respond_within)}." if spec else ""
    body = (
        f"{name} is {seen(name, turn)}.\n"
        f"It goes down and comes back again and again: {record.changes} changes in {duration(record.seconds)}.\n"
        f"{graveness(incident, policy)}{respond}\n{_affected(incident, turn)}\n"
        f"Next: a person must look. Meanwhile {acts}, and single changes are not told; you are told when it has kept "
        f"still, or if it becomes graver."
    )
    return Words(f"{name}:flapping:{turn.now.utc.isoformat()}", f"{name} is flapping", body)


@words.register
def _(record: r.FlappingEnded, incident: Incident, turn: Turn) -> Words:
    name = record.dependency
    serves = name not in turn.volatile.trackers or turn.volatile.trackers[name].state.health is Health.UP
    following = "nothing to do for it; its incident goes on" if serves else plan(name, incident, turn)
    body = f"{name} is {seen(name, turn)}.\n{flapped(name, record.changes, record.seconds)}: {record.why}."
    return Words(f"{name}:still:{turn.now.utc.isoformat()}", f"{name} flaps no more", f"{body}\nNext: {following}.")


def flapped(name: str, changes: int, seconds: float) -> str:
    return f"{name} had flapped for {duration(seconds)}, with {changes} changes"


@words.register
def _(record: r.SparedTooLong, incident: Incident, turn: Turn) -> Words:
    name, why = record.dependency, record.why
    body = (
        f"{name} is {seen(name, turn)}.\nNothing was done to it: {why}.\n{_affected(incident, turn)}\n"
        "Next: its remedy goes on when another one serves again; until then a person must look."
    )
    return Words(f"{name}:spared:{turn.now.utc.isoformat()}", f"{name} needs a person", body)


@words.register
def _(record: r.WorkAwaited, incident: Incident, turn: Turn) -> Words:
    name, ladder = record.dependency, incident.ladder(record.dependency)
    longest = duration(turn.volatile.trackers[name].spec.work_for)
    body = (
        f"{name} is {seen(name, turn)}.\nNothing was done: a restart would lose what is in progress: {record.work}.\n"
        f"Next: its remedy goes on when that has ended; you are told when it takes longer than {longest}."
    )
    return Words(f"{name}:work:{ladder.begun}:{ladder.total}", f"{name} waits for work in progress", body)


@words.register
def _(record: r.WorkTooLong, incident: Incident, turn: Turn) -> Words:
    name, why = record.dependency, record.why
    body = (
        f"{name} is {seen(name, turn)}.\n{why[:1].upper()}{why[1:]}.\n"
        f"Next: a person must look. Its remedy goes on when that has ended, or at `nemo-watchdog retry {name}`, "
        "whatever is in progress then."
    )
    return Words(f"{name}:work:{turn.now.utc.isoformat()}", f"{name} waits too long for work in progress", body)


@words.register
def _(record: r.IncidentResolved, incident: Incident, turn: Turn) -> Words:
    gone = unwatched(incident, turn)
    up = [name for name in incident.members if name not in gone]
    done = f"{_actions(incident.acted_now)} taken" if incident.acted_now else "no action taken"
    if incident.reopened:
        done = f"{done}; the incident was reopened {times(incident.reopened)}, {_actions(incident.acted)} in all"
    took = duration(record.seconds)
    lines = [f"{listed(up)} up again after {took}; {done}." if up else f"Not seen up for {took}; {done}."]
    lines += [f"{flapped(name, spell.changes, spell.seconds)}." for name, spell in incident.flapped.items()]
    for name in gone:
        last = phrase(*incident.last.get(name, (Health.UNKNOWN, None, "")))
        lines.append(
            f"{name} is not watched any more: the policy does not name it. It was {last} when it was last seen."
        )
    look = f"Next: the watchdog looks at it no more; whether {', '.join(gone)} serves, a person must see."
    lines.append(look if gone else "Next: nothing to do.")
    title = f"{incident.root} is {'not watched any more' if incident.root in gone else 'up again'}"
    return Words(f"resolved:{turn.now.utc.isoformat()}", title, "\n".join(lines))


def unwatched(incident: Incident, turn: Turn) -> list[str]:
    """Its members that the policy does not name any more."""
    return [name for name in incident.members if name not in turn.volatile.trackers]


def _actions(count: int) -> str:
    return f"{count} action{'s' if count != 1 else ''}"


@words.register
def _(record: r.JournalDistrusted, incident: None, turn: Turn) -> Words:
    title = "the watchdog only observes: its journal is damaged"
    body = f"{record.damage[:1].upper()}{record.damage[1:]}.\nUntil then it watches and tells, and does nothing."
    return Words(f"{record.TYPE}:{turn.now.utc.isoformat()}", title, body)


@words.register
def _(record: r.JournalAccepted, incident: None, turn: Turn) -> Words:
    title = "the watchdog's journal was accepted"
    body = f"{record.by} lets it go on from what can be read: {record.reason}.\nNext: it acts as the policy allows."
    return Words(f"{record.TYPE}:{turn.now.utc.isoformat()}", title, body)


def seen(name: str, turn: Turn) -> str:
    tracker = turn.volatile.trackers.get(name)
    return what(tracker.state) if tracker is not None else "not watched any more"
