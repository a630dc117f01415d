"""Much fails at once, for real: what has died comes back in order, and what is only cut off is left alone."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import StartPlatform
from tests.integration.daemon import Daemon
from tests.integration.scenarios.cut_off import SERVICES, Services
from tests.integration.scenarios.starts import Starts


def all_up(status: dict[str, Any]) -> bool:
    return all(each["health"] == "up" for each in status["dependencies"].values())


def opened(daemon: Daemon) -> list[dict[str, Any]]:
    return [line for line in daemon.events if line["event"] == "incident_opened"]


async def test_all_that_are_killed_at_once_come_back_in_the_order_of_needs(
    start_platform: StartPlatform, tmp_path: Path
) -> None:
    """Postgres, Redis, the gateway that needs both, and a model server."""
    platform = await start_platform("postgres", "redis", "gateway", "gemma")
    async with Daemon(platform.policy_text(), tmp_path) as daemon, Starts(platform) as starts:
        await daemon.wait_until(all_up, within=30.0)
        pids = [int((await platform.state(part))["Pid"]) for part in platform.parts]
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        await daemon.event("storm_began", within=20.0)
        await daemon.event("incident_resolved", within=90.0)
        status = await daemon.wait_until(all_up, within=10.0)
        assert not status["incidents"]
        assert {part: await starts.of(part) for part in platform.parts} == dict.fromkeys(platform.parts, 1)
        began = {part: (await platform.state(part))["StartedAt"] for part in platform.parts}
        assert began["gateway"] > max(began["postgres"], began["redis"])


@pytest.mark.parametrize("how", ["REJECT", "DROP"])
async def test_published_ports_that_a_firewall_cuts_cost_no_restart(
    how: str, docker_engine: str, tmp_path: Path
) -> None:
    """It was ten restarts in six seconds, 38 messages, and every ladder at its end."""
    async with Services() as services, services.daemon(tmp_path) as daemon:
        await daemon.wait_until(all_up, within=30.0)
        before = {name: await services.started_at(name) for name in SERVICES}
        await services.cut(SERVICES, how)
        told = await daemon.event("storm_told", within=30.0)
        assert sorted(told["elsewhere"]) == list(SERVICES)
        status = await daemon.status()
        (incident,) = status["incidents"]
        assert (incident["severity"], incident["rule"]) == ("SEV1", "cannot-be-reached")
        assert {each["reason"] for each in status["dependencies"].values()} == {"unreachable_from_here"}
        assert status["storm"]["failing"] == len(SERVICES)
        assert "nemo_watchdog_storm 1.0" in await daemon.metrics()
        await daemon.more_looks(60)  # well past the time at which each would have been restarted, and past `hold`
        await services.mend()
        await daemon.event("incident_resolved", within=30.0)
        await daemon.wait_until(lambda status: all_up(status) and status["storm"] is None, within=10.0)
        assert {name: await services.started_at(name) for name in SERVICES} == before
        assert not [line for line in daemon.events if line["event"] == "action_intended"]
        assert len(opened(daemon)) == 1
        messages = [line for line in daemon.events if line["event"] == "notification"]
        assert len(messages) <= 3, messages


async def test_of_half_dead_and_half_cut_off_the_dead_are_started_and_the_others_left(
    docker_engine: str, tmp_path: Path
) -> None:
    """Also when the policy lets three be started at once, one is after the other."""
    dead, cut_off = SERVICES[:3], SERVICES[3:]
    async with Services() as services, services.daemon(tmp_path) as daemon:
        await daemon.wait_until(all_up, within=30.0)
        before = {name: await services.started_at(name) for name in SERVICES}
        await services.cut(cut_off, "REJECT")
        await services.kill(dead)
        for name in dead:
            await daemon.event("action_ended", within=60.0, dependency=name, outcome="succeeded")
        await daemon.wait_until(lambda s: all(s["dependencies"][name]["health"] == "up" for name in dead), within=60.0)
        await daemon.more_looks(60)
        status = await daemon.status()
        reasons = {name: status["dependencies"][name]["reason"] for name in cut_off}
        assert reasons == dict.fromkeys(cut_off, "unreachable_from_here"), daemon.last_lines()
        after = {name: await services.started_at(name) for name in SERVICES}
        assert {name for name in SERVICES if after[name] != before[name]} == set(dead)
        await services.mend()
        await daemon.wait_until(lambda s: all_up(s) and not s["incidents"], within=30.0)
        assert {name: await services.started_at(name) for name in SERVICES} == after
