"""How far advice goes: each thing is said once, of all that it is true of, and not where something is just right."""

from __future__ import annotations

import pytest

from nemo_watchdog.plugins import Kind
from nemo_watchdog.policy.lint import lint
from nemo_watchdog.ports import Catalog
from tests.unit.policy.fakes import CATALOG, parse
from tests.unit.policy.test_lint import HOST, LAST, REDIS, TOLD, policy, rules


def test_how_many_are_affected_is_compared_with_how_many() -> None:
    """Four are there; two of them affected are one of them as well, and one is not yet two."""
    more = "".join(f"  h{number}: {{probe: host}}\n" for number in range(3))

    def said(first: str, second: str) -> list[str]:
        text = rules(
            *(f"{{name: {of}, when: {when}, severity: SEV1}}" for of, when in (("a", first), ("b", second))), LAST
        )
        return [advice.path for advice in lint(parse(text.replace(REDIS, more + REDIS)))]

    one, two = "{affected: {count: 1}}", "{affected: {count: 2}}"
    assert said(one, two) == ["classification[1]"]
    assert said(two, one) == []
    assert said("{affected: {count: 2}}", "{affected: {count: 2, of: core}}") == ["classification[1].when"]


def test_tags_of_which_nobody_carries_all_are_told() -> None:
    """Each is carried, by another one."""
    text = rules("{name: a, when: {tags: [core, data, machine]}, severity: SEV1}", LAST)
    host = "  host: {probe: host, tags: [machine]}\n"
    (advice,) = lint(parse(text.replace(REDIS, host + REDIS)))
    assert advice.message == "rule `a` never holds: no dependency that it is about carries all of its tags"


def test_each_rule_is_told_of_once_whatever_stands_before_it() -> None:
    """One that never holds hides nothing that is told of the next, and two that cover it are one reason."""
    text = rules(
        "{name: never, when: {health: up}, severity: SEV1}",
        "{name: a, when: {health: down}, severity: SEV1}",
        "{name: b, when: {health: [down, degraded]}, severity: SEV1}",
        "{name: c, when: {health: down, tags: core}, severity: SEV2}",
        LAST,
    )
    assert [advice.path for advice in lint(parse(text))] == ["classification[0].when", "classification[3]"]


def test_attempts_beyond_both_budgets_are_told_of_once() -> None:
    text = policy(step="{do: docker.restart, attempts: 6}") + "limits: {budget: 5 per 1h}\n"
    assert [advice.path for advice in lint(parse(text))] == ["remedies.r.steps"]


@pytest.mark.parametrize(
    "text",
    [
        policy(step="{do: docker.restart, attempts: 3, backoff: {initial: 30m, factor: 1, max: 30m}}"),
        policy(step="{do: docker.restart, verify_within: 30s}", dependency="startup_grace: 30s"),
    ],
)
def test_what_takes_just_as_long_as_it_may_is_wise(text: str) -> None:
    """Waits as long as the budget's window, and a start as long as its verification."""
    assert lint(parse(text)) == []


@pytest.mark.parametrize(("least", "wise"), [(1, True), (2, True), (3, False)])
def test_what_has_no_container_is_one_of_its_group_by_itself(least: int, wise: bool) -> None:
    """Three carry the tag: two of them in no container, one in its own; another dependency counts for nothing."""
    specs = (
        "  a: {probe: host, tags: web}\n  b: {probe: host, tags: web}\n  c: {probe: host, tags: web, container: x}\n"
    )
    text = (
        policy().replace(REDIS, f"{specs}  d: {{probe: host}}\n{REDIS}")
        + f"limits: {{min_healthy: {{web: {least}}}}}\n"
    )
    assert [advice.path for advice in lint(parse(text))] == ([] if wise else ["limits.min_healthy.web"])


BLIND_TOLD = "{name: blind, when: %s, severity: SEV1, notify: [team]}"


@pytest.mark.parametrize(
    ("items", "told"),
    [
        ((BLIND_TOLD % "{category: blind}", "{name: last, severity: SEV4}"), True),
        ((BLIND_TOLD % "{category: blind, lasting: 5m}", "{name: last, severity: SEV4}"), True),
        (("{name: a, when: {lasting: 5m}, severity: SEV2}", BLIND_TOLD % "{category: blind}"), True),
        (("{name: a, when: {tags: core}, severity: SEV2}", BLIND_TOLD % "{category: blind}"), False),
        ((BLIND_TOLD % "{dependencies: redis}", "{name: last, severity: SEV4}"), True),
        ((BLIND_TOLD % "{dependencies: host}", "{name: last, severity: SEV4}"), False),
        ((BLIND_TOLD % "{any: [{health: down}, {category: blind}]}", "{name: last, severity: SEV4}"), True),
        ((BLIND_TOLD % "{any: [{health: down}, {category: fault}]}", "{name: last, severity: SEV4}"), False),
    ],
)
def test_whether_anybody_is_told_of_a_database_that_cannot_be_seen(items: tuple[str, ...], told: bool) -> None:
    """A part of which nobody knows beforehand is taken to hold where it tells somebody, and only there."""
    text = rules(*items).replace(REDIS, HOST + REDIS) + TOLD
    unseen = [advice for advice in lint(parse(text)) if "cannot see `redis`" in advice.message]
    assert bool(unseen) is not told


@pytest.mark.parametrize("told", [True, False])
def test_what_no_rule_matches_is_told_as_sev4_is(told: bool) -> None:
    """A database that cannot be seen falls under no rule here."""
    text = rules("{name: a, when: {health: down}, severity: SEV1, notify: [team]}")
    text += TOLD.replace(
        "SEV4: {title: a, respond_within: 1m", f"SEV4: {{title: a, respond_within: 1m{', notify: [team]' * told}"
    )
    assert any("cannot see `redis`" in advice.message for advice in lint(parse(text))) is not told


def test_each_measurement_that_no_probe_makes_is_said_also_of_a_remedy() -> None:
    """A good one before it hides none."""
    when = '{measure: {redis.redis_connected_clients: "> 1", redis.redis_nothing: "> 1"}}'
    text = policy().replace("    steps:", f"    when: {when}\n    steps:")
    kinds = {
        name: Kind(kind.options, kind.make, frozenset({"redis_connected_clients"}))
        for name, kind in CATALOG.probes.items()
    }
    (advice,) = lint(parse(text), Catalog(kinds, CATALOG.actions))
    assert advice.path == "remedies.r.when"
    assert "nothing measures `redis_nothing`" in advice.message
