"""All that a gate may look at, for one dependency, in an open incident or in none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from nemo_watchdog.engine.along import along_of
from nemo_watchdog.engine.attempts import Ladder
from nemo_watchdog.engine.health import Tracker
from nemo_watchdog.engine.ladder import Next, named_step, next_step
from nemo_watchdog.engine.proposals import Grant
from nemo_watchdog.engine.state import Durable, Incident
from nemo_watchdog.engine.step_fit import why_skipped
from nemo_watchdog.engine.volatile import Volatile
from nemo_watchdog.model import CONTAINER, Category, Decision, Gate, Health, Target, Verdict
from nemo_watchdog.policy.policy import ActionStep, Dependency, Policy, Remedy

_TOO_BUSY = frozenset({Health.DOWN, Health.DEGRADED})
"""What starts is busy as well, and gets its time."""


@dataclass(frozen=True)
class Situation:
    """`now` is monotonic seconds."""

    volatile: Volatile
    durable: Durable
    incident: Incident | None
    name: str
    now: float
    supposed: Grant | None = None
    """What a person would allow, where it is only asked what would come of that."""

    @property
    def granted(self) -> Grant | None:
        """What a person allows for the next action."""
        return self.supposed or self.durable.proposals.grant_of(self.name, self.now)

    def is_opened(self, answer: Decision) -> bool:
        """A person opens this gate for the next action; what the policy forbids outright he does not."""
        asks = answer.gate is Gate.AUTONOMY and answer.verdict is not Verdict.REFUSE
        return self.overrides(answer.gate) or (asks and self.granted is not None)

    def overrides(self, gate: Gate) -> bool:
        """A person opens just this gate for the next action."""
        return self.granted is not None and gate in self.granted.gates

    @property
    def is_down(self) -> bool:
        """Or it fails in its start-up grace, and a person does not wait for the end of that."""
        health = self.tracker.state.health
        return health is Health.DOWN or (health is Health.STARTING and self.overrides(Gate.GRACE))

    @property
    def policy(self) -> Policy:
        return self.volatile.policy

    @property
    def trackers(self) -> dict[str, Tracker]:
        return self.volatile.trackers

    @property
    def tracker(self) -> Tracker:
        return self.trackers[self.name]

    @property
    def spec(self) -> Dependency:
        return self.tracker.spec

    @property
    def died(self) -> bool:
        """Its container has ended, and no action of ours whose result nobody knows may be restarting it."""
        return self.tracker.exited and self.pending_until is None

    @property
    def pending_until(self) -> float | None:
        """Until when an action of which nobody knows whether it was done may still be done; None at no time."""
        container = self.tracker.container
        own = [Target(CONTAINER, self.spec.container)] if self.spec.container else []
        untils = (self.durable.unclear_until(target, container, self.now) for target in (*self.targets, *own))
        return max((until for until in untils if until is not None), default=None)

    def verify_until(self, ladder: Ladder) -> float:
        """The end of its verification, which begins with the run where that came later than the outcome."""
        act = self.durable.acts.get(ladder.target) if ladder.target is not None else None
        return ladder.verify_until + (act.late(self.tracker.container) if act is not None else 0.0)

    @property
    def ladder(self) -> Ladder:
        return (self.incident and self.incident.ladders.get(self.name)) or Ladder()

    @property
    def last_on_target(self) -> Ladder:
        """The ladder that acted last on what the next step would act on, be it its own or another's."""
        target = self.spec.targets.get(self.action.key) if self.action is not None else None
        return (target and self.durable.ladder_on(target, self.now)) or self.ladder

    @property
    def remedy(self) -> Remedy | None:
        return self.policy.remedies[self.spec.remedy] if self.spec.remedy else None

    @cached_property
    def next(self) -> Next | None:
        """What comes next on its remedy; None without one."""
        if self.remedy is None:
            return None
        if self.granted is not None and self.granted.step:
            return named_step(self.remedy, self.ladder, self.granted.step)
        return next_step(self.remedy, self.ladder, lambda step: why_skipped(step, self.tracker, self.durable))

    @property
    def action(self) -> ActionStep | None:
        """The step that would act next; None when the next step tells a person, or there is none."""
        return self.next.step if self.next is not None and isinstance(self.next.step, ActionStep) else None

    @property
    def is_busy_and_can_be_helped(self) -> bool:
        """It does not serve well because it is busy, and a step of its remedy is for just that."""
        state, remedy = self.tracker.state, self.remedy
        if state.category is not Category.BUSY or state.health not in _TOO_BUSY or remedy is None:
            return False
        steps = (step for step in remedy.steps if isinstance(step, ActionStep) and Category.BUSY in step.helps)
        return any(not why_skipped(step, self.tracker, self.durable) for step in steps)

    @property
    def asks_for_help(self) -> bool:
        """It is down; or it serves, is busy, and can be helped."""
        return self.is_down or self.is_busy_and_can_be_helped

    @cached_property
    def along(self) -> tuple[str, ...]:
        """Those whose containers the next step would restart after its own, in that order."""
        return along_of(self.volatile, self.name, self.action)

    @property
    def beside(self) -> tuple[str, ...]:
        """The other dependencies of the containers that the next step would act on: it is done to all of them."""
        if self.action is None or not (self.action.target_kind == CONTAINER or self.action.reaches_container):
            return ()
        beside = self.volatile.beside
        also = (other for each in self.along for other in (each, *beside.get(each, ())))
        return (*beside.get(self.name, ()), *also) if self.along else beside.get(self.name, ())

    def beside_how(self, name: str) -> str:
        """Of one of those, for people."""
        return f"restarted after {self.name}" if self.takes_along(name) else "in the same container"

    def takes_along(self, name: str) -> bool:
        """The container of that one would be restarted after its own."""
        return name in self.beside and name not in self.volatile.beside.get(self.name, ())

    @property
    def containers(self) -> tuple[str | None, ...]:
        """Its own, and those that the next step would restart after that."""
        return (self.spec.container, *(self.trackers[each].spec.container for each in self.along))

    def of_each_along(self) -> Iterator[Situation]:
        """As each of those stands by itself."""
        return (replace(self, name=each) for each in self.along)

    @property
    def not_looked_at(self) -> tuple[str, ...]:
        """Those of them at which nobody has looked since this one fails."""
        began = self.tracker.failing_since
        if began is None or self.tracker.exited:
            return ()
        looked = {name: self.trackers[name].last for name in self.beside}
        return tuple(name for name, last in looked.items() if last is None or last.began < began)

    @property
    def targets(self) -> set[Target]:
        """All that its remedy may act on."""
        return set(self.spec.targets.values())
