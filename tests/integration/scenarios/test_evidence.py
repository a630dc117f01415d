"""What a restart destroys is there after it: in the incident, in its report, and within the bound."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from datetime import datetime
from pathlib import Path
from typing import Any

import asyncpg

from nemo_watchdog.demo import faults
from nemo_watchdog.demo.platform import Platform
from nemo_watchdog.runtime.evidence import NOT_YET
from nemo_watchdog.runtime.troubles import Trouble
from nemo_watchdog.state_dir import ARCHIVE_NAME
from tests.integration.conftest import StartPlatform
from tests.integration.daemon import Daemon
from tests.integration.scenarios.docker_socket import DockerSocket
from tests.integration.scenarios.starts import Starts

BOUND = 5.0
"""Seconds: `limits.evidence_within`."""

TRACE = """\
Traceback (most recent call last):
  File "/srv/gateway/pool.py", line 88, in acquire
    raise PoolExhausted(self.size)
PoolExhausted: 32 of 32 connections are taken
"""


async def writes(platform: Platform, part: str, text: str) -> None:
    """Into the log of its container, as its first process would."""
    await platform.exec(part, "sh", "-c", "cat > /proc/1/fd/1", stdin=text.encode())


async def details(daemon: Daemon, incident: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(await daemon.get(f"/api/v1/incidents/{incident}"))
    return told


async def part(daemon: Daemon, incident: str, name: str) -> str:
    return await daemon.get(f"/api/v1/incidents/{incident}/evidence/{name}")


async def evidence(daemon: Daemon, incident: str) -> dict[str, Any]:
    """What was taken first, as soon as it is whole: that is a moment after the action has begun."""
    taken: list[dict[str, Any]] = []

    async def kept() -> bool:
        taken[:] = json.loads(await daemon.get(f"/api/v1/incidents/{incident}/evidence"))
        return bool(taken) and all(each["why"] != NOT_YET for each in taken[0]["missing"])

    await daemon.until(kept, 20.0, "no evidence")
    return taken[0]


async def seconds_to_the_order(daemon: Daemon, dependency: str) -> float:
    """From the intent until all was taken, by the log: some of it is still taken while the action is under way."""
    first = await daemon.event("action_intended", dependency=dependency)
    last = await daemon.event("evidence_taken", dependency=dependency)
    return (datetime.fromisoformat(last["timestamp"]) - datetime.fromisoformat(first["timestamp"])).total_seconds()


async def test_the_trace_of_a_gateway_that_hangs_outlives_its_restart(
    start_platform: StartPlatform, tmp_path: Path
) -> None:
    """`incident ID` has the trace, the looks, the decision and the verification; the report quotes the trace."""
    platform = await start_platform("gateway")
    async with Daemon(platform.policy_text(), tmp_path) as daemon, Starts(platform) as starts:
        await daemon.wait_for_health("gateway", "up")
        await writes(platform, "gateway", TRACE)
        await faults.switch(platform, "gateway", "hang")
        resolved = await daemon.event("incident_resolved", within=30.0)
        incident = resolved["incident"]
        assert await starts.of("gateway") == 1
        taken = await evidence(daemon, incident)
        assert taken["occasion"] == "before docker.restart"
        assert taken["seconds"] <= BOUND
        assert "PoolExhausted: 32 of 32 connections are taken" in await part(daemon, incident, "gateway.log")
        looks = await part(daemon, incident, "gateway.looks.txt")
        assert "timeout" in looks
        assert '"State"' in await part(daemon, incident, "gateway.inspect.json")
        assert "MemAvailable" in await part(daemon, incident, "gateway.host.txt")
        kinds = [entry["kind"] for entry in (await details(daemon, incident))["timeline"]]
        for before, after in (
            ("incident_opened", "decision_made"),
            ("decision_made", "action_intended"),
            ("action_intended", "action_ended"),
            ("action_ended", "member_recovered"),
            ("member_recovered", "incident_resolved"),
        ):
            assert kinds.index(before) < kinds.index(after)
        assert "evidence_taken" in kinds
        report = await daemon.get(f"/api/v1/incidents/{incident}/report")
        assert "PoolExhausted: 32 of 32 connections are taken" in report
        assert "What worked: docker.restart for gateway" in report


async def test_a_log_that_comes_after_a_minute_is_missing_and_holds_up_nothing(
    start_platform: StartPlatform, tmp_path: Path
) -> None:
    """The rest is there, and what is not is named."""
    platform = await start_platform("gateway")
    async with (
        DockerSocket(tmp_path / "docker.sock") as way,
        Daemon(platform.policy_text(), tmp_path, environ={"DOCKER_HOST": way.url}) as daemon,
    ):
        await daemon.wait_for_health("gateway", "up")
        way.hold(b"/logs?")
        await faults.switch(platform, "gateway", "500")
        resolved = await daemon.event("incident_resolved", within=40.0)
        taken = await evidence(daemon, resolved["incident"])
        assert [each["name"] for each in taken["missing"]] == ["gateway.log"]
        assert {"gateway.inspect.json", "gateway.looks.txt"} <= {each["name"] for each in taken["parts"]}
        assert await seconds_to_the_order(daemon, "gateway") <= BOUND + 0.5


async def test_an_archive_that_takes_nothing_holds_up_nothing(start_platform: StartPlatform, tmp_path: Path) -> None:
    """What is taken cannot be kept, the status says so, and the restart comes."""
    platform = await start_platform("gateway")
    (tmp_path / "state" / ARCHIVE_NAME).mkdir(mode=0o700, parents=True)
    async with Daemon(platform.policy_text(), tmp_path) as daemon, Starts(platform) as starts:
        await daemon.wait_for_health("gateway", "up")
        await faults.switch(platform, "gateway", "500")
        resolved = await daemon.event("incident_resolved", within=40.0)
        assert await starts.of("gateway") == 1
        assert await seconds_to_the_order(daemon, "gateway") <= BOUND + 0.5
        troubles = (await daemon.status())["troubles"]
        assert [each["what"] for each in troubles] == [str(Trouble.ARCHIVE)]
        assert resolved["root"] == "gateway"


async def test_a_database_that_does_not_answer_holds_up_its_own_restart_for_the_bound_at_most(
    start_platform: StartPlatform, tmp_path: Path
) -> None:
    """What Docker and the machine tell is kept all the same."""
    platform = await start_platform("postgres")
    async with Daemon(platform.policy_text(), tmp_path) as daemon:
        await daemon.wait_for_health("postgres", "up")
        for line in (await platform.docker("top", platform.name("postgres"), "-eo", "pid")).splitlines()[1:]:
            os.kill(int(line), signal.SIGSTOP)
        await daemon.event("evidence_taken", within=60.0, dependency="postgres", occasion="before docker.restart")
        assert await seconds_to_the_order(daemon, "postgres") <= BOUND + 0.5
        opened = await daemon.event("incident_opened")
        taken = await evidence(daemon, opened["incident"])
        assert {"postgres.log", "postgres.usage.txt"} <= {each["name"] for each in taken["parts"]}


async def test_who_blocks_the_others_in_a_postgres_is_named(start_platform: StartPlatform, tmp_path: Path) -> None:
    """It answers looks, and hangs for its users: the incident of the dependency above has what Postgres tells."""
    platform = await start_platform("postgres")
    policy = platform.policy_text().replace("probe: postgres", "probe: postgres\n    max_transaction_age: 1s", 1)
    blocker = await asyncpg.connect(platform.postgres_dsn)
    waiter = await asyncpg.connect(platform.postgres_dsn)
    try:
        async with Daemon(policy, tmp_path) as daemon:
            await daemon.wait_for_health("postgres", "up")
            await blocker.execute("CREATE TABLE orders (id int)")
            await blocker.execute("SET application_name = 'nightly-report'; BEGIN; LOCK TABLE orders")
            waiting = asyncio.create_task(waiter.execute("SELECT * FROM orders"))
            opened = await daemon.event("incident_opened", within=30.0)
            await evidence(daemon, opened["incident"])
            activity = await part(daemon, opened["incident"], "postgres.activity.txt")
            pid = blocker.get_server_pid()
            (blocking, *_) = [line for line in activity.splitlines() if str(pid) in line]
            assert "nightly-report" in blocking
            assert "block" in blocking
            await blocker.execute("COMMIT")
            await waiting
    finally:
        await blocker.close()
        await waiter.close()


async def test_what_a_container_used_when_the_kernel_ended_it_is_known(
    start_platform: StartPlatform, tmp_path: Path
) -> None:
    """Its limit, and that it was the kernel."""
    platform = await start_platform("gateway")
    async with Daemon(platform.policy_text(), tmp_path) as daemon:
        await daemon.wait_for_health("gateway", "up")
        await platform.docker("update", "--memory", "32m", "--memory-swap", "32m", platform.name("gateway"))
        await faults.switch(platform, "gateway", "hoard")
        opened = await daemon.event("incident_opened", within=60.0)
        assert opened["reason"] == "oom_killed"
        await evidence(daemon, opened["incident"])
        usage = await part(daemon, opened["incident"], "gateway.usage.txt")
        assert "32 MiB" in usage
        assert "killed" in usage
