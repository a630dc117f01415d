"""The policy's line, and what the service's user may not read."""

from __future__ import annotations

from pathlib import Path

import pytest

from nemo_watchdog.doctor import policy
from nemo_watchdog.errors import PolicyError, PolicyProblem
from nemo_watchdog.plugins import Installed, installed
from nemo_watchdog.policy.lint import Advice
from nemo_watchdog.service_unit import UnitError
from tests.unit.doctor.parts import told

VALID = Path(__file__).parents[2] / "policies" / "valid" / "storm-off.yaml"


def read(path: Path) -> list[tuple[str, str, str, str]]:
    it = policy.read(path, {})
    assert (it.policy is None) == (it.findings[0].grade == "bad")
    return told(list(it.findings))


def test_a_valid_one() -> None:
    assert read(VALID) == [("policy", "good", f"{VALID} is valid: 1 dependency", "")]


def test_advice_is_counted_and_check_tells_it(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text("version: 1\ndependencies: {p: {probe: tcp, address: '127.0.0.1:1', interval: 1s, timeout: 2s}}\n")
    ((check, grade, seen, remedy),) = read(file)
    assert (check, grade, remedy) == ("policy", "warning", f"nemo-watchdog check {file} tells them")
    assert seen.startswith(f"{file} is valid: 1 dependency, ")
    assert "of advice" in seen


def test_the_first_problem_and_how_many_more(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text("version: 1\ndependencies: {a: {probe: pigeon}, b: {probe: dove}}\n")
    ((check, grade, seen, remedy),) = read(file)
    assert (check, grade) == ("policy", "bad")
    assert seen.startswith(f"{file}:2:")
    assert seen.endswith("(and 1 more)")
    assert remedy.startswith(f"nemo-watchdog check {file} tells every problem")


def test_one_that_is_not_there(tmp_path: Path) -> None:
    ((_, grade, seen, remedy),) = read(tmp_path / "nothing.yaml")
    assert (grade, remedy) == ("bad", "name another file, or --as-service for the one that the unit names")
    assert "there is no such file" in seen


def test_a_plugin_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = installed()
    with_warning = Installed(ours.probes, ours.actions, ("the plugin x offers nothing",))
    monkeypatch.setattr(policy, "installed", lambda: with_warning)
    assert read(VALID)[1] == (
        "plugins",
        "warning",
        "the plugin x offers nothing",
        "mend or remove that package: what it offers is not used",
    )


def test_rights_are_asked_only_as_the_service() -> None:
    ((check, grade, _, remedy),) = told(list(policy.look_at_permissions(None)))
    assert (check, grade, remedy) == ("permissions", "skipped", "sudo nemo-watchdog doctor --as-service")
    ((_, grade, _, _),) = told(list(policy.look_at_permissions(list)))
    assert grade == "good"


def test_what_the_service_may_not_read() -> None:
    advice = Advice("/p.yaml", "the service's user cannot read it: chmod o+r /p.yaml, and o+x its folders")
    assert told(list(policy.look_at_permissions(lambda: [advice]))) == [
        (
            "permissions",
            "bad",
            "/p.yaml: the service's user cannot read it",
            "chmod o+r /p.yaml, and o+x its folders",
        )
    ]


def test_a_user_that_is_none() -> None:
    def unreadable() -> list[Advice]:
        raise UnitError("the unit wants the group docker, and there is none on this machine")

    ((_, grade, seen, remedy),) = told(list(policy.look_at_permissions(unreadable)))
    assert (grade, seen) == ("bad", "the unit wants the group docker, and there is none on this machine")
    assert remedy == "make that user or group, or change it: systemctl edit nemo-watchdog"


def test_a_policy_that_root_cannot_read() -> None:
    def unreadable() -> list[Advice]:
        raise PolicyError([PolicyProblem("/p", 1, 1, "", "cannot be read")])

    ((_, grade, _, _),) = told(list(policy.look_at_permissions(unreadable)))
    assert grade == "skipped"
