"""Who needs whom: the graph of `needs`, which the policy has made free of circles. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from nemo_watchdog.policy.policy import Policy


def upstreams(policy: Policy, name: str) -> Iterator[str]:
    """Everything that `name` needs, directly or not, each once."""
    seen = {name}
    queue = list(policy.dependencies[name].needs)
    while queue:
        upstream = queue.pop(0)
        if upstream not in seen:
            seen.add(upstream)
            yield upstream
            queue.extend(policy.dependencies[upstream].needs)


def is_cut_off(policy: Policy, name: str, down: Collection[str]) -> bool:
    """Whether something that it needs, directly or not, is among what is down."""
    return any(upstream in down for upstream in upstreams(policy, name))


@dataclass(frozen=True, slots=True)
class Topology:
    """What is asked of the graph at every step, computed once for a policy."""

    upstream_first: tuple[str, ...]
    """Every dependency after all that it needs."""
    dependents: dict[str, tuple[str, ...]]
    """All that need each dependency, directly or not, every one after what it needs itself."""

    @classmethod
    def of(cls, policy: Policy) -> Topology:
        above = {name: tuple(upstreams(policy, name)) for name in policy.dependencies}
        order = sorted(above, key=lambda name: len(above[name]))
        below: dict[str, list[str]] = {name: [] for name in order}
        for name in order:
            for upstream in above[name]:
                below[upstream].append(name)
        return cls(tuple(order), {name: tuple(names) for name, names in below.items()})
