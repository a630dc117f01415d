"""The policy that ships is valid, wise, and as its schema says; the schema is the one of this program."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from nemo_watchdog.actions.catalog import ACTIONS
from nemo_watchdog.model import Severity
from nemo_watchdog.policy.lint import lint
from nemo_watchdog.policy.loader import load_policy
from nemo_watchdog.policy.policy import Policy
from nemo_watchdog.policy.schema import json_schema, schema_text
from nemo_watchdog.ports import Catalog
from nemo_watchdog.probes import PROBES

CATALOG = Catalog(PROBES, ACTIONS)
CONFIG = Path(__file__).parents[3] / "config"
POLICY = CONFIG / "policy.yaml"
SCHEMA = CONFIG / "policy.schema.json"


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load_policy(POLICY, CATALOG, environ={})


def test_it_describes_the_platform(policy: Policy) -> None:
    """The reference example watches the platform of the runbook, with its response times."""
    assert list(policy.dependencies) == ["postgres", "redis", "gateway", "gpu", "gemma", "docker", "host"]
    assert [spec.respond_within for spec in policy.severities.values()] == [900, 1800, 14400, 86400]
    assert policy.classification[-1].severity is Severity.SEV4
    assert policy.dependencies["gateway"].needs == ("postgres", "redis")


def test_its_only_advice_is_to_fill_in_the_addresses(policy: Policy) -> None:
    """Contacts come from the environment, which is empty here; nothing else is unwise."""
    paths = [advice.path for advice in lint(policy)]
    assert paths == ["contacts.on-call", "contacts.team-lead", "contacts.security"]


def test_with_addresses_there_is_no_advice() -> None:
    """Once the three variables are set, the policy is complete."""
    environ = dict.fromkeys(("ONCALL_URL", "TEAM_LEAD_URL", "SECURITY_URL"), "json://127.0.0.1/hook")
    assert lint(load_policy(POLICY, CATALOG, environ=environ)) == []


def test_it_conforms_to_its_schema() -> None:
    """No editor marks anything in it, and it names the schema beside it."""
    text = POLICY.read_text("utf-8")
    assert text.startswith("# yaml-language-server: $schema=./policy.schema.json\n")
    errors = Draft202012Validator(json_schema(CATALOG)).iter_errors(yaml.safe_load(text))
    assert [error.message for error in errors] == []


def test_the_schema_file_is_current() -> None:
    """`nemo-watchdog schema > config/policy.schema.json` was run after the last change."""
    assert SCHEMA.read_text("utf-8") == schema_text(CATALOG)
