"""Why a condition does not hold, in words: its first part that is not known to, and what is so instead."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from nemo_watchdog.durations import duration
from nemo_watchdog.engine.conditions import ANSWERS, Question, answer_of, holds, is_bystander, lasted, values_of
from nemo_watchdog.model import Health
from nemo_watchdog.policy.condition import WEEKDAYS, Measure

MOST_NAMED = 5


def why_not(question: Question) -> str:
    """Empty where it holds."""
    for part in question.when.given:
        if ANSWERS[part](question) is not True:
            return WORDS[part](question)
    return ""


def _either(words: Iterable[str]) -> str:
    return " or ".join(sorted(words))


def _health(q: Question) -> str:
    return f"its health is {q.tracker.state.health}, not {_either(q.when.health)}"


def _category(q: Question) -> str:
    return f"its category is {q.tracker.state.category or 'none'}, not {_either(q.when.category)}"


def _reason(q: Question) -> str:
    return f"its reason is {q.tracker.state.reason or 'none'}, not {_either(q.when.reason)}"


def _tags(q: Question) -> str:
    return f"it does not carry the tag {' and '.join(sorted(q.when.tags - q.tracker.spec.tags))}"


def _dependencies(q: Question) -> str:
    return f"it is not {_either(q.when.dependencies)}"


def _down(q: Question) -> str:
    down = q.when.down
    if down is None or (q.scene.platform.down[down] and is_bystander(q)):
        return f"it is none of the {down.tag if down else ''} dependencies that are down"
    if down.quantifier == "any":
        return f"no dependency with the tag {down.tag} is down"
    carrying = [(name, each) for name, each in q.scene.trackers.items() if down.tag in each.spec.tags]
    serving = [name for name, each in carrying if each.state.health is not Health.DOWN]
    return f"not all with the tag {down.tag} are down: {_named(serving)} {'are' if len(serving) > 1 else 'is'} not"


def _named(names: list[str]) -> str:
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _affected(q: Question) -> str:
    affected = q.when.affected
    if affected is None or q.scene.platform.affected[affected]:
        return "it is not down, needs nothing that is, or does not carry the tag"
    carrying = [n for n, each in q.scene.trackers.items() if affected.of in (None, *each.spec.tags)]
    hit = sum(name in q.scene.platform.hit for name in carrying)
    wanted = f"{affected.share:.0%}" if affected.share is not None else str(affected.count)
    return f"{hit} of {len(carrying)} {f'{affected.of} ' if affected.of else ''}dependencies are affected, not {wanted}"


def _lasting(q: Question) -> str:
    return f"it has lasted {duration(lasted(q.scene, q.name) or 0.0)}, not {duration(q.when.lasting or 0.0)}"


def _flapping(q: Question) -> str:
    return "it does not flap" if q.when.flapping else "it flaps"


def _time(q: Question) -> str:
    times = q.when.time
    if times is None:
        return ""
    local = q.scene.utc.astimezone(times.zone)
    return f"it is {WEEKDAYS[local.weekday()]} {local:%H:%M} there, not within {times.written}"


def _measure(q: Question) -> str:
    return next(_measured(each, q) for each in q.when.measure if answer_of(each, q.scene, q.name) is not True)


def _measured(measure: Measure, q: Question) -> str:
    values = values_of(measure, q.scene, q.name)
    seen = ", ".join(f"{value:g}" for value in sorted(values))
    return f"{measure.written} is {seen}, not {measure.bound.written}" if values else f"{measure.written} is not known"


def _all(q: Question) -> str:
    return next(why_not(below) for each in q.when.all if holds(below := q.below(each)) is not True)


def _any(q: Question) -> str:
    return f"none of these holds: {'; '.join(why_not(q.below(each)) for each in q.when.any)}"


def _not(q: Question) -> str:
    if q.when.not_ is None:
        return ""
    denied = q.denied(q.when.not_)
    return f"what it excludes {'is so' if holds(denied) else f'is not known not to be so: {why_not(denied)}'}"


WORDS: Mapping[str, Callable[[Question], str]] = MappingProxyType(
    {
        "health": _health,
        "category": _category,
        "reason": _reason,
        "tags": _tags,
        "dependencies": _dependencies,
        "down": _down,
        "affected": _affected,
        "lasting": _lasting,
        "flapping": _flapping,
        "time": _time,
        "measure": _measure,
        "any": _any,
        "all": _all,
        "not_": _not,
    }
)
