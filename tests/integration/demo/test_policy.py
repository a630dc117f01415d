"""The demo's policy is a policy: the loader takes it."""

from __future__ import annotations

import pytest

from nemo_watchdog.demo.parts import Gemma
from nemo_watchdog.plugins import installed
from nemo_watchdog.policy.loader import parse_policy
from tests.integration.conftest import StartPlatform


@pytest.mark.parametrize("part", ["postgres", "redis", "gateway", "gemma"])
async def test_each_part_alone_has_a_valid_policy(start_platform: StartPlatform, part: str) -> None:
    """The policy of a platform with one part has that dependency and nothing that refers to another."""
    platform = await start_platform(Gemma(load_seconds=0) if part == "gemma" else part)
    policy = parse_policy(platform.policy_text(), "demo.yaml", installed(), environ={})
    assert list(policy.dependencies) == [part]
    assert policy.dependencies[part].container == platform.name(part)
    assert policy.dependencies[part].needs == ()
