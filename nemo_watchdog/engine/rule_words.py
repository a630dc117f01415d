"""What a condition asks for, in the words of the policy's own `when`. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from nemo_watchdog.durations import duration
from nemo_watchdog.policy.condition import Condition


def asks_for(when: Condition) -> str:
    """`health: down; lasting: 5m`; of an empty one, which always holds, `nothing in particular`."""
    return "; ".join(PARTS[part](when) for part in when.given) or "nothing in particular"


def _either(key: str, values: Iterable[str]) -> str:
    return f"{key}: {' or '.join(sorted(values))}"


def _down(when: Condition) -> str:
    return f"down: {when.down.quantifier} {when.down.tag}" if when.down is not None else ""


def _affected(when: Condition) -> str:
    affected = when.affected
    if affected is None:
        return ""
    many = f"{affected.share:.0%}" if affected.share is not None else str(affected.count)
    return f"affected: {many} of {affected.of or 'all'}"


PARTS: Mapping[str, Callable[[Condition], str]] = MappingProxyType(
    {
        "health": lambda when: _either("health", when.health),
        "category": lambda when: _either("category", when.category),
        "reason": lambda when: _either("reason", when.reason),
        "tags": lambda when: f"tags: {' and '.join(sorted(when.tags))}",
        "dependencies": lambda when: _either("dependency", when.dependencies),
        "down": _down,
        "affected": _affected,
        "lasting": lambda when: f"lasting: {duration(when.lasting or 0.0)}",
        "flapping": lambda when: f"flapping: {str(when.flapping).lower()}",
        "time": lambda when: f"time: {when.time.written if when.time is not None else ''}",
        "measure": lambda when: "; ".join(f"{each.written} {each.bound.written}" for each in when.measure),
        "any": lambda when: f"any of ({' | '.join(map(asks_for, when.any))})",
        "all": lambda when: "; ".join(map(asks_for, when.all)),
        "not_": lambda when: f"not ({asks_for(when.not_)})" if when.not_ is not None else "",
    }
)
