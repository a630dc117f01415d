"""What lint says of rules is true of every platform: searched for a counterexample, with the engine's own answers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from nemo_watchdog.engine.condition_words import WORDS, why_not
from nemo_watchdog.engine.conditions import ANSWERS, Asked, Platform, Question, Scene, holds
from nemo_watchdog.engine.flaps import Flaps
from nemo_watchdog.engine.health import Tracker
from nemo_watchdog.engine.seen import Seen, Trouble
from nemo_watchdog.engine.states import State
from nemo_watchdog.model import Category, Finding, Health, Moment, Observation, Outcome, Reason, Severity
from nemo_watchdog.policy.condition import Affected, Bound, Condition, Measure, Span, TagQuantifier, Times
from nemo_watchdog.policy.lint_rules import UNDERSTOOD, covers, why_never
from nemo_watchdog.policy.policy import Dependency, Policy, Rule

NOON = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
NOW = 1e6
TAGS = ("x", "y")
REASONS = (Reason.REFUSED, Reason.SLOW, Reason.DISK_FULL, Reason.AUTH_FAILED)
SPANS = (Span(frozenset(range(5)), 540, 780), Span(frozenset(range(7)), 600, 660))

PLATFORM = {
    "a": Dependency("a", "tcp", None, tags=frozenset({"x", "y"})),
    "b": Dependency("b", "tcp", None, tags=frozenset({"x"}), needs=("a",)),
    "c": Dependency("c", "tcp", None, tags=frozenset({"y"}), needs=("b",)),
    "d": Dependency("d", "tcp", None),
}


def some(choices: Iterable[object], most: int) -> st.SearchStrategy[frozenset[object]]:
    return st.frozensets(st.sampled_from(list(choices)), min_size=1, max_size=most)


BOUNDS = st.builds(
    lambda comparison, value: Bound(comparison, value, f"{comparison} {value}"),
    st.sampled_from((">", ">=", "<", "<=", "=")),
    st.sampled_from((1.0, 2.0, 3.0)),
)
MEASURES = st.builds(lambda of, bound: Measure(of, "m", bound, "m"), st.sampled_from((None, "a")), BOUNDS)
AFFECTED = st.builds(
    lambda many, of, share: Affected(share=many / 4, of=of) if share else Affected(count=many, of=of),
    st.integers(1, 4),
    st.sampled_from((None, *TAGS)),
    st.booleans(),
)


VALUES: dict[str, st.SearchStrategy[object]] = {
    "health": some(Health, 3),
    "category": some(Category, 3),
    "reason": some((each.value for each in REASONS), 3),
    "tags": some(TAGS, 2),
    "dependencies": some(PLATFORM, 3),
    "down": st.builds(TagQuantifier, st.sampled_from(("all", "any")), st.sampled_from(TAGS)),
    "affected": AFFECTED,
    "lasting": st.sampled_from((60.0, 600.0)),
    "flapping": st.booleans(),
    "time": st.sampled_from(SPANS).map(lambda span: Times((span,), UTC, "test")),
    "measure": st.tuples(MEASURES),
}


@st.composite
def conditions(draw: st.DrawFn, depth: int = 2) -> Condition:
    """Of one to three parts: with more, hardly anything holds."""
    nested = ["any", "all", "not_"] if depth else []
    parts = draw(st.sets(st.sampled_from([*VALUES, *nested]), min_size=1, max_size=3 if depth else 2))
    given: dict[str, Any] = {part: draw(VALUES[part]) for part in sorted(parts & set(VALUES))}
    for part in sorted(parts - set(VALUES)):
        below = conditions(depth - 1)
        given[part] = draw(below) if part == "not_" else tuple(draw(st.lists(below, min_size=1, max_size=2)))
    return Condition(**given)


HOW = st.tuples(
    st.sampled_from(tuple(Health)),
    st.sampled_from(REASONS),
    st.sampled_from((0.0, 60.0, 700.0)),
    st.none() | st.sampled_from((0.5, 1.0, 2.0, 2.5, 4.0)),
    st.booleans(),
)
SCENES = st.tuples(st.tuples(*([HOW] * len(PLATFORM))), st.integers(0, 47))

Drawn = tuple[tuple[tuple[Health, Reason, float, float | None, bool], ...], int]


def scene_of(drawn: Drawn, *whens: Condition) -> Scene:
    hows, hours = drawn
    policy = policy_of(*whens)
    trackers, troubles = {}, {}
    for (name, spec), (health, reason, lasting, measured, _) in zip(PLATFORM.items(), hows, strict=True):
        tracker = trackers[name] = Tracker(spec, Seen())
        well = health is Health.UP
        tracker.state = State(health, None if well else reason.category, None if well else reason)
        values = {} if measured is None else {"m": measured}
        tracker.last = Observation(Finding(Outcome.OK, None, "", values), 0.0, Moment(NOW, NOON))
        if not well:
            troubles[name] = Trouble(NOW - lasting, serves=health is Health.DEGRADED)
    platform = Platform.weigh(Asked.by(policy), policy, trackers)
    flapping = {name: Flaps(since=NOW) for name, how in zip(PLATFORM, hows, strict=True) if how[-1]}
    return Scene(trackers, troubles, platform, NOW, NOON + timedelta(hours=hours), flapping)


def policy_of(*whens: Condition) -> Policy:
    rules = tuple(Rule(f"r{index}", Severity.SEV1, when) for index, when in enumerate(whens))
    return Policy(PLATFORM, {}, rules)


def test_every_part_of_a_condition_is_known_everywhere() -> None:
    """Who adds one is told where it is missing."""
    parts = {each.name for each in fields(Condition) if each.init}
    assert parts == set(ANSWERS) == set(WORDS) == UNDERSTOOD


def ill(scene: Scene) -> list[str]:
    """Those that a rule is asked about."""
    return [name for name, tracker in scene.trackers.items() if tracker.unhealthy]


PARTS = sorted(UNDERSTOOD)


@settings(max_examples=400)
@given(
    wide=conditions(),
    other=conditions(),
    taken=st.sets(st.sampled_from(PARTS), max_size=4),
    drawns=st.lists(SCENES, min_size=5, max_size=5),
)
def test_a_rule_that_covers_another_holds_whenever_that_does(
    wide: Condition, other: Condition, taken: set[str], drawns: list[Drawn]
) -> None:
    """Of whatever is in trouble, on whatever platform. The other one asks the same, but for some parts."""
    narrow = replace(wide, **{part: getattr(other, part) for part in taken})
    for first, second in ((wide, narrow), (narrow, wide), (wide, other)):
        if not covers(first, second):
            continue
        for drawn in drawns:
            scene = scene_of(drawn, first, second)
            for name in ill(scene):
                if holds(Question(second, scene, name)):
                    event("both hold")
                    assert holds(Question(first, scene, name))


@given(when=conditions(), drawn=SCENES)
def test_a_rule_that_never_holds_does_not(when: Condition, drawn: Drawn) -> None:
    """Of whatever is in trouble."""
    if not why_never(when, policy_of(when)):
        return
    scene = scene_of(drawn, when)
    for name in ill(scene):
        assert holds(Question(when, scene, name)) is not True


@given(when=conditions(), drawn=SCENES)
def test_what_does_not_hold_has_a_reason_in_words_and_what_holds_has_none(when: Condition, drawn: Drawn) -> None:
    """Whatever the condition; as a fact about the platform as well."""
    scene = scene_of(drawn, when)
    for name in scene.trackers:
        for about in (True, False):
            question = Question(when, scene, name, about)
            assert bool(why_not(question)) is (holds(question) is not True)
