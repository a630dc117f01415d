"""What the rules say of a situation that somebody only supposes: the engine's own judgement, with nothing behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from nemo_watchdog.engine.condition_words import why_not
from nemo_watchdog.engine.conditions import Asked, Platform, Question, Scene, holds
from nemo_watchdog.engine.flaps import Flaps
from nemo_watchdog.engine.health import Tracker
from nemo_watchdog.engine.seen import Seen, Trouble
from nemo_watchdog.engine.severity import classify, gravest
from nemo_watchdog.engine.states import State
from nemo_watchdog.model import Finding, Health, Moment, Observation, Outcome, Reason
from nemo_watchdog.policy.policy import Policy, Rule

NOW = 1e9
"""Monotonic seconds: later than anything that is supposed to have lasted."""


@dataclass(frozen=True, slots=True)
class Passed:
    """A rule that was asked before the one that matches, and the first part of it that did not hold."""

    rule: str
    why: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The rule for one dependency in trouble."""

    dependency: str
    rule: Rule
    passed: tuple[Passed, ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """Each dependency in trouble, and the gravest rule of all; None where nothing is."""

    verdicts: tuple[Verdict, ...]
    incident: Rule | None


class Supposition:
    """A platform whose dependencies are all up, until something else is supposed."""

    def __init__(self, policy: Policy, at: datetime) -> None:
        self._policy = policy
        self._at = Moment(NOW, at)
        self._trackers = {spec.name: Tracker(spec, Seen()) for spec in policy.dependencies.values()}
        self._troubles: dict[str, Trouble] = {}
        self._flaps: dict[str, Flaps] = {}
        for tracker in self._trackers.values():
            tracker.state = State(Health.UP)

    def suppose(
        self, name: str, health: Health, reason: Reason | None, lasting: float, measured: Mapping[str, float]
    ) -> None:
        """`lasting` in seconds; raises `KeyError` for what the policy does not name."""
        tracker = self._trackers[name]
        tracker.state = State(health, reason.category if reason is not None else None, reason)
        outcome = {Health.UP: Outcome.OK, Health.DEGRADED: Outcome.DEGRADED}.get(health, Outcome.FAILED)
        tracker.last = Observation(Finding(outcome, reason, "", measured), 0.0, self._at)
        if health is not Health.UP:
            self._troubles[name] = Trouble(NOW - lasting, health is Health.DEGRADED)

    def suppose_flapping(self, name: str) -> None:
        """It goes down and comes back again and again."""
        self._flaps[name] = Flaps(since=NOW)

    def judge(self) -> Judged:
        platform = Platform.weigh(Asked.by(self._policy), self._policy, self._trackers)
        scene = Scene(self._trackers, self._troubles, platform, self._at.monotonic, self._at.utc, self._flaps)
        ill = [name for name, tracker in self._trackers.items() if tracker.unhealthy]
        verdicts = tuple(Verdict(name, classify(self._policy, scene, name), self._passed(scene, name)) for name in ill)
        return Judged(verdicts, gravest(self._policy, scene, ill)[0] if ill else None)

    def _passed(self, scene: Scene, name: str) -> tuple[Passed, ...]:
        passed = []
        for rule in self._policy.classification:
            question = Question(rule.when, scene, name)
            if holds(question):
                break
            passed.append(Passed(rule.name, why_not(question)))
        return tuple(passed)
