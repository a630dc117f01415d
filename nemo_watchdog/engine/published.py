"""What users see: of each component that the policy publishes, how it works, in a closed word. Pure.

A component is what has one name at `public`. It works as badly as the worst of its dependencies; but what is down and
has others that stand in for it makes it degraded, and so does what serves while something that it needs is down.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from nemo_watchdog.engine.groups import Group, all_groups
from nemo_watchdog.engine.maintenance import spell_of
from nemo_watchdog.engine.state import Durable
from nemo_watchdog.engine.topology import held_by, upstreams
from nemo_watchdog.engine.volatile import Volatile
from nemo_watchdog.model import Category, Health, Moment, Reason
from nemo_watchdog.policy.policy import Policy


class Shown(StrEnum):
    """How something works for users, the worst first."""

    OUTAGE = "outage"
    DEGRADED = "degraded"
    MAINTENANCE = "maintenance"
    UNKNOWN = "unknown"
    OPERATIONAL = "operational"


_ORDER = tuple(Shown)

UNNOTICED = frozenset(
    {
        Reason.MEMORY_HIGH,
        Reason.TEMPERATURE_HIGH,
        Reason.CPU_HIGH,
        Reason.PRESSURE_HIGH,
        Reason.FILES_HIGH,
        Reason.LONG_TRANSACTION,
        Reason.DEADLOCKS,
        Reason.REPLICATION_LAG,
        Reason.CERTIFICATE_EXPIRING,
        *(reason for reason in Reason if reason.category is Category.INTEGRITY),
    }
)
"""What operators must know and users do not notice, as long as it serves."""


def worst(shown: Iterable[Shown]) -> Shown:
    """Operational where there is nothing."""
    return min(shown, key=_ORDER.index, default=Shown.OPERATIONAL)


def shown_of(health: str, reason: str | None) -> Shown:
    """What users see of something with this health, for this reason."""
    if health in (Health.DOWN, Health.STARTING):
        return Shown.OUTAGE
    if health == Health.DEGRADED:
        return Shown.OPERATIONAL if reason in UNNOTICED else Shown.DEGRADED
    return Shown.OPERATIONAL if health == Health.UP else Shown.UNKNOWN


@dataclass(frozen=True, slots=True)
class Component:
    """`parts` are its dependencies."""

    name: str
    description: str
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Published:
    """What a policy publishes, worked out once."""

    policy: Policy
    components: tuple[Component, ...]
    """In the order of the policy."""
    groups: Mapping[str, tuple[Group, ...]]
    """Of each part that others stand in for."""
    concerns: Mapping[str, tuple[Component, ...]]
    """Of each dependency, the components that it can make worse."""
    stands_in: Mapping[str, tuple[Component, ...]]
    """Of each dependency, the components of which a part has it to stand in for that part."""

    @classmethod
    def of(cls, policy: Policy) -> Published:
        parts: dict[str, list[str]] = {}
        described: dict[str, str] = {}
        for name, spec in policy.dependencies.items():
            if spec.public is not None:
                parts.setdefault(spec.public.name, []).append(name)
                described[spec.public.name] = described.get(spec.public.name) or spec.public.description
        components = tuple(Component(name, described[name], tuple(names)) for name, names in parts.items())
        published = [name for each in components for name in each.parts]
        groups: dict[str, tuple[Group, ...]] = {}
        for group in all_groups(policy) if published else ():
            for name in (each for names in group.members.values() for each in names if each in published):
                groups[name] = (*groups.get(name, ()), group)
        concerns: dict[str, tuple[Component, ...]] = {}
        for component in components:
            for name in dict.fromkeys(above for part in component.parts for above in (part, *upstreams(policy, part))):
                concerns[name] = (*concerns.get(name, ()), component)
        made = cls(policy, components, groups, concerns, {})
        stands_in: dict[str, tuple[Component, ...]] = {}
        for component in components:
            for name in made.looked_at(component):
                stands_in[name] = (*stands_in.get(name, ()), component)
        return replace(made, stands_in=stands_in)

    def having(self, names: Iterable[str]) -> tuple[str, ...]:
        """The components that one of these is a part of."""
        wanted = set(names)
        return tuple(each.name for each in self.components if not wanted.isdisjoint(each.parts))

    def looked_at(self, component: Component) -> tuple[str, ...]:
        """Its parts, and what stands in for them."""
        stand_ins = (
            each
            for part in component.parts
            for group in self.groups.get(part, ())
            for names in group.members.values()
            for each in names
        )
        return tuple(dict.fromkeys((*component.parts, *stand_ins)))

    def concerned(self, name: str, states: Mapping[str, Shown]) -> dict[str, Shown]:
        """Those that this dependency can make worse and that are not operational, when this is how dependencies are.

        What `states` does not name is operational.
        """
        near = {each.name: each for each in (*self.concerns.get(name, ()), *self.stands_in.get(name, ()))}
        shown = {name: worst(self.part(part, states) for part in each.parts) for name, each in near.items()}
        return {name: how for name, how in shown.items() if how is not Shown.OPERATIONAL}

    def part(self, name: str, states: Mapping[str, Shown]) -> Shown:
        """How one dependency works for users; what `states` does not name is operational."""
        own = states.get(name, Shown.OPERATIONAL)
        if own is Shown.OUTAGE:
            stood_in = any(_serves(group, states) for group in self.groups.get(name, ()))
            return Shown.DEGRADED if stood_in else own
        cut_off = held_by(self.policy, name, lambda each: states.get(each) is Shown.OUTAGE)
        return worst((own, Shown.DEGRADED)) if cut_off else own


def _serves(group: Group, states: Mapping[str, Shown]) -> bool:
    """Whether enough of it do."""
    good = (Shown.OPERATIONAL, Shown.DEGRADED)
    serving = [all(states.get(each, Shown.OPERATIONAL) in good for each in names) for names in group.members.values()]
    return serving.count(True) >= group.least


def components_now(published: Published, volatile: Volatile, durable: Durable, now: Moment) -> dict[str, Shown]:
    """Every component as users see it now."""
    states = {name: shown_of(tracker.state.health, tracker.state.reason) for name, tracker in volatile.trackers.items()}

    def part(name: str) -> Shown:
        shown = published.part(name, states)
        return Shown.MAINTENANCE if _is_planned(volatile, durable, name, shown, now) else shown

    return {each.name: worst(part(name) for name in each.parts) for each in published.components}


def _is_planned(volatile: Volatile, durable: Durable, name: str, shown: Shown, now: Moment) -> bool:
    """Whether it is worked on, or fails with what is; what has an incident is more than what was planned."""
    if durable.incident_of(name) is not None:
        return False
    if spell_of(volatile, durable, name, now) is not None:
        return True
    if shown is Shown.OPERATIONAL:
        return False
    above = held_by(volatile.policy, name, lambda each: not volatile.trackers[each].serves)
    return any(
        durable.incident_of(each) is None and spell_of(volatile, durable, each, now) is not None for each in above
    )
