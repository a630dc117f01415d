"""Who is not to hear of what, and for how long: an incident is silent while all of it that fails is silenced. Pure.

While it is silent, nothing of it is told but the end of what people were told of before. Work on all of it that fails
is no silence, but a reason to call nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from nemo_watchdog.engine.alert_labels import labels_of
from nemo_watchdog.engine.maintenance import spell_of
from nemo_watchdog.engine.quiet import ENDS, Maintenance, Quiet, Silence
from nemo_watchdog.engine.reported import Declared
from nemo_watchdog.engine.state import Durable, Incident
from nemo_watchdog.engine.turn import Turn
from nemo_watchdog.engine.volatile import Volatile
from nemo_watchdog.model import Health
from nemo_watchdog.policy.policy import Policy

One = Incident | Declared


def is_silent(turn: Turn, one: One) -> bool:
    """Now, or when it ended: what was over while it was silent is told to nobody."""
    at = turn.now.monotonic if one.resolved is None else one.resolved.monotonic
    return _is_muted(turn.volatile, turn.durable, one, at) or is_silent_elsewhere(turn.volatile, one)


def is_silent_elsewhere(volatile: Volatile, one: One) -> bool:
    """Alertmanager says so, and the policy honours it."""
    labels = labels_of(one)
    return any(each.mutes(labels) for each in volatile.silences_elsewhere)


def is_hidden(volatile: Volatile, durable: Durable, one: One, now: float) -> bool:
    """Whether who keeps alerts hears nothing of it: it is silent, and was not told of it before. `now`: monotonic."""
    at = now if one.resolved is None else one.resolved.monotonic
    return _is_muted(volatile, durable, one, at) and _is_muted(volatile, durable, one, began(one))


def is_silenced(turn: Turn, name: str) -> bool:
    """Whether somebody wants to hear nothing of a dependency now."""
    return _has(_holding(turn.durable, turn.now.monotonic), name, turn.volatile.policy)


def rests(turn: Turn, one: One) -> bool:
    """Nobody need take it now: each part of it that fails is silenced, or worked on."""
    held = _rest(turn, one, _holding(turn.durable, turn.now.monotonic))
    return held or is_silent_elsewhere(turn.volatile, one)


def was_let_go(turn: Turn, one: One) -> bool:
    """It rested until this step."""
    if one.incident in turn.let_go and not rests(turn, one):
        return True
    over = [turn.durable.quiet.of(each) for each in turn.effects.records if isinstance(each, ENDS)]
    if not over or rests(turn, one):
        return False
    return _rest(turn, one, [*_holding(turn.durable, turn.now.monotonic), *over])


def silences_before(turn: Turn, one: One) -> list[Silence]:
    """Those that are over, and for which nobody heard of it since it began."""
    since, now, policy = began(one), turn.now.monotonic, turn.volatile.policy
    known = turn.durable.quiet.silences.values()
    over = [each for each in known if each.began.monotonic < now and since < each.end <= now]
    concerned = _concerned(turn.volatile, one)
    return over if _all(concerned, lambda name: _has(over, name, policy), over) else []


def began(one: One) -> float:
    """When it opened, or reopened last: monotonic seconds."""
    again = one.reopened_at if isinstance(one, Incident) else None
    return (again or one.opened).monotonic


def _rest(turn: Turn, one: One, quiet: Collection[Quiet]) -> bool:
    volatile, durable, now = turn.volatile, turn.durable, turn.now
    if not quiet and not volatile.policy.maintenance and not durable.quiet.maintenance:
        return False
    works = [each for each in quiet if isinstance(each, Maintenance)]

    def does(name: str) -> bool:
        if _has(quiet, name, volatile.policy) or spell_of(volatile, durable, name, now) is not None:
            return True
        return any(_has(works, each, volatile.policy) for each in volatile.beside.get(name, ()))

    return _all(_concerned(volatile, one), does, quiet)


def _is_muted(volatile: Volatile, durable: Durable, one: One, at: float) -> bool:
    holding = _holding(durable, at)
    if not holding:
        return False
    return _all(_concerned(volatile, one), lambda name: _has(holding, name, volatile.policy), holding)


def _all(names: Collection[str], does: Callable[[str], bool], quiet: Iterable[Quiet]) -> bool:
    """Of what names nothing only what is said of everything is said."""
    return all(map(does, names)) if names else any(each.scope.is_everything for each in quiet)


def _has(quiet: Iterable[Quiet], name: str, policy: Policy) -> bool:
    return any(each.scope.has(name, policy) for each in quiet)


def _holding(durable: Durable, at: float) -> list[Silence]:
    return [each for each in durable.quiet.silences.values() if each.holds(at)]


def _concerned(volatile: Volatile, one: One) -> list[str]:
    """The members that fail; all of them where none does, or it is over."""
    if isinstance(one, Declared):
        return [one.dependency] if one.dependency else []
    failing = [name for name in one.members if name in volatile.trackers and _fails(volatile, name)]
    return failing if failing and one.resolved is None else list(one.members)


def _fails(volatile: Volatile, name: str) -> bool:
    return volatile.trackers[name].state.health is not Health.UP
