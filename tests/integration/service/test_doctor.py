"""`nemo-watchdog doctor` beside a real daemon, with the real Docker, behind a proxy, and with one that hangs."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import time
from pathlib import Path

from tests.integration.conftest import StartPlatform
from tests.integration.daemon import Daemon
from tests.integration.scenarios.docker_socket import DockerSocket
from tests.integration.scenarios.socket_proxy import EVERYTHING, Rule, SocketProxy, documented_rules
from tests.integration.scenarios.starts import Starts
from tests.integration.service.parts import Receiver
from tests.integration.service.programs import alertmanager

PAGE = Path(__file__).parents[3] / "docs" / "operations.md"
ENDS_WITHIN = 15.0
SLOW = 4.0
"""Times: of a busy machine."""


async def doctor(policy: Path, *options: str | Path) -> tuple[int, dict[str, dict[str, str]]]:
    """The exit code, and what was found of each check, the gravest where there are several."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "nemo_watchdog", "doctor", str(policy), *map(str, options), "--json"),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "DOCKER_HOST": ""},
    )
    out, _ = await process.communicate()
    assert process.returncode is not None
    order = ["bad", "warning", "good", "skipped"]
    found = sorted(json.loads(out)["findings"], key=lambda each: order.index(each["grade"]), reverse=True)
    return process.returncode, {each["check"]: each for each in found}


def told_of(policy: str, contact: int, alertmanager: str) -> str:
    """That policy, with one contact who has an address, and an Alertmanager."""
    one = policy.replace("on-call: []", f"on-call: 'json://127.0.0.1:{contact}/'")
    return f"{one}\nalertmanager: [{alertmanager}]\n"


def but(*refused: str) -> list[Rule]:
    """All but these paths."""
    path = re.compile(f"(?!.*({'|'.join(refused)})$).*")
    return [(method, path) for method, _ in EVERYTHING]


async def test_beside_a_daemon_all_is_well(start_platform: StartPlatform, tmp_path: Path) -> None:
    """And with --send the contact and the Alertmanager are told, and nobody hears of an alert."""
    platform = await start_platform("gateway")
    async with (
        Receiver() as people,
        Receiver() as webhook,
        alertmanager(tmp_path, f"http://127.0.0.1:{webhook.port}/") as url,
        Daemon(told_of(platform.policy_text(), people.port, url), tmp_path) as daemon,
        Starts(platform) as starts,
    ):
        await daemon.wait_for_health("gateway", "up")
        options = ("--state-dir", daemon.state_dir, "--url", daemon.url)
        code, found = await doctor(daemon.policy, *options, "--send")
        assert code == 0, found
        assert found["docker"]["grade"] == "good"
        assert found["docker"]["seen"].endswith(
            "lets through version, inspect, ping, events, stats, top, logs, list, restart"
        )
        assert found["docker's clock"]["grade"] == "good"
        assert found["dependencies"]["seen"] == "1 look well: gateway"
        assert found["state directory"]["grade"] == "good"
        assert found["journal"]["seen"].startswith("whole")
        assert found["token"]["grade"] == "good"
        assert found["daemon"]["seen"].endswith(" answers: 1 of 1 up, 0 open incidents")
        assert found["alertmanager"]["seen"].endswith("took the test alert")
        assert people.titles == ["Nemo Watchdog test: nothing is wrong"]
        assert webhook.messages == []
        assert await starts.of("gateway") == 0


async def test_behind_a_proxy_each_refused_call_is_named(start_platform: StartPlatform, tmp_path: Path) -> None:
    """With what it costs; and nothing was restarted to find that out."""
    platform = await start_platform("gateway")
    policy = tmp_path / "policy.yaml"
    policy.write_text(platform.policy_text(), encoding="utf-8")
    async with Starts(platform) as starts:
        async with SocketProxy(tmp_path / "proxy.sock", but("/top", "/restart")) as proxy:
            code, found = await doctor(policy, "--docker", proxy.url, "--state-dir", tmp_path)
        assert code == 1
        assert found["docker top"] == {
            "check": "docker top",
            "grade": "warning",
            "seen": (
                "top is refused (403 not on the list): hangs in the kernel are not seen, nor what is in progress, "
                "and evidence has no processes"
            ),
            "remedy": "allow GET /containers/*/top in the proxy",
        }
        assert found["docker restart"]["grade"] == "bad"
        assert found["docker"]["seen"].endswith("lets through version, inspect, ping, events, stats, logs, list")
        assert not any(platform.name("gateway") in each for each in proxy.refused if each.startswith("POST"))
        name = platform.name("gateway")
        async with SocketProxy(tmp_path / "proxy.sock", documented_rules(PAGE, name)) as proxy:
            code, found = await doctor(policy, "--docker", proxy.url, "--state-dir", tmp_path)
        assert not [check for check in found if check.startswith("docker ")]
        assert await starts.of("gateway") == 0


async def test_a_docker_that_hangs_holds_up_nothing(start_platform: StartPlatform, tmp_path: Path) -> None:
    platform = await start_platform("gateway")
    policy = tmp_path / "policy.yaml"
    policy.write_text(platform.policy_text(), encoding="utf-8")
    async with DockerSocket(tmp_path / "docker.sock") as way:
        way.stall()
        began = time.monotonic()
        code, found = await doctor(policy, "--docker", way.url, "--state-dir", tmp_path)
        took = time.monotonic() - began
    assert code == 1
    assert took < ENDS_WITHIN * SLOW
    assert found["docker"]["seen"].endswith("Docker did not tell whether version is let through within 3s")
    assert found["docker"]["remedy"].startswith("it takes callers and does not answer")
    assert found["gateway"]["seen"] == "serves, and Docker does not tell the container's state"
