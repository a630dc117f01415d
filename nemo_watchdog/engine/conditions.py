"""Whether a condition of the policy holds: yes, no, or not known (None), as Kleene has it. Pure.

A measurement that nobody has is not known, and so is what depends on it, also under `not`: a rule matches only where
its condition is known to hold. One answer for each kind of part, here; what is said of it is in `condition_words`.

`about` says that the condition is about one dependency: then `down` and `affected` hold only for one that carries the
tag and is down or affected itself, so that an outage of the others is not laid to its charge. Under `not`, and in what
a remedy asks, they are plain facts about the platform.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType

from nemo_watchdog.engine.flaps import Flaps, is_flapping
from nemo_watchdog.engine.health import Tracker
from nemo_watchdog.engine.seen import Trouble
from nemo_watchdog.engine.topology import is_cut_off
from nemo_watchdog.model import Health
from nemo_watchdog.policy.condition import Affected, Condition, Measure, TagQuantifier, Times
from nemo_watchdog.policy.policy import Policy

Answer = bool | None

LOOKS_KNOWN_FOR = 3
"""Intervals, and one timeout: what was measured longer ago is not known any more."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What all conditions of a policy ask beyond the dependency itself, so that it is looked for once."""

    down: tuple[TagQuantifier, ...] = ()
    affected: tuple[Affected, ...] = ()
    lasting: tuple[float, ...] = ()
    times: tuple[Times, ...] = ()
    measured: Mapping[str, tuple[Measure, ...]] = field(default_factory=dict)
    """By the dependency that is named."""
    own: tuple[Measure, ...] = ()
    """Of whichever is classified."""

    @classmethod
    def by(cls, policy: Policy) -> Asked:
        whens = [*(rule.when for rule in policy.classification), *(each.when for each in policy.remedies.values())]
        parts = [part for when in whens for part in when.nested()]
        measures = list(dict.fromkeys(measure for part in parts for measure in part.measure))
        measured: dict[str, tuple[Measure, ...]] = {}
        for each in measures:
            if each.dependency is not None:
                measured[each.dependency] = (*measured.get(each.dependency, ()), each)
        return cls(
            down=tuple(dict.fromkeys(part.down for part in parts if part.down is not None)),
            affected=tuple(dict.fromkeys(part.affected for part in parts if part.affected is not None)),
            lasting=tuple(sorted({part.lasting for part in parts if part.lasting is not None})),
            times=tuple(dict.fromkeys(part.time for part in parts if part.time is not None)),
            measured=measured,
            own=tuple(each for each in measures if each.dependency is None),
        )


@dataclass(frozen=True, slots=True)
class Platform:
    """Whether each `down:` and `affected:` of a policy holds; that changes as one goes down or comes back."""

    down: Mapping[TagQuantifier, bool] = field(default_factory=dict)
    affected: Mapping[Affected, bool] = field(default_factory=dict)
    hit: frozenset[str] = field(default=frozenset(), compare=False)
    """Who is down or needs what is; empty where no condition asks."""

    @classmethod
    def weigh(cls, asked: Asked, policy: Policy, trackers: Mapping[str, Tracker]) -> Platform:
        """Looks at every dependency once, so that no rule has to."""
        down = {name for name, tracker in trackers.items() if tracker.state.health is Health.DOWN}
        hit = frozenset(affected_by(policy, down)) if asked.affected else frozenset()
        carriers = {
            tag: carrying(policy, tag) for tag in [*(q.tag for q in asked.down), *(a.of for a in asked.affected)]
        }
        return cls(
            {quantifier: _is_down(quantifier, carriers[quantifier.tag], down) for quantifier in asked.down},
            {each: _are_affected(each, carriers[each.of], hit) for each in asked.affected},
            hit,
        )


def carrying(policy: Policy, tag: str | None) -> list[str]:
    """The dependencies with this tag; all of them for None."""
    return [name for name, spec in policy.dependencies.items() if tag is None or tag in spec.tags]


def affected_by(policy: Policy, down: Collection[str]) -> Iterable[str]:
    """What is down, and what needs something that is."""
    return (name for name in policy.dependencies if name in down or is_cut_off(policy, name, down))


def _is_down(quantifier: TagQuantifier, carriers: Collection[str], down: Collection[str]) -> bool:
    # nothing selected means nothing
    found = [name in down for name in carriers]
    return bool(found) and (all(found) if quantifier.quantifier == "all" else any(found))


def _are_affected(wanted: Affected, carriers: Collection[str], hit: Collection[str]) -> bool:
    found = sum(name in hit for name in carriers)
    if wanted.count is not None:
        return found >= wanted.count
    return bool(carriers) and found / len(carriers) >= (wanted.share or 0.0)


@dataclass(frozen=True, slots=True)
class Scene:
    """All that a condition may ask about, at one moment. `now` is monotonic seconds."""

    trackers: Mapping[str, Tracker]
    troubles: Mapping[str, Trouble]
    platform: Platform
    now: float
    utc: datetime
    flaps: Mapping[str, Flaps] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Question:
    """One condition, asked about one dependency."""

    when: Condition
    scene: Scene
    name: str
    about: bool = True
    """False where `down` and `affected` are plain facts about the platform."""

    @property
    def tracker(self) -> Tracker:
        return self.scene.trackers[self.name]

    def below(self, when: Condition) -> Question:
        return replace(self, when=when)

    def denied(self, when: Condition) -> Question:
        """The condition that stands under `not`."""
        return replace(self, when=when, about=False)


