"""What the JSON Schema lets pass is what the loader lets pass, as far as a schema can know."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from nemo_watchdog.policy.schema import json_schema
from tests.unit.policy.fakes import CATALOG, POLICIES


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    schema = json_schema(CATALOG)
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def valid(name: str) -> Any:
    return yaml.safe_load((POLICIES / "valid" / f"{name}.yaml").read_text("utf-8"))


@pytest.mark.parametrize("name", ["smallest", "everything", "one-or-many"])
def test_a_valid_policy_conforms(validator: Draft202012Validator, name: str) -> None:
    """No editor marks what the loader accepts."""
    document = valid(name)
    assert [error.message for error in validator.iter_errors(document)] == []


@pytest.mark.parametrize(
    "name",
    [
        "unknown-key",
        "unknown-key-in-dependency",
        "unknown-key-in-options",
        "unknown-key-deep-in-options",
        "unknown-key-in-step",
        "unknown-probe",
        "needs-any-unknown-key",
        "needs-any-empty",
        "needs-any-not-a-name",
        "min-healthy-zero",
        "missing-version",
        "missing-option",
        "missing-probe",
        "nothing-to-watch",
        "bad-name",
        "duration-without-unit",
        "duration-with-words",
        "ratio-above-one-as-number",
        "up-after-zero",
        "flapping-true",
        "number-is-a-fraction",
        "autonomy-not-a-choice",
        "remedy-without-budget",
        "remedy-without-steps",
        "budget-without-window",
        "action-unknown",
        "severity-unknown",
        "rule-reason-unknown",
        "storm-not-a-mapping",
        "maintenance-cron-not-text",
        "maintenance-unknown-key",
        "maintenance-without-duration",
        "maintenance-not-a-list",
    ],
)
def test_a_mistake_of_shape_is_marked(validator: Draft202012Validator, name: str) -> None:
    """Editors mark unknown keys, wrong words, missing keys and values of a wrong kind."""
    if name == "ratio-above-one-as-number":
        document = valid("smallest")
        document["dependencies"]["host"]["min_memory_available"] = 97
    else:
        document = yaml.safe_load((POLICIES / "invalid" / f"{name}.yaml").read_text("utf-8"))
    assert not validator.is_valid(document)


def test_an_expansion_may_stand_for_any_value(validator: Draft202012Validator) -> None:
    """The schema describes the file before `${...}` is expanded."""
    document = yaml.safe_load(
        """
        version: 1
        autonomy: ${A:-act}
        defaults: {interval: "${I}", up_after: "${N}", down_after: "${N}"}
        dependencies:
          redis: {probe: redis, url: "${URL}", write: "${W}"}
          host: {probe: host, min_memory_available: "${M:-5%}"}
        limits: {budget: "${B}", concurrent_actions: "${C:-1}"}
        retention: {records: "${D}", evidence_size: "${S}"}
        """
    )
    assert [error.message for error in validator.iter_errors(document)] == []


def test_each_probe_has_its_own_options(validator: Draft202012Validator) -> None:
    """An option of one probe is a mistake at another."""
    document = valid("smallest")
    document["dependencies"]["host"]["dsn"] = "postgresql://h/"
    assert not validator.is_valid(document)


def test_nothing_in_the_schema_is_unused() -> None:
    """Every definition is referred to, and every reference leads somewhere."""
    schema = json_schema(CATALOG)
    text = str(schema)
    assert all(f"#/$defs/{name}'" in text or f"#/$defs/{name}/" in text for name in schema["$defs"])
    assert "Secret" not in text
