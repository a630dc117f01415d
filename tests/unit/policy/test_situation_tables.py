"""What a table of situations says, and what is told of one that makes no sense."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from nemo_watchdog.errors import PolicyError
from nemo_watchdog.model import Health, Reason
from nemo_watchdog.policy.situation import MOST_SITUATIONS, NOON, Situation, Supposed, parse_situations
from tests.unit.policy.fakes import parse

POLICY = parse(
    "version: 1\ndependencies: {redis: {probe: redis, url: 'redis://a'}, host: {probe: host}}\n"
    "classification: [{name: down, when: {health: down}, severity: SEV2}, {name: rest, severity: SEV4}]\n"
)


def read(text: str) -> list[Situation]:
    return parse_situations(text, "s.yaml", POLICY)


def problems(text: str) -> list[str]:
    with pytest.raises(PolicyError) as caught:
        read(text)
    return [str(problem).removeprefix("s.yaml:") for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("written", "supposed"),
    [
        ("down", Supposed(Health.DOWN, Reason.REFUSED)),
        ("unknown", Supposed(Health.UNKNOWN, Reason.REPORTED_BLIND)),
        ("up", Supposed(Health.UP)),
        ("{}", Supposed(Health.UP)),
        ("{health: up, reason: timeout}", Supposed(Health.UP)),
        ("{reason: timeout}", Supposed(Health.DOWN, Reason.TIMEOUT)),
        ("{health: degraded, reason: disk_full}", Supposed(Health.DEGRADED, Reason.DISK_FULL)),
        ("{health: degraded, lasting: 10m, flapping: true}", Supposed(Health.DEGRADED, Reason.SLOW, 600.0, {}, True)),
        ("{measurements: {clients: 3, ratio: 0.5}}", Supposed(Health.UP, None, 0.0, {"clients": 3.0, "ratio": 0.5})),
    ],
)
def test_how_a_dependency_is(written: str, supposed: Supposed) -> None:
    """What is left out is plain: a health has its usual reason, and a reason alone means down."""
    (situation,) = read(f"dependencies: {{redis: {written}}}")
    assert situation.dependencies == {"redis": supposed}


@pytest.mark.parametrize(
    ("written", "at"),
    [
        ("", NOON),
        ("time: 2026-11-26 14:00\n", datetime(2026, 11, 26, 14, 0, tzinfo=UTC)),
        ("time: '2026-11-26T14:00+01:00'\n", datetime(2026, 11, 26, 13, 0, tzinfo=UTC)),
    ],
)
def test_when_it_is(written: str, at: datetime) -> None:
    """In UTC, whatever is written."""
    (situation,) = read(f"{written}dependencies: {{}}\n")
    assert (situation.at, situation.at.tzinfo) == (at, UTC)


@pytest.mark.parametrize(
    ("written", "incident", "each"),
    [
        ("", None, {}),
        ("expect: down\n", "down", {}),
        ("expect: unclassified\n", "unclassified", {}),
        ("expect: {incident: down, dependencies: {redis: rest}}\n", "down", {"redis": "rest"}),
    ],
)
def test_what_is_expected(written: str, incident: str | None, each: dict[str, Any]) -> None:
    """Of the incident, or of one dependency."""
    (situation,) = read(f"dependencies: {{redis: down}}\n{written}")
    assert (situation.expected_incident, situation.expected) == (incident, each)


def test_a_list_of_situations_is_in_its_order() -> None:
    assert [each.name for each in read("[{name: a, dependencies: {}}, {name: b, dependencies: {}}]")] == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("dependencies: {rediz: down}", "1:16: dependencies.rediz: the policy has no dependency `rediz`: did you mean"),
        (
            "dependencies: {}\nexpect: {dependencies: {hots: down}}",
            "2:25: expect.dependencies.hots: the policy has no dependency `hots`: did you mean `host`?",
        ),
        ("dependencies: {}\nexpect: dwon", "2:1: expect.incident: the policy has no rule `dwon`: did you mean `down`?"),
        (
            "dependencies: {}\nexpect: {dependencies: {host: rst}}",
            "2:31: expect.dependencies.host: the policy has no rule `rst`: did you mean `rest`?",
        ),
        ("time: noon\ndependencies: {}", "1:7: time: expected a time such as `2026-11-26 14:00` (UTC) or"),
        ("time: 5\ndependencies: {}", "1:7: time: expected a time such as"),
        ("dependencies: {host: {measurements: {x: true}}}", "dependencies.host.measurements.x: expected a number"),
        ("dependencies: {host: {measurements: {x: '5'}}}", "dependencies.host.measurements.x: expected a number"),
        ("dependencies: {host: dwon}", "1:22: dependencies.host: expected "),
        ("[]", "1:1: no situation in it: begin with `dependencies:`, or each of a list with `- name:`"),
        ("just words", "1:1: expected a mapping of keys to values"),
    ],
)
def test_what_makes_no_sense_is_told(text: str, said: str) -> None:
    """Once, at its place."""
    (problem,) = problems(text)
    assert said in problem


def test_an_empty_table_is_told_once() -> None:
    assert problems("") == ["1:1: the file is empty: a policy begins with `version: 1`"]


def test_a_table_has_an_end() -> None:
    """Each situation is walked through the whole policy."""
    one = "- {dependencies: {}}\n"
    assert len(read(one * MOST_SITUATIONS)) == MOST_SITUATIONS
    (problem,) = problems(one * (MOST_SITUATIONS + 1))
    assert "more than 1000 situations: make files of them" in problem
