"""At the end of maintenance, in one message: what went down meanwhile, for how long, and what still is. Pure.

It goes to those whom an outage of that would have called. Where nothing went down there is nothing to tell, and nothing
of what somebody has silenced.
"""

from __future__ import annotations

from collections.abc import Iterator

from nemo_watchdog import records as r
from nemo_watchdog.durations import duration
from nemo_watchdog.engine.listing import listed
from nemo_watchdog.engine.news import Words
from nemo_watchdog.engine.quiet import Down, Maintenance
from nemo_watchdog.engine.seen import REASONS
from nemo_watchdog.engine.silence import is_silenced
from nemo_watchdog.engine.suppose import Supposition
from nemo_watchdog.engine.turn import Turn
from nemo_watchdog.model import Health, Notification, NotificationKind, Reason, Told
from nemo_watchdog.policy.policy import Rule

MOST = 20
"""Dependencies that are told of one by one."""


def tell_of_the_work(record: r.MaintenanceEnded, turn: Turn) -> None:
    work = turn.durable.quiet.maintenance.get(record.maintenance)
    went_down = _touched(work, turn) if work is not None else {}
    if work is None or not went_down:
        return
    touched = {name: down for name, down in went_down.items() if not is_silenced(turn, name)}
    if not touched:
        turn.effects.told.append((NotificationKind.MAINTENANCE, Told.SILENCED))
        return
    rules, policy = [_rule(name, down, turn) for name, down in list(touched.items())[:MOST]], turn.volatile.policy
    contacts = dict[str, None]()
    for rule in rules:
        spec = policy.severities.get(rule.severity)
        contacts |= dict.fromkeys((*(spec.notify if spec else ()), *rule.notify))
    turn.effects.told.append((NotificationKind.MAINTENANCE, Told.QUEUED if contacts else Told.NO_CONTACT))
    if not contacts:
        return
    words = _words(work, touched, record.why, turn)
    turn.effects.notifications.append(
        Notification(
            key=f":{words.key}",
            kind=NotificationKind.MAINTENANCE,
            incident="",
            severity=min(rule.severity for rule in rules),
            root=next(iter(touched)),
            title=words.title,
            body=words.body,
            contacts=tuple(contacts),
            at=turn.now.utc,
            since=work.began.utc,
        )
    )


def _touched(work: Maintenance, turn: Turn) -> dict[str, Down]:
    """Of its own, of what looks at the same container, and of what failed with either and was not told."""
    volatile, downs = turn.volatile, work.downs
    known = [name for name in volatile.trackers if name in downs]
    own = [
        name
        for name in known
        if any(work.scope.has(each, volatile.policy) for each in (name, *volatile.beside.get(name, ())))
    ]
    below = {each for name in own for each in volatile.topology.dependents[name]}
    told = turn.durable.incident_of
    return {name: downs[name] for name in known if name in own or (name in below and told(name) is None)}


def _rule(name: str, down: Down, turn: Turn) -> Rule:
    """By which an outage of it alone would be called so grave."""
    supposed = Supposition(turn.volatile.policy, turn.now.utc)
    supposed.suppose(name, Health.DOWN, REASONS.get(down.reason or "", Reason.REFUSED), 0.0, {})
    return supposed.judge().verdicts[0].rule


def _words(work: Maintenance, touched: dict[str, Down], why: str, turn: Turn) -> Words:
    still = [name for name, down in touched.items() if down.since is not None]
    title = f"Maintenance of {work.scope} is over: "
    title += f"{listed(still[:MOST])} {_are(still)} still down" if still else "all that went down serves again"
    whose = work.window or f"{work.reason}, by {work.by}"
    lasted = duration(round(turn.now.monotonic - work.began.monotonic))
    lines = [f"The maintenance ({whose}) has lasted {lasted}: {why}.", *list(_downs(touched, turn))[:MOST]]
    if more := len(touched) - MOST:
        lines += [f"And {more} more."] if more > 0 else []
    following = "what is still down is told and healed as any outage" if still else "nothing to do"
    return Words(work.identity, title, "\n".join([*lines, f"Next: {following}."]))


def _downs(touched: dict[str, Down], turn: Turn) -> Iterator[str]:
    """What is still down first."""
    zone = turn.volatile.policy.telling.zone
    for name, down in sorted(touched.items(), key=lambda each: each[1].since is None):
        if down.since is not None:
            lasts = duration(round(turn.now.monotonic - down.since.monotonic))
            yield f"{name} is still down, since {down.since.utc.astimezone(zone):%Y-%m-%d %H:%M:%S %Z} ({lasts})."
        else:
            again = "" if down.times == 1 else f", {down.times} times"
            yield f"{name} was down for {duration(round(down.seconds))}{again}."


def _are(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are"
