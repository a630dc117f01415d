"""`nemo-watchdog classify`: which rule, why no earlier one, and whether that is what somebody expects."""

from __future__ import annotations

from pathlib import Path

import pytest

from nemo_watchdog.policy.situation import MOST_SITUATIONS
from tests.unit.cli.calling import Call
from tests.unit.engine.test_situations import TABLES

POLICY, TABLE = TABLES[1]


def classified(call: Call, folder: Path, text: str, *more: str, policy: Path = POLICY) -> tuple[int, str, str]:
    file = folder / "situations.yaml"
    file.write_text(text, encoding="utf-8")
    result = call("classify", "--policy", policy, file, *more)
    return result.code, result.out, result.err


@pytest.mark.parametrize(("policy", "table"), TABLES, ids=["shipped", "conditions"])
def test_the_tables_hold(call: Call, policy: Path, table: Path) -> None:
    """The same tables as the engine's."""
    result = call("classify", "--policy", policy, table)
    assert (result.code, result.err) == (0, "")
    assert "DIFFERS" not in result.out


def test_what_is_not_as_expected_is_said_and_1(call: Call, tmp_path: Path) -> None:
    """Of the incident, of a dependency, and of one that is in no trouble."""
    text = "name: it\ndependencies: {cache: down}\nexpect: {incident: rest, dependencies: {cache: alone, db: rest}}\n"
    code, out, _ = classified(call, tmp_path, text)
    assert code == 1
    assert [line for line in out.splitlines() if "DIFFERS" in line] == [
        "  DIFFERS: cache: expected the rule alone, got core-down",
        "  DIFFERS: db: expected the rule rest, got none: it is in no trouble",
        "  DIFFERS: the incident: expected the rule rest, got core-down",
    ]


def test_as_json(call: Call, tmp_path: Path) -> None:
    """For a pipeline: rule, severity and title, and what was passed."""
    text = "- {name: a, dependencies: {card: {reason: temperature_high, health: degraded}}, expect: alone}\n"
    text += "- {name: b, dependencies: {}}\n"
    file = tmp_path / "situations.yaml"
    file.write_text(text, encoding="utf-8")
    result = call("classify", "--policy", POLICY, file, "--json")
    assert result.code == 1
    hot, well = result.json()["situations"]
    rest = {"rule": "rest", "severity": "SEV4", "title": "Low impact"}
    assert hot["incident"] == rest
    card = hot["dependencies"]["card"]
    assert {key: card[key] for key in rest} == rest
    assert card["passed"][4] == {"rule": "melting", "why": "gpu_temperature_celsius is not known"}
    assert hot["differences"] == ["the incident: expected the rule alone, got rest"]
    assert well == {"name": "b", "incident": None, "dependencies": {}, "differences": []}


OFFICE_HOURS = "mon-fri 09:00-18:00 or sat 22:00-02:00 Europe/Berlin"

PASSED = """
name: why
time: 2026-01-11 12:00
dependencies:
  mail: {health: unknown, lasting: 3m}
  db: {health: degraded, lasting: 3m}
  cache: down
  users: {measurements: {prometheus_query_value: 7}}
"""


def test_for_each_rule_before_the_first_part_that_did_not_hold(call: Call, tmp_path: Path) -> None:
    """In words, with what is so instead."""
    _, out, _ = classified(call, tmp_path, PASSED)
    said = out.split("  mail: ")[1].splitlines()
    assert said == [
        "SEV4 by rest",
        "    not users-notice: its health is unknown, not degraded or down",
        "    not again-and-again: it is not cache",
        "    not all-down: not all with the tag core are down: db, api are not",
        "    not half-for-long: 1 of 3 core dependencies are affected, not 50%",
        "    not melting: gpu_temperature_celsius is not known",
        f"    not mail-in-office-hours: it is sun 13:00 there, not within {OFFICE_HOURS}",
        "    not alone: its health is unknown, not down",
        "    not core-down: its health is unknown, not down",
    ]
    assert "    not users-notice: users is 7, not > 100" in out.split("  cache: ")[1]


