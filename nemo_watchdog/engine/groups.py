"""What stands in for each other: the groups of `needs`, and what carries a tag of `limits.min_healthy`. Pure.

Containers count, not names: two dependencies of one container are one member, for what is done to one is done to both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from nemo_watchdog.model import Target
from nemo_watchdog.policy.policy import Dependency, Policy


@dataclass(frozen=True, slots=True)
class Group:
    said: str
    """What people call it."""
    least: int
    """So many members must serve before one that runs is restarted."""
    members: Mapping[str, tuple[str, ...]]
    """The dependencies of each, by its place."""
    touching: tuple[str, ...]
    """All dependencies whose remedy acts on a member, those outside of the group among them."""
    targets: Mapping[Target, str]
    """One dependency that acts on each of the targets."""


def place_of(spec: Dependency) -> str:
    """Where it is: the container that it shares, or itself. No container has a name with a space."""
    return spec.container or f"{spec.name} itself"


def said_of(names: Iterable[str]) -> str:
    """`redis-a or redis-b`."""
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last


def all_groups(policy: Policy) -> tuple[Group, ...]:
    """Each once, those of tags first."""
    specs = policy.dependencies
    groups = [
        _group(policy, f"what has the tag {tag}", least, [name for name, spec in specs.items() if tag in spec.tags])
        for tag, least in policy.limits.min_healthy.items()
    ]
    alike = {frozenset(names): names for spec in specs.values() for names in spec.needs_any}
    return (*groups, *(_group(policy, said_of(names), 1, names) for names in alike.values()))


def groups_of(policy: Policy) -> dict[str, tuple[Group, ...]]:
    """The groups that concern each dependency; one that concerns none is not in it."""
    found: dict[str, tuple[Group, ...]] = {}
    for group in all_groups(policy):
        for name in group.touching:
            found[name] = (*found.get(name, ()), group)
    return found


def _group(policy: Policy, said: str, least: int, names: Iterable[str]) -> Group:
    members: dict[str, tuple[str, ...]] = {}
    for name in names:
        place = place_of(policy.dependencies[name])
        members[place] = (*members.get(place, ()), name)
    touching = tuple(name for name, spec in policy.dependencies.items() if place_of(spec) in members)
    targets = {target: name for name in touching for target in policy.dependencies[name].targets.values()}
    return Group(said, least, members, touching, targets)
