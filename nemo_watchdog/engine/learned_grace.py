"""How long containers of an image take to start, learned from their starts: a slow one is no broken one. Pure.

Only a start that was seen as it happened teaches, and only where nothing else explains how long it took: an action of
ours, a look that saw nothing, something that it needs and that was not there. Durable, changed by records alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from nemo_watchdog.durations import duration
from nemo_watchdog.model import ContainerStatus, Moment, RunState
from nemo_watchdog.policy.policy import Dependency
from nemo_watchdog.records import StartLearned

FEWEST = 5
"""Starts of an image; fewer say nothing."""

MOST = 20
"""The newest that are remembered."""

MARGIN = 2.0
"""The grace is so many times as long as starts take."""

LONGEST = 3600.0
"""Seconds: no longer grace is learned, and what takes longer to start teaches nothing."""

SEEN_AT_ONCE = 10.0
"""Seconds; whoever sees a run later than so long after its start does not know when it first answered."""


@dataclass(slots=True)
class Starting:
    """The start of a container's present run, while nothing speaks against learning from it."""

    began: float | None = None
    """Monotonic seconds."""
    took: float | None = None
    """Seconds, once it is over."""

    def begin(self, status: ContainerStatus, age: float, now: Moment) -> None:
        """A run is seen for the first time, `age` seconds after its start."""
        teaches = status.state is RunState.RUNNING and status.image and age <= SEEN_AT_ONCE
        self.began = now.monotonic - age if teaches else None

    def go_on(self, status: ContainerStatus) -> None:
        """One that ends or is paused meanwhile says nothing."""
        if status.state is not RunState.RUNNING:
            self.began = None

    def forget(self) -> None:
        self.began = None

    def end(self, answers_since: float | None) -> None:
        """It is up, and has answered well since then (monotonic seconds)."""
        if self.began is not None and answers_since is not None:
            self.took = max(0.0, answers_since - self.began)
        self.began = None


@dataclass(frozen=True, slots=True)
class Learned:
    """The grace (seconds) that so many starts have taught."""

    grace: float
    starts: int


@dataclass(slots=True)
class Starts:
    seconds: dict[tuple[str, str], tuple[float, ...]] = field(default_factory=dict)
    """By dependency and image, of the newest starts."""

    def take(self, record: StartLearned) -> None:
        self.seconds[record.dependency, record.image] = tuple(record.seconds)

    def lesson(self, dependency: str, image: str, took: float) -> StartLearned:
        """What is known after one more start."""
        return StartLearned(dependency, image, [*self._of(dependency, image), round(took, 3)][-MOST:])

    def learned(self, spec: Dependency, image: str) -> Learned | None:
        """None where too few starts were seen, or the policy wants none of it."""
        seconds = self._of(spec.name, image)
        if not spec.learn_startup or len(seconds) < FEWEST:
            return None
        return Learned(min(MARGIN * _p95(seconds), LONGEST), len(seconds))

    def grace(self, spec: Dependency, image: str) -> float:
        """Seconds: what the policy gives, or more where starts of this image have taken longer."""
        learned = self.learned(spec, image)
        return spec.startup_grace if learned is None else max(spec.startup_grace, learned.grace)

    def said(self, spec: Dependency, image: str) -> str:
        """`configured 2m, learned 3m40s of 7 starts`; empty where nothing is learned."""
        learned = self.learned(spec, image)
        if learned is None:
            return ""
        configured, grace = duration(spec.startup_grace), duration(learned.grace)
        return f"configured {configured}, learned {grace} of {learned.starts} starts"

    def _of(self, dependency: str, image: str) -> tuple[float, ...]:
        return self.seconds.get((dependency, image), ())


def _p95(seconds: Iterable[float]) -> float:
    """By nearest rank: of fewer than 20 the largest."""
    ordered = sorted(seconds)
    return ordered[math.ceil(0.95 * len(ordered)) - 1]
