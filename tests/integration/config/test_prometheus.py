"""The shipped Prometheus and Alertmanager files, judged by the programs that read them."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.parts import need

CONFIG = Path(__file__).parents[3] / "config"


def run(binary: str, *arguments: str) -> None:
    done = subprocess.run(
        [need(binary), *arguments],
        cwd=CONFIG / "prometheus",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout


def test_prometheus_accepts_its_configuration() -> None:
    """The scrape configuration and the rules that it names are valid."""
    run("promtool", "check", "config", "prometheus.yml")


def test_the_rules_fire_and_are_silent_as_they_should() -> None:
    """Prometheus evaluates every rule as its tests say."""
    run("promtool", "test", "rules", "alerts_test.yml")


def test_alertmanager_accepts_its_configuration() -> None:
    """Routes, inhibitions and receivers are valid."""
    run("amtool", "check-config", "../alertmanager.yml")


def test_a_grave_incident_reaches_the_team_lead() -> None:
    """Severities are routed to the receivers that the incident runbook names."""
    route = ("config", "routes", "test", "--config.file=../alertmanager.yml")
    run("amtool", *route, "--verify.receivers=on-call-and-team-lead", "alertname=x", "severity=SEV1")
    run("amtool", *route, "--verify.receivers=on-call-and-team-lead", "alertname=x", "severity=SEV2")
    run("amtool", *route, "--verify.receivers=on-call", "alertname=x", "severity=SEV3")
    run("amtool", *route, "--verify.receivers=nobody", "alertname=x", "severity=SEV4")
