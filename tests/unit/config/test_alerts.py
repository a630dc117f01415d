"""Every alert is tested, explained and made of metrics that exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from nemo_watchdog.cli import app
from nemo_watchdog.metrics import Metrics
from nemo_watchdog.model import Severity

REPOSITORY = Path(__file__).parents[3]
CONFIG = REPOSITORY / "config"


def load(name: str) -> Any:
    return yaml.safe_load((CONFIG / "prometheus" / name).read_text(encoding="utf-8"))


RULES: dict[str, dict[str, Any]] = {
    rule["alert"]: rule for group in load("alerts.yml")["groups"] for rule in group["rules"]
}


@pytest.mark.parametrize("alert", sorted(RULES))
def test_each_alert_has_its_page_and_its_words(alert: str) -> None:
    """Summary, description, severity and a runbook page that exists and answers three questions."""
    rule = RULES[alert]
    annotations = rule["annotations"]
    assert annotations["summary"]
    assert len(annotations["description"]) > 100
    assert rule["labels"]["severity"] in set(Severity)
    assert annotations["runbook_url"] == f"docs/runbooks/{alert}.md"
    page = (REPOSITORY / annotations["runbook_url"]).read_text(encoding="utf-8")
    assert page.startswith(f"# {alert}\n")
    assert [line for line in page.splitlines() if line.startswith("## ")] == [
        "## What happened",
        "## What the watchdog does",
        "## What to do",
    ]


def test_no_page_without_its_alert() -> None:
    """A page whose alert is gone is gone too, and links between pages lead somewhere."""
    pages = {
        page.stem: page.read_text(encoding="utf-8") for page in (REPOSITORY / "docs" / "runbooks").glob("Nemo*.md")
    }
    assert set(pages) == set(RULES)
    links = {target for text in pages.values() for target in re.findall(r"\]\((\w+)\.md\)", text)}
    assert links <= set(pages)


@pytest.mark.parametrize("alert", sorted(RULES))
def test_each_alert_is_tested_firing_and_silent(alert: str) -> None:
    """`promtool test rules` sees each alert both ways."""
    expected = [
        bool(case["exp_alerts"])
        for test in load("alerts_test.yml")["tests"]
        for case in test["alert_rule_test"]
        if case["alertname"] == alert
    ]
    assert set(expected) == {True, False}


def test_every_command_in_the_advice_exists() -> None:
    """Somebody who is called at night finds no command that the program does not have."""
    pages = [page.read_text(encoding="utf-8") for page in (REPOSITORY / "docs" / "runbooks").glob("Nemo*.md")]
    advice = [*pages, *(rule["annotations"]["description"] for rule in RULES.values())]
    named = {command for text in advice for command in re.findall(r"`nemo-watchdog (\w+)", text)}
    assert named
    groups = {group.name for group in app.registered_groups}
    assert named <= groups | {command.name for command in app.registered_commands}


def test_rules_use_metrics_that_exist() -> None:
    """A rule on a metric that nobody exports would be silent for ever."""
    exported = {
        f"{metric.name}_total" if metric.type == "counter" else metric.name for metric in Metrics().registry.collect()
    }
    used = {name for rule in RULES.values() for name in re.findall(r"nemo_watchdog_\w+", rule["expr"])}
    assert used
    assert used <= exported


def test_the_scrape_job_is_the_one_that_the_rules_expect() -> None:
    """The rule on the watchdog's own absence names the job of the scrape configuration."""
    (job,) = load("prometheus.yml")["scrape_configs"]
    assert f'job="{job["job_name"]}"' in RULES["NemoWatchdogDown"]["expr"]
