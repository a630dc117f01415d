"""A real Prometheus with the shipped configuration and rules scrapes a real daemon, and an alert reaches Alertmanager.

Only addresses and waiting times are changed: the rules' expressions are the shipped ones.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.integration.daemon import Daemon
from tests.integration.service.parts import Receiver, Service, tcp_policy
from tests.integration.service.programs import alertmanager, prometheus, until_so

SHIPPED = Path(__file__).parents[3] / "config" / "prometheus"

ONLY_AFTER_THE_FIRST = {"nemo_watchdog_actions_total", "nemo_watchdog_notifications_total"}
"""Counters without a sample until something happened; alerts.yml says how its rules take that."""

CLASSIFICATION = """
classification:
  - {name: complete-outage, when: {down: {all: core}}, severity: SEV1}
  - {name: anything-else, severity: SEV4}
"""


def shipped_rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((SHIPPED / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def quick_copy(folder: Path, daemon_port: int, alertmanager_url: str) -> Path:
    """The shipped configuration for this daemon and this Alertmanager, without the long waits.

    A rule's `for` becomes two seconds; before the first scrape the daemon counts as down, as it should.
    """
    config = yaml.safe_load((SHIPPED / "prometheus.yml").read_text(encoding="utf-8"))
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    (job,) = config["scrape_configs"]
    job["scrape_interval"] = "500ms"
    job["static_configs"][0]["targets"] = [f"127.0.0.1:{daemon_port}"]
    config["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] = [alertmanager_url.removeprefix("http://")]
    rules = yaml.safe_load((SHIPPED / "alerts.yml").read_text(encoding="utf-8"))
    for group in rules["groups"]:
        for rule in group["rules"]:
            if "for" in rule:
                rule["for"] = "2s"
    for name in config["rule_files"]:
        (folder / name).write_text(yaml.safe_dump(rules), encoding="utf-8")
    copy = folder / "prometheus.yml"
    copy.write_text(yaml.safe_dump(config), encoding="utf-8")
    return copy


async def test_every_metric_that_an_alert_uses_exists(tmp_path: Path) -> None:
    """Each name in the shipped rules is declared by the daemon, and has a sample at once or is known to come later."""
    used = {name for rule in shipped_rules() for name in re.findall(r"nemo_watchdog_\w+", rule["expr"])}
    async with Service() as service, Daemon(tcp_policy(service.port), tmp_path) as daemon:
        await daemon.wait_for_health("service", "up")
        text = await daemon.metrics()
    families = list(text_string_to_metric_families(text))
    declared = set(re.findall(r"^# TYPE (\w+)", text, re.MULTILINE))
    sampled = {sample.name for family in families for sample in family.samples}
    assert used, "the rules name no metric"
    assert used <= declared
    assert used - sampled == ONLY_AFTER_THE_FIRST & used


@pytest.mark.parametrize("accept", ["text/plain", "application/openmetrics-text; version=1.0.0"])
async def test_labels_are_those_of_the_policy_and_no_secret_shows(tmp_path: Path, accept: str) -> None:
    """A password in an address of the policy is in no metric, in either format that Prometheus may ask for."""
    hidden = "  hidden: {probe: redis, url: 'redis://:geheim-7@127.0.0.1:1/0'}\n"
    policy = tcp_policy(1, f"{hidden}contacts: {{on-call: ['json://user:geheim-7@127.0.0.1:1/']}}\n")
    async with Daemon(policy, tmp_path) as daemon:
        await daemon.wait_until(lambda s: s["dependencies"]["service"]["reason"] == "wrong_target")
        text = await daemon.get("/metrics", accept=accept)
    assert 'nemo_watchdog_dependency_health{dependency="service",health="unknown"} 1.0' in text
    assert text.endswith("# EOF\n") == accept.startswith("application/openmetrics")
    assert "geheim-7" not in text


async def test_prometheus_scrapes_the_daemon_and_its_alerts_fire_and_end(tmp_path: Path) -> None:
    """The target is up, every rule evaluates, a dead dependency's alerts reach Alertmanager and end with the outage."""
    async with (
        Service() as service,
        Receiver() as webhook,
        alertmanager(tmp_path, f"http://127.0.0.1:{webhook.port}/") as manager,
        Daemon(tcp_policy(service.port, CLASSIFICATION), tmp_path) as daemon,
        prometheus(tmp_path, quick_copy(tmp_path, daemon.port, manager)) as url,
    ):
        targets = await until_so(f"{url}/api/v1/targets", lambda answer: _health(answer) == ["up"])
        assert targets["data"]["activeTargets"][0]["labels"]["job"] == "nemo-watchdog"
        rules = await until_so(f"{url}/api/v1/rules", lambda answer: {"unknown"}.isdisjoint(_rules(answer).values()))
        assert _rules(rules) == {rule["alert"]: "ok" for rule in shipped_rules()}
        await until_so(f"{url}/api/v1/alerts", lambda answer: answer["data"]["alerts"] == [])

        await service.stop()
        await webhook.message(lambda told: _told(told, "NemoWatchdogIncidentSev1", "firing"), within=20.0)
        down = await webhook.message(lambda told: _told(told, "NemoWatchdogDependencyDown", "firing"), within=20.0)
        alert = next(each for each in down["alerts"] if each["labels"]["alertname"] == "NemoWatchdogDependencyDown")
        assert alert["labels"]["dependency"] == "service"
        assert alert["annotations"]["summary"] == "service is down"

        await service.start()
        await webhook.message(lambda told: _told(told, "NemoWatchdogIncidentSev1", "resolved"), within=20.0)
        await webhook.message(lambda told: _told(told, "NemoWatchdogDependencyDown", "resolved"), within=20.0)

        await daemon.terminate()
        so_far = len(webhook.messages)
        await webhook.message(lambda told: _told(told, "NemoWatchdogDown", "firing"), within=20.0, after=so_far)


def _health(answer: Any) -> list[str]:
    return [target["health"] for target in answer["data"]["activeTargets"]]


def _rules(answer: Any) -> dict[str, str]:
    return {rule["name"]: rule["health"] for group in answer["data"]["groups"] for rule in group["rules"]}


def _told(message: dict[str, Any], alert: str, status: str) -> bool:
    return any(each["labels"]["alertname"] == alert and each["status"] == status for each in message["alerts"])
