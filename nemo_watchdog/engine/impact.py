"""Whom an incident hurts: its root, its members, and what cannot work while the root does not. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from nemo_watchdog.engine.listing import listed
from nemo_watchdog.engine.topology import held_by
from nemo_watchdog.engine.volatile import Volatile
from nemo_watchdog.model import Health
from nemo_watchdog.policy.policy import CORE_TAG, Policy

FAILS = frozenset({Health.DOWN, Health.STARTING})
"""What then needs it cannot work; of what cannot be seen nobody knows."""


@dataclass(frozen=True, slots=True)
class Impact:
    """`core` of all `of_core` that carry the tag core are among the affected."""

    affected: tuple[str, ...]
    core: int
    of_core: int

    @property
    def all_core(self) -> bool:
        """Several, and nothing core is left."""
        return 1 < self.core == self.of_core

    def __str__(self) -> str:
        """`gateway and gemma (2 of 5 core)`."""
        said = listed(self.affected or ("nothing that is watched",))
        return f"{said} ({self.core} of {self.of_core} core)" if self.of_core else said


def impact_of(volatile: Volatile, root: str, members: Iterable[str]) -> Impact:
    """The root first, then what failed after it, then what needs it and has nothing else left to turn to."""
    policy, trackers = volatile.policy, volatile.trackers
    affected = dict.fromkeys(name for name in (root, *members) if name in trackers)
    if root in trackers and trackers[root].state.health in FAILS:
        below = volatile.topology.dependents[root]
        held = (name for name in below if root in held_by(policy, name, lambda above: not trackers[above].serves))
        affected |= dict.fromkeys(held)
    return _counted(affected, policy)


def together(impacts: Iterable[Impact], volatile: Volatile) -> Impact:
    """Of several outages at once, what any of them hurts."""
    affected = dict.fromkeys(name for each in impacts for name in each.affected)
    return _counted(affected, volatile.policy)


def _counted(affected: Mapping[str, None], policy: Policy) -> Impact:
    core = {name for name, spec in policy.dependencies.items() if CORE_TAG in spec.tags}
    return Impact(tuple(affected), len(core & affected.keys()), len(core))
