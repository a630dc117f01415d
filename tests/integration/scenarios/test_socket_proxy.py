"""Behind a socket proxy that allows what the operators' page lists and nothing else, all of the work is done."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nemo_watchdog.demo import faults
from tests.integration.conftest import StartPlatform
from tests.integration.daemon import Daemon
from tests.integration.deploy.haproxy import Haproxy
from tests.integration.scenarios.socket_proxy import SocketProxy, documented_rules
from tests.integration.scenarios.starts import Starts

OF_THE_LARGEST = re.compile(r"GET (/v[\d.]+)?/containers/(json|[^/]+/stats)")
"""Which containers use most memory is asked for evidence; who does not let that through has evidence without it."""

PAGE = Path(__file__).parents[3] / "docs" / "operations.md"


@pytest.mark.parametrize("shipped", [False, True], ids=["the documented list", "the shipped proxy"])
async def test_what_it_lets_through_is_enough(start_platform: StartPlatform, tmp_path: Path, shipped: bool) -> None:
    """A gateway is healed by one restart, docker and log probes look, and no request was refused."""
    platform = await start_platform("gateway")
    name = platform.name("gateway")
    rules = documented_rules(PAGE, name)
    assert {method for method, _ in rules} == {"GET", "POST"}
    policy = platform.policy_text().replace(
        "dependencies:\n",
        "dependencies:\n"
        "  docker: {probe: docker}\n"
        f"  usage: {{probe: docker, container: {name}, max_memory: 99%}}\n"
        f"  words: {{probe: log, container: {name}, pattern: never written}}\n",
        1,
    )
    async with (
        Haproxy(environ={"SOCKET_PROXY_RESTART": name})
        if shipped
        else SocketProxy(tmp_path / "proxy.sock", rules) as proxy,
        Daemon(policy, tmp_path, environ={"DOCKER_HOST": proxy.url}) as daemon,
        Starts(platform) as starts,
    ):
        await daemon.wait_until(lambda s: all(d["health"] == "up" for d in s["dependencies"].values()), within=20.0)
        await faults.switch(platform, "gateway", "500")
        await daemon.event("incident_resolved", within=60.0)
        assert await starts.of("gateway") == 1
        assert [each for each in proxy.refused if not OF_THE_LARGEST.fullmatch(each)] == []
