"""Who needs whom: the graph of `needs`, which the policy has made free of circles. Pure.

Of a group (`{any: [a, b]}`) one is enough: nothing that is behind it holds a child while one of them is left.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

from nemo_watchdog.engine.groups import Group, groups_of
from nemo_watchdog.policy.policy import Dependency, Policy

Need = tuple[str, ...]
"""Any one of these is enough; most are of one."""


def needs_of(spec: Dependency) -> tuple[Need, ...]:
    """All that it needs by itself."""
    return (*((name,) for name in spec.needs), *spec.needs_any)


def named_by(spec: Dependency) -> tuple[str, ...]:
    """Every dependency that its `needs` name, each once."""
    return tuple(dict.fromkeys(name for need in needs_of(spec) for name in need))


def upstreams(policy: Policy, name: str) -> Iterator[str]:
    """Everything that `name` may need, directly or not, each once."""
    seen = {name}
    queue = list(named_by(policy.dependencies[name]))
    while queue:
        upstream = queue.pop(0)
        if upstream not in seen:
            seen.add(upstream)
            yield upstream
            queue.extend(named_by(policy.dependencies[upstream]))


def held_by(policy: Policy, name: str, fails: Callable[[str], bool]) -> dict[str, Need]:
    """What holds `name` back, directly or not, the nearest first, each with the need that it belongs to.

    That is every upstream that fails; but a group holds only when each of it fails, or is held itself.
    """
    return _held(policy, name, fails, {})


def _held(
    policy: Policy, name: str, fails: Callable[[str], bool], known: dict[str, dict[str, Need]]
) -> dict[str, Need]:
    if name not in known:
        near: dict[str, Need] = {}
        far: dict[str, Need] = {}
        for need in needs_of(policy.dependencies[name]):
            failing = [each for each in need if fails(each)]
            behind = {each: _held(policy, each, fails, known) for each in need}
            if all(each in failing or behind[each] for each in need):
                near |= {each: need for each in failing if each not in near}
                far |= {above: its for held in behind.values() for above, its in held.items() if above not in far}
        known[name] = near | {above: need for above, need in far.items() if above not in near}
    return known[name]


def is_cut_off(policy: Policy, name: str, down: Collection[str]) -> bool:
    """Whether what it needs, directly or not, is down so that nothing else is left to turn to."""
    return bool(held_by(policy, name, down.__contains__))


@dataclass(frozen=True, slots=True)
class Topology:
    """What is asked of the graph at every step, computed once for a policy."""

    upstream_first: tuple[str, ...]
    """Every dependency after all that it needs."""
    dependents: dict[str, tuple[str, ...]]
    """All that may need each dependency, directly or not, every one after what it needs itself."""
    groups: Mapping[str, tuple[Group, ...]]
    """Of each dependency, the groups that what is done to it concerns."""

    @classmethod
    def of(cls, policy: Policy) -> Topology:
        above = {name: tuple(upstreams(policy, name)) for name in policy.dependencies}
        order = sorted(above, key=lambda name: len(above[name]))
        below: dict[str, list[str]] = {name: [] for name in order}
        for name in order:
            for upstream in above[name]:
                below[upstream].append(name)
        return cls(tuple(order), {name: tuple(names) for name, names in below.items()}, groups_of(policy))