def holds(question: Question) -> Answer:
    """Whether every part of the condition that is given holds for the dependency."""
    answer: Answer = True
    for part in question.when.given:
        given = ANSWERS[part](question)
        if given is False:
            return False
        if given is None:
            answer = None
    return answer


def answer_of(measure: Measure, scene: Scene, name: str) -> Answer:
    """Whether a measurement is as it must be; with several labels, the worst one's."""
    values = values_of(measure, scene, name)
    return any(measure.bound.holds(value) for value in values) if values else None


def values_of(measure: Measure, scene: Scene, name: str) -> tuple[float, ...]:
    """What the last look measured; nothing when that did not measure it, or was too long ago."""
    tracker = scene.trackers.get(measure.dependency or name)
    last = tracker.last if tracker is not None else None
    if tracker is None or last is None:
        return ()
    known_for = LOOKS_KNOWN_FOR * max(tracker.spec.interval, tracker.spec.confirm_interval) + tracker.spec.timeout
    if scene.now - last.at.monotonic > known_for:
        return ()
    measured, labelled = last.finding.measurements, f"{measure.name}{{"
    return tuple(value for key, value in measured.items() if key == measure.name or key.startswith(labelled))


def lasted(scene: Scene, name: str) -> float | None:
    """Seconds since the present trouble of a dependency began; None when it is in none."""
    trouble = scene.troubles.get(name)
    return None if trouble is None else scene.now - trouble.since


def wakes_at(asked: Asked, scene: Scene, names: Iterable[str]) -> float | None:
    """Monotonic seconds at which time alone may change an answer about these; None for never."""
    begun = [scene.troubles[name].since for name in names if name in scene.troubles]
    ends = [since + lasting for since in begun for lasting in asked.lasting]
    borders = [(times.next_border(scene.utc) - scene.utc).total_seconds() for times in asked.times]
    return min((at for at in [*ends, *(scene.now + wait for wait in borders)] if at > scene.now), default=None)


def _health(q: Question) -> Answer:
    return q.tracker.state.health in q.when.health


def _category(q: Question) -> Answer:
    return q.tracker.state.category in q.when.category


def _reason(q: Question) -> Answer:
    return q.tracker.state.reason in q.when.reason


def _tags(q: Question) -> Answer:
    return q.when.tags <= q.tracker.spec.tags


def _dependencies(q: Question) -> Answer:
    return q.name in q.when.dependencies


def _down(q: Question) -> Answer:
    down = q.when.down
    return down is None or (q.scene.platform.down[down] and not is_bystander(q))


def _affected(q: Question) -> Answer:
    affected = q.when.affected
    return affected is None or (q.scene.platform.affected[affected] and not is_bystander(q))


def is_bystander(q: Question) -> bool:
    """What the condition says of the platform may be true, and this dependency has no part in it."""
    tags, down, affected = q.tracker.spec.tags, q.when.down, q.when.affected
    if not q.about:
        return False
    if down is not None and not (down.tag in tags and q.tracker.state.health is Health.DOWN):
        return True
    return affected is not None and not (q.name in q.scene.platform.hit and affected.of in (None, *tags))


def _lasting(q: Question) -> Answer:
    trouble = q.scene.troubles.get(q.name)
    # the same sum as in `wakes_at`: a difference could be a hair too small at the moment of the wake-up
    return trouble is not None and trouble.since + (q.when.lasting or 0.0) <= q.scene.now


def _flapping(q: Question) -> Answer:
    return is_flapping(q.scene.flaps, q.name) is q.when.flapping


def _time(q: Question) -> Answer:
    return q.when.time is None or q.when.time.holds(q.scene.utc)


def _measure(q: Question) -> Answer:
    return _every(answer_of(measure, q.scene, q.name) for measure in q.when.measure)


def _all(q: Question) -> Answer:
    return _every(holds(q.below(each)) for each in q.when.all)


def _any(q: Question) -> Answer:
    answers = {holds(q.below(each)) for each in q.when.any}
    return True if True in answers else None if None in answers else False


def _not(q: Question) -> Answer:
    answer = None if q.when.not_ is None else holds(q.denied(q.when.not_))
    return None if answer is None else not answer


def _every(answers: Iterable[Answer]) -> Answer:
    """No when one is no; else not known when one is not."""
    given = set(answers)
    return False if False in given else None if None in given else True


ANSWERS: Mapping[str, Callable[[Question], Answer]] = MappingProxyType(
    {
        "health": _health,
        "category": _category,
        "reason": _reason,
        "tags": _tags,
        "dependencies": _dependencies,
        "down": _down,
        "affected": _affected,
        "lasting": _lasting,
        "flapping": _flapping,
        "time": _time,
        "measure": _measure,
        "any": _any,
        "all": _all,
        "not_": _not,
    }
)
