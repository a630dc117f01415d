"""What docs/messages.md says that people get is what they get: of real outages under the policy as it is shipped."""

from __future__ import annotations

import re
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from nemo_watchdog.demo.faults import sigkill, switch
from nemo_watchdog.demo.platform import Platform
from tests.integration.conftest import StartPlatform
from tests.integration.daemon import Daemon
from tests.integration.service.parts import Receiver
from tests.messages import STORIES, told
from tests.outages import CORE, HOST, SHIPPED

HEALED, SYMPTOM = "A gateway that dies, and is healed", "The symptom first, the cause later"
TIME, LASTED, IDENTITY = "2026-01-05 12:00:00 UTC", "1m02s", "20260105-120000-gateway"


def shipped_for(platform: Platform, receiver: Receiver) -> str:
    """Only where its parts are differs."""
    text = SHIPPED.read_text(encoding="utf-8")
    places = {
        "${POSTGRES_DSN:-postgresql://postgres@127.0.0.1:5432/postgres}": platform.postgres_dsn,
        "${REDIS_URL:-redis://127.0.0.1:6379/0}": platform.redis_url,
        "http://127.0.0.1:8000/health": f"http://127.0.0.1:{platform.port('gateway')}/health",
        "http://127.0.0.1:8001": f"http://127.0.0.1:{platform.port('gemma')}",
        '"${ONCALL_URL:-}"': f'"json://127.0.0.1:{receiver.port}"',
        "  - http://127.0.0.1:9093": "  []",
        **{f"container: refactored_{part}": f"container: {platform.name(part)}" for part in CORE},
    }
    for old, new in places.items():
        assert old in text
        text = text.replace(old, new)
    return text


def of_any_run(text: str, prefix: str, host: str) -> str:
    """Without what differs from run to run: when, how long, where."""
    text = text.replace(f"{prefix}gateway", "CONTAINER").replace(f"nemo-watchdog on {host}", "HOST")
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", TIME, text)
    text = re.sub(r"\d{8}-\d{6}-gateway", IDENTITY, text)
    return re.sub(r"(?<=\()\d[\dms.]*(?=\))|(?<=was down for )\d[\dms.]*(?=,)", LASTED, text)


def documented(title: str) -> str:
    """The first letter of that outage in docs/messages.md."""
    (story,) = (each for each in STORIES if each.title == title)
    first = told(story).letters[0]
    return of_any_run(f"{first.title}\n\n{first.body}", "refactored_", HOST)


async def dies(platform: Platform) -> None:
    await sigkill(platform, "gateway")


async def answers_500(platform: Platform) -> None:
    """Whatever is done."""
    await switch(platform, "gateway", "never")


@pytest.mark.parametrize(("title", "breaks"), [(HEALED, dies), (SYMPTOM, answers_500)])
async def test_people_get_what_the_page_says(
    title: str, breaks: Callable[[Platform], Awaitable[None]], start_platform: StartPlatform, tmp_path: Path
) -> None:
    platform = await start_platform(*CORE)
    receiver = Receiver()
    async with receiver, Daemon(shipped_for(platform, receiver), tmp_path) as daemon:
        for part in CORE:
            await daemon.wait_for_health(part, "up", within=30.0)
        await breaks(platform)
        first = await receiver.message(lambda _: True, within=90.0)
    got = of_any_run(f"{first['title']}\n\n{first['message']}", f"{platform.prefix}-", socket.gethostname())
    assert got == documented(title).rstrip()
