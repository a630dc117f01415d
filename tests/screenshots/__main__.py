"""`python -m tests.screenshots` takes the pictures in docs/images anew: a real platform, really broken.

It makes its containers and removes them; what was before today in the pictures is made up (`past`).
"""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from nemo_watchdog.demo import faults
from nemo_watchdog.demo.platform import Platform
from tests.integration.conftest import TEST_LABEL
from tests.integration.daemon import Daemon
from tests.integration.pages.browser import chromium
from tests.integration.service.parts import Receiver, Service
from tests.screenshots import past
from tests.screenshots.camera import Camera, camera
from tests.screenshots.shop import NAME, PARTS, policy_text

WITHIN = 60.0

LASTS = 62.0
"""Seconds into the outage: bars are read anew each minute, and show it."""


async def main() -> None:
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        now = datetime.now(UTC)
        past.make(folder / "state", now)
        service, receiver = await stack.enter_async_context(Service()), await stack.enter_async_context(Receiver())
        platform = await stack.enter_async_context(Platform(NAME, PARTS, labels=TEST_LABEL))
        await platform.ready()
        policy = policy_text(platform, service.port, receiver.port, now)
        daemon = await stack.enter_async_context(Daemon(policy, folder, environ={"TZ": "UTC"}))
        browser = await stack.enter_async_context(chromium())
        taking = await stack.enter_async_context(camera(browser, daemon.url))
        await all_well(platform, daemon, taking)
        await an_outage(platform, daemon, taking)


async def all_well(platform: Platform, daemon: Daemon, taking: Camera) -> None:
    """What was broken a minute ago has healed."""
    await daemon.wait_until(lambda status: all(each["health"] == "up" for each in status["dependencies"].values()))
    await faults.sigkill(platform, "gateway")
    await daemon.event("incident_resolved", within=WITHIN)
    await all_is_read(daemon)
    await taking.take("sign-in", "/sign-in", "Sign in")
    made = await daemon.post("/api/v1/tokens", {"name": "ada", "right": "operate", "by": "ada"})
    await taking.sign_in(made["secret"])
    await taking.take("well", "/", "Everything is up")
    await taking.take("status-well", "/status", "All systems are operational")


async def an_outage(platform: Platform, daemon: Daemon, taking: Camera) -> None:
    """No restart brings Redis back, and what needs it is gone; what may be done about a model, a person must allow."""
    await platform.exec("redis", "sh", "-c", "echo 'maxmemory-polcy noeviction' > /data/extra.conf")
    await faults.sigkill(platform, "redis")
    status = await daemon.wait_until(lambda status: waits(status, "redis"), WITHIN)
    incident = next(each["id"] for each in status["incidents"] if each["root"] == "redis")
    await daemon.post(f"/api/v1/incidents/{incident}/acknowledge", {"by": "ada", "for": 7200})
    for about, text in (
        ("public", "Orders cannot be placed at the moment. We are on it."),
        ("note", "Redis does not read its configuration since the change of this afternoon."),
    ):
        await daemon.post(f"/api/v1/incidents/{incident}/notes", {"about": about, "text": text, "by": "ada"})
    await daemon.post("/api/v1/pause", {"scope": "postgres", "reason": "a copy is made of it", "by": "bob"})
    await faults.switch(platform, "gemma", "500")
    await daemon.wait_until(lambda status: any(each["state"] == "open" for each in status["proposals"]), WITHIN)
    await daemon.wait_until(lambda status: min(each["lasted"] for each in status["incidents"]) > LASTS, 2 * LASTS)
    await taking.take("incident-now", "/", "It asks you")
    await taking.take("dependency", "/dependencies/redis", "The last 24 hours")
    await taking.take("incident", f"/incidents/{incident}", "Timeline")
    await taking.take("order", "/do/act?dependency=redis", "Act on redis now")
    await users_know(daemon)
    await taking.take("status-incident", "/status", "at the moment")


def waits(status: dict[str, Any], name: str) -> bool:
    """It was restarted, in vain, and the next attempt has a time; what needs it is known to fail with it."""
    found = (each for each in status["incidents"] if each["root"] == name and len(each["members"]) > 2)
    return any(plan["kind"] == "action" and plan["at"] for each in found for plan in each["plan"] if each["actions"])


async def all_is_read(daemon: Daemon) -> None:
    """Both pages know their past."""

    async def known() -> bool:
        page, public = await daemon.get("/", "text/html"), json.loads(await daemon.get("/status.json"))
        return "is still being read" not in page and public["complete"]

    await daemon.until(known, WITHIN, "the past is not read")


async def users_know(daemon: Daemon) -> None:
    async def told() -> bool:
        public = json.loads(await daemon.get("/status.json"))
        return len(public["incidents"]) > 1 and any(each["updates"] for each in public["incidents"])

    await daemon.until(told, WITHIN, "users are not told")


if __name__ == "__main__":
    asyncio.run(main())
