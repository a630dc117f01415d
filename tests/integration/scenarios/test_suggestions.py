"""Where a person must allow it: what he approves is done once, to what he was asked about, and to nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiohttp
import pytest

from nemo_watchdog.demo import faults
from nemo_watchdog.demo.images import IMAGE, USR_MOUNTS
from nemo_watchdog.demo.platform import RUN_LABEL, Platform
from tests.integration.conftest import StartPlatform
from tests.integration.daemon import Daemon
from tests.integration.scenarios.starts import Starts

APPROVE = "/api/v1/proposals/approve"


def asking(platform: Platform) -> str:
    """The policy of the platform, under which people are asked."""
    text = platform.policy_text()
    changed = text.replace("autonomy: act", "autonomy: suggest", 1)
    assert changed != text
    return changed


async def proposed(daemon: Daemon) -> str:
    record = await daemon.event("proposed", within=20.0)
    return str(record["proposal"])


async def put_another_there(platform: Platform, part: str) -> None:
    """A container of the same name that answers nobody, as a person would put it there."""
    name, run = platform.name(part), "{{index .Config.Labels " + f'"{RUN_LABEL}"' + "}}"
    label = await platform.docker("inspect", "--format", run, name)
    await platform.docker("rm", "-f", "-v", name)
    await platform.docker(
        *("run", "-d", "--pull", "never", "--name", name, "--label", f"{RUN_LABEL}={label.strip()}"),
        *("--network", f"{platform.prefix}-network", *USR_MOUNTS, IMAGE, "/usr/bin/sleep", "600"),
    )


async def test_what_is_approved_is_restarted_once(start_platform: StartPlatform, tmp_path: Path) -> None:
    """Nothing happens before that; who approves it twice has it done once; it is verified as ever."""
    platform = await start_platform("gateway")
    async with Daemon(asking(platform), tmp_path) as daemon, Starts(platform) as starts:
        await daemon.wait_for_health("gateway", "up")
        await faults.switch(platform, "gateway", "500")
        proposal = await proposed(daemon)
        await daemon.more_looks(4)
        assert await starts.of("gateway") == 0
        for _ in range(2):
            answer = await daemon.post(APPROVE, {"proposal": proposal, "by": "ada"})
            assert answer["by"] == "ada"
        await daemon.event("incident_resolved", within=20.0)
        assert await starts.of("gateway") == 1
        again: dict[str, Any] = await daemon.post(APPROVE, {"proposal": proposal, "by": "bob"})
        assert (again["state"], again["by"]) == ("done", "ada")
        assert await starts.of("gateway") == 1
        metrics = await daemon.metrics()
    assert 'nemo_watchdog_proposals_total{outcome="approved"} 1.0' in metrics


async def test_of_a_container_that_was_replaced_nothing_is_approved(
    start_platform: StartPlatform, tmp_path: Path
) -> None:
    """A person judged the one that is gone; the answer says so, and nothing is restarted."""
    platform = await start_platform("gateway")
    async with Daemon(asking(platform), tmp_path) as daemon:
        await daemon.wait_for_health("gateway", "up")
        await faults.switch(platform, "gateway", "500")
        proposal = await proposed(daemon)
        await put_another_there(platform, "gateway")
        async with Starts(platform) as starts:
            over = await daemon.event("proposal_over", within=30.0)
            assert (over["proposal"], over["why"]) == (proposal, "changed")
            assert over["detail"].endswith("gateway is another container now")
            with pytest.raises(aiohttp.ClientResponseError) as refused:
                await daemon.post(APPROVE, {"proposal": proposal, "by": "ada"})
            assert refused.value.status == 409
            await daemon.more_looks(4)
            assert await starts.of("gateway") == 0
