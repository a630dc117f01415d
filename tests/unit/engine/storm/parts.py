"""A platform of many that can fail together, and ways to let them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from nemo_watchdog import records as r
from nemo_watchdog.engine import events as ev
from nemo_watchdog.model import (
    ContainerStatus,
    Finding,
    Health,
    Observation,
    Reason,
    RunState,
    Severity,
    Way,
    failed,
    ok,
)
from nemo_watchdog.policy.condition import Condition
from nemo_watchdog.policy.policy import Dependency, Limits, Policy, Rule, Storm
from tests.unit.engine.world import World, dependency, policy

STORM = Storm()
LIMITS = Limits(storm=STORM, concurrent_actions=5)
CUT_OFF = Rule("cannot-be-reached", Severity.SEV1, Condition(reason=frozenset({Reason.UNREACHABLE_FROM_HERE.value})))
WAY = Way(("127.0.0.1", 8000), ("172.18.0.2", 80))


def plan(*dependencies: Dependency, limits: Limits = LIMITS) -> Policy:
    made = policy(*dependencies, limits=limits)
    return replace(made, classification=(CUT_OFF, *made.classification))


def many(count: int, **more: object) -> tuple[Dependency, ...]:
    return tuple(dependency(f"d{number}", grace=0.0, **more) for number in range(count))  # type: ignore[arg-type]


class Platform(World):
    """All of them are up. Those whose container is `published` have another way to them."""

    def __init__(self, *dependencies: Dependency, limits: Limits = LIMITS, published: bool = False) -> None:
        super().__init__(plan(*dependencies, limits=limits))
        self.witnesses: list[str] = []
        for name in [each.name for each in dependencies] if published else ():
            container = self.container(name)
            status = ContainerStatus(RunState.RUNNING, f"id-{container}", self._started_at(container), ways=(WAY,))
            self.send(ev.ContainerSeen(container, status))

    def send(self, event: ev.Event) -> ev.Effects:
        effects = super().send(event)
        if hasattr(self, "witnesses"):
            self.witnesses += sorted(effects.ask_witness)
        return effects

    def looks(self, names: Iterable[str], finding: Finding) -> None:
        """One look at each, at the same time."""
        for name in names:
            self.send(ev.Observed(name, Observation(finding, 0.01, self.now)))

    def fail_together(self, names: Sequence[str], reason: Reason = Reason.REFUSED, *, times: int = 3) -> None:
        for _ in range(times):
            self.pass_time(1.0)
            self.looks(names, failed(reason, f"test: {reason}"))

    def come_back(self, names: Sequence[str]) -> None:
        for _ in range(2):
            self.pass_time(1.0)
            self.looks(names, ok())

    def asked(self) -> set[str]:
        """Those at which the engine wants to look now, since this was asked last."""
        soon, self.soon = self.soon, set()
        return soon

    def die_together(self, names: Sequence[str]) -> None:
        for name in names:
            self.crash(name)

    def witness(self, names: Iterable[str], detail: str = "it takes connections at 172.18.0.2:80") -> None:
        for name in names:
            self.send(ev.Witnessed(name, detail))

    def started_names(self) -> list[str]:
        return [request.dependency for _, request in self.started]

    def gate(self, name: str) -> str:
        """What holds it back now, or that nothing does."""
        decision = self.engine.decision(name, self.now)
        return decision.gate if decision is not None else "in no incident"

    def storms(self) -> list[r.StormBegan]:
        return [record for record in self.of(r.StormBegan) if isinstance(record, r.StormBegan)]

    def all_up(self) -> bool:
        return all(self.health(name) is Health.UP for name in self.engine.trackers)


def chain() -> Platform:
    """As the shipped policy has it: a gateway that needs two stores, beside two that need nothing."""
    names = ("postgres", "redis", "gemma", "search")
    return Platform(
        *(dependency(name, grace=0.0) for name in names),
        dependency("gateway", needs=["postgres", "redis"], grace=0.0),
    )


def heal_what_was_started(world: Platform) -> None:
    """Docker has started it, and it serves."""
    name = world.finish().dependency
    world.succeed(name, times=2)
    world.wait(0.0)
