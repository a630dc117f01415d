"""Every gate and every verdict has words for a tired person, and every part of a condition those of the policy."""

from __future__ import annotations

from dataclasses import fields

import pytest

from nemo_watchdog.engine.gate_words import CATEGORIES, ENDS, MEANINGS, NOW, THEN, decided, seen_as
from nemo_watchdog.engine.gates.order import GATES
from nemo_watchdog.engine.rule_words import PARTS, asks_for
from nemo_watchdog.model import Category, Gate, Health, Verdict
from nemo_watchdog.policy.condition import Affected, Bound, Condition, Measure, TagQuantifier
from tests.unit.engine.world import NOON


@pytest.mark.parametrize("gate", list(Gate))
def test_every_gate_has_one_or_two_whole_sentences(gate: Gate) -> None:
    words = MEANINGS[gate]
    assert words[0].isupper()
    assert words.endswith(".")
    assert 1 <= words.count(". ") + 1 <= 2
    assert gate is Gate.NONE or len(words.split()) > 5


def test_no_two_gates_mean_the_same() -> None:
    assert len(set(MEANINGS.values())) == len(Gate)


def test_every_gate_that_is_asked_has_words() -> None:
    """A new one cannot be forgotten."""
    assert {gate.__name__ for gate in GATES} <= set(MEANINGS)
    assert set(ENDS) <= {gate.__name__ for gate in GATES}


@pytest.mark.parametrize("verdict", [each for each in Verdict if each is not Verdict.OPEN])
def test_every_verdict_is_said_of_now_and_of_then(verdict: Verdict) -> None:
    assert NOW[verdict] != THEN[verdict]


def test_every_category_is_explained() -> None:
    assert set(CATEGORIES) == set(Category)


def test_a_word_of_a_newer_version_is_said_as_it_is() -> None:
    """The journal may have been written by one that knows more."""
    assert decided(NOW, "dance", "music", "the band plays") == (
        "It is decided: dance, by the gate music: the band plays.",
        "",
    )


def test_what_serves_is_not_called_broken() -> None:
    """A category is explained where it decides."""
    assert seen_as(Health.DEGRADED, NOON, Category.FAULT, "slow", "took 900 ms") == (
        "degraded since 2026-01-05 12:00:00 UTC: slow (took 900 ms)"
    )
    assert seen_as(Health.DOWN, None, Category.BUSY, "loading", "") == (
        "down: loading. That is busy: it needs time, and a restart would make it start over"
    )


def test_every_part_of_a_condition_has_words() -> None:
    """A new one cannot be forgotten."""
    assert set(PARTS) == {each.name for each in fields(Condition) if each.init}


USERS = Measure("users", "prometheus_query_value", Bound(">", 100, "> 100"), "users")
DOWN = Condition(health=frozenset({Health.DOWN}))


@pytest.mark.parametrize(
    ("when", "said"),
    [
        (Condition(), "nothing in particular"),
        (
            Condition(health=frozenset({Health.UNKNOWN, Health.DOWN}), lasting=300.0),
            "health: down or unknown; lasting: 5m",
        ),
        (Condition(category=frozenset({Category.FAULT})), "category: fault"),
        (Condition(reason=frozenset({"exited"})), "reason: exited"),
        (Condition(tags=frozenset({"core", "gpu"})), "tags: core and gpu"),
        (Condition(dependencies=frozenset({"redis"})), "dependency: redis"),
        (Condition(down=TagQuantifier("all", "core")), "down: all core"),
        (Condition(affected=Affected(share=0.5, of="core")), "affected: 50% of core"),
        (Condition(affected=Affected(count=2)), "affected: 2 of all"),
        (Condition(flapping=True), "flapping: true"),
        (Condition(measure=(USERS,)), "users > 100"),
        (Condition(any=(DOWN, Condition(flapping=False))), "any of (health: down | flapping: false)"),
        (Condition(all=(DOWN,), not_=Condition(reason=frozenset({"slow"}))), "health: down; not (reason: slow)"),
    ],
)
def test_a_condition_is_said_in_the_words_of_the_policy(when: Condition, said: str) -> None:
    """So that it can be found there."""
    assert asks_for(when) == said