MORE_WORDS = """
version: 1
dependencies:
  a: {probe: tcp, address: "127.0.0.1:1", tags: [x, y]}
  b: {probe: tcp, address: "127.0.0.1:2", tags: [x]}
  c: {probe: tcp, address: "127.0.0.1:3", tags: [y], needs: a}
classification:
  - {name: r0, severity: SEV1, when: {category: integrity}}
  - {name: r1, severity: SEV1, when: {reason: [disk_full, io_error]}}
  - {name: r2, severity: SEV1, when: {tags: [x, y]}}
  - {name: r3, severity: SEV1, when: {dependencies: [a]}}
  - {name: r4, severity: SEV1, when: {lasting: 10m}}
  - {name: r5, severity: SEV1, when: {down: {any: y}}}
  - {name: r6, severity: SEV1, when: {affected: {count: 1, of: y}}}
  - {name: r7, severity: SEV1, when: {any: [{health: up}, {tags: y}]}}
  - {name: r8, severity: SEV1, when: {all: [{health: down}, {tags: y}]}}
  - {name: r9, severity: SEV1, when: {not: {tags: x}}}
  - {name: r10, severity: SEV1, when: {not: {measure: {a.tcp_connect_seconds: "> 1"}}}}
  - {name: rest, severity: SEV4}
"""


def test_every_kind_of_part_has_its_words(call: Call, tmp_path: Path) -> None:
    """One rule for each."""
    policy = tmp_path / "policy.yaml"
    policy.write_text(MORE_WORDS, encoding="utf-8")
    _, out, _ = classified(call, tmp_path, "dependencies: {b: {health: down, lasting: 3m}}", policy=policy)
    why = [line.partition(": ")[2] for line in out.splitlines() if line.startswith("    not ")]
    assert why == [
        "its category is fault, not integrity",
        "its reason is refused, not disk_full or io_error",
        "it does not carry the tag y",
        "it is not a",
        "it has lasted 3m, not 10m",
        "no dependency with the tag y is down",
        "0 of 2 y dependencies are affected, not 1",
        "none of these holds: its health is down, not up; it does not carry the tag y",
        "it does not carry the tag y",
        "what it excludes is so",
        "what it excludes is not known not to be so: a.tcp_connect_seconds is not known",
    ]
    _, out, _ = classified(call, tmp_path, "dependencies: {b: down, a: down}", policy=policy)
    of_b = out.split("  b: ")[1]
    assert "    not r5: it is none of the y dependencies that are down" in of_b
    assert "    not r6: it is not down, needs nothing that is, or does not carry the tag" in of_b


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("dependencies: {cahce: down}", "1:16: dependencies.cahce: the policy has no dependency `cahce`: did you mean"),
        ("dependencies: {cache: dwon}", "1:23: dependencies.cache: expected `up`, `degraded`, `down`, `starting` or"),
        ("- dependencies: {cache: {reson: refused}}", "1:26: [0].dependencies.cache.reson: unknown key: did you mean"),
        ("{dependencies: {}, expect: alnoe}", "1:20: expect.incident: the policy has no rule `alnoe`: did you mean"),
        ("{dependencies: {}, expect: {dependencies: {cache: alnoe}}}", "expect.dependencies.cache: the policy has no"),
        ("{dependencies: {}, expect: {dependencies: {cahce: rest}}}", "expect.dependencies.cahce: the policy has no"),
        ("{dependencies: {}, time: noon}", "1:26: time: expected a time such as `2026-11-26 14:00` (UTC) or"),
        ("dependencies: {cache: {lasting: 5}}", "dependencies.cache.lasting: expected a duration such as"),
        ("dependencies: {cache: {measurements: {x: many}}}", "dependencies.cache.measurements.x: expected a number"),
        ("[]", "1:1: no situation in it: begin with `dependencies:`"),
        ("just words", "expected a mapping of keys to values"),
        ("- {dependencies: {}}\n" * (MOST_SITUATIONS + 1), f"more than {MOST_SITUATIONS} situations"),
    ],
)
def test_a_mistake_in_a_situation_has_its_place_and_is_2(call: Call, tmp_path: Path, text: str, problem: str) -> None:
    """As a mistake in a policy has."""
    code, out, err = classified(call, tmp_path, text)
    assert (code, out) == (2, "")
    assert problem in err


def test_a_bad_policy_and_a_file_that_is_not_there_are_2(call: Call, tmp_path: Path) -> None:
    """Also as JSON."""
    result = call("classify", "--policy", tmp_path / "none.yaml", TABLE, "--json")
    assert result.code == 2
    assert "there is no such file" in result.json()["problems"][0]
    result = call("classify", "--policy", POLICY, tmp_path / "none.yaml")
    assert result.code == 2
    assert "none.yaml:1:1: there is no such file" in result.err
