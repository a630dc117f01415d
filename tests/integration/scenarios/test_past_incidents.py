"""What was is told by the daemon and the command line together: a real container is killed, healed, and read about."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

from nemo_watchdog.demo import faults
from tests.integration.conftest import StartPlatform
from tests.integration.daemon import Daemon


async def asked(daemon: Daemon, *arguments: str) -> tuple[int, str]:
    """Exit code and what `nemo-watchdog` prints, as through a pipe."""
    environ = {**os.environ, "NEMO_WATCHDOG_LISTEN": f"127.0.0.1:{daemon.port}", "COLUMNS": "200"}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "nemo_watchdog", *arguments),
        env=environ,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode()


async def test_a_killed_container_is_healed_and_its_incident_is_told(
    start_platform: StartPlatform, tmp_path: Path
) -> None:
    """While it is open and when it is over, and by a new process as by the one that was there."""
    platform = await start_platform("gateway")
    async with Daemon(platform.policy_text(), tmp_path) as daemon:
        await daemon.wait_for_health("gateway", "up")
        assert await asked(daemon, "incidents") == (0, "no incidents\n")
        await faults.sigkill(platform, "gateway")
        opened = await daemon.event("incident_opened", within=20.0)
        incident = opened["incident"]

        async def listed() -> bool:
            return incident in await daemon.get("/api/v1/incidents?dependency=gateway")

        await daemon.until(listed, 10.0, "it is not listed")
        await daemon.event("incident_resolved", within=30.0)

        async def told() -> bool:
            """Its end is on disk, whoever is told of it was, and what was taken is kept: that ends after the action."""
            body = json.loads(await daemon.get(f"/api/v1/incidents/{incident}"))
            kinds = {entry["kind"] for entry in body["timeline"]}
            waits = [each for each in body["deliveries"] if each["state"] == "pending"]
            return {"incident_resolved", "delivered", "evidence_taken"} <= kinds and not waits

        await daemon.until(told, 10.0, "its end is not told")
        await daemon.restart(kill=True)
        assert await asked(daemon, "incidents", "--open") == (0, "no incidents\n")
        code, listing = await asked(daemon, "incidents", "--json")
        (summary,) = json.loads(listing)["incidents"]
        assert (code, summary["id"], summary["root"], summary["actions"]) == (0, incident, "gateway", 1)
        assert (summary["reason"], summary["why"]) == ("exited", "every member is up")
        code, page = await asked(daemon, "incident", incident)
        said = " ".join(page.split())
        assert code == 0
        assert f"{incident}: {summary['severity']} " in page
        assert "The root is gateway: exited (container exited with code 137" in said
        assert f"Doing docker.restart on container {platform.name('gateway')} for gateway, attempt 1" in said
        assert "docker.restart for gateway succeeded" in said
        assert "; looks must confirm it within 6s." in said
        assert "Looks confirm that gateway serves again (up): docker.restart, attempt 1, has helped" in said
        assert "The incident is over, " in said
        assert " was told: gateway was down for " in said
        code, out = await asked(daemon, "incident", incident, "--export", str(tmp_path / "kept"))
        kept = {path.name for path in (tmp_path / "kept").iterdir()}
        assert (code, out) == (0, f"{len(kept)} files are in {tmp_path / 'kept'}.\n")
        assert kept >= {"incident.json", "timeline.txt", "evidence-1-gateway.log", "evidence-1-gateway.inspect.json"}
        code, out = await asked(daemon, "incident", f"{incident}-2")
        assert code == 1
        assert f"there is no incident {incident}-2" in out
