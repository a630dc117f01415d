"""A real daemon tells users of an outage: that it is there, what a person wrote, that it is over; nothing internal."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

from tests.integration.daemon import Daemon
from tests.integration.service.parts import Service
from tests.integration.service.test_declared import run

POLICY = """
version: 1
defaults: {{interval: 200ms, confirm_interval: 100ms, timeout: 1s, down_after: 2, up_after: 2}}
dependencies:
  cellar-7: {{probe: tcp, address: "127.0.0.1:{port}", tags: [core], public: {{name: Chat, description: Talk to us}}}}
"""


async def page(daemon: Daemon) -> dict[str, Any]:
    """Once all that was is read, which is done beside the answers."""
    async with asyncio.timeout(60.0):
        while True:
            told: dict[str, Any] = json.loads(await daemon.get("/status.json"))
            if told["complete"]:
                return told
            await asyncio.sleep(0.2)


async def test_an_outage_as_users_are_told_of_it(tmp_path: Path) -> None:
    """Each time after a `kill -9`: what is told is on disk, and nothing of it was made before."""
    async with Service() as service, Daemon(POLICY.format(port=service.port), tmp_path) as daemon:
        await daemon.wait_for_health("cellar-7", "up")
        well = await page(daemon)
        assert (well["state"], well["incidents"]) == ("operational", [])

        await service.stop()
        status = await daemon.wait_until(lambda status: bool(status["incidents"]))
        incident = status["incidents"][0]["id"]
        done = await run(daemon, "incident", incident, "--public", "We are restoring Chat.")
        assert (done.returncode, done.stderr) == (0, "")
        await daemon.restart(kill=True)
        await daemon.wait_for_health("cellar-7", "down")
        broken = await page(daemon)
        (shown,) = broken["incidents"]
        assert (broken["state"], shown["state"], shown["components"]) == ("outage", "outage", ["Chat"])
        assert [each["text"] for each in shown["updates"]] == ["We are restoring Chat."]

        await service.start()
        await daemon.wait_until(lambda status: not status["incidents"])
        await daemon.restart()
        await daemon.wait_for_health("cellar-7", "up")
        again = await page(daemon)
        (over,) = again["history"]
        assert (again["state"], again["incidents"]) == ("operational", [])
        assert (over["id"], over["began"], over["updates"]) == (shown["id"], shown["began"], shown["updates"])
        today = again["components"][0]["days"][-1]["uptime"]
        assert 0.0 < today < 1.0
        said = json.dumps([well, broken, again])
        assert not re.search(r"cellar|refused|SEV|core|tcp|127\.0|down|[^-]\bup\b", said)
