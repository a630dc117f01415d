"""The demo's policy is a policy: the loader takes it, and its probes find the platform well."""

from __future__ import annotations

import pytest

from nemo_watchdog.demo.parts import Gemma, Postgres, Redis
from nemo_watchdog.demo.platform import Platform
from nemo_watchdog.model import Outcome
from nemo_watchdog.policy.loader import parse_policy
from nemo_watchdog.ports import ProbeContext
from nemo_watchdog.probes import PROBES
from tests.integration.conftest import StartPlatform


@pytest.mark.parametrize("part", ["postgres", "redis", "gateway", "gemma"])
async def test_each_part_alone_has_a_valid_policy(start_platform: StartPlatform, part: str) -> None:
    """The policy of a platform with one part has that dependency and nothing that refers to another."""
    platform = await start_platform(Gemma(load_seconds=0) if part == "gemma" else part)
    policy = parse_policy(platform.policy_text(), "demo.yaml", PROBES, environ={})
    assert list(policy.dependencies) == [part]
    assert policy.dependencies[part].container == platform.name(part)
    assert policy.dependencies[part].needs == ()


async def test_every_probe_of_the_policy_finds_the_platform_well(start_platform: StartPlatform) -> None:
    """One look at each dependency of the whole platform, passwords and all, is good."""
    platform = await start_platform(Postgres(password="s3cret"), Redis(password="s3cret"), "gateway", Gemma())
    findings = await look_at_all(platform)
    assert {name: outcome for name, (outcome, _) in findings.items()} == dict.fromkeys(platform.parts, Outcome.OK), (
        findings
    )


async def look_at_all(platform: Platform) -> dict[str, tuple[Outcome, str]]:
    policy = parse_policy(platform.policy_text(), "demo.yaml", PROBES, environ={})
    findings = {}
    for name, dependency in policy.dependencies.items():
        probe = PROBES[dependency.probe].make(dependency.options, ProbeContext(name, dependency.timeout, 1.0))
        try:
            finding = await probe.look()
        finally:
            await probe.close()
        findings[name] = (finding.outcome, finding.detail)
    return findings
