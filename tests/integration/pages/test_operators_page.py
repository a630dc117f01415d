"""The operators' pages in a real Chromium, on a real platform: seen, answered, healed, and seen after a restart."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import expect

from nemo_watchdog.demo import faults
from nemo_watchdog.demo.platform import Platform
from tests.integration.conftest import StartPlatform
from tests.integration.daemon import Daemon
from tests.integration.pages.browser import PHONE, SMALL_PHONE, Visit, chromium, visiting

SEEN_WITHIN = 10_000.0
"""Milliseconds that a page has for what a person waits for: how soon it is there is measured in benchmarks/."""

AWAY = ("net::ERR_", "Failed to load resource")
"""What a browser says by itself of a daemon that is away."""


def published(text: str) -> str:
    """The gateway has a name for users."""
    return text.replace("  gateway:\n", "  gateway:\n    public: {name: Chat, description: Answers}\n", 1)


@pytest.fixture
async def platform(start_platform: StartPlatform) -> Platform:
    return await start_platform("redis", "gateway")


@pytest.fixture
async def daemon(platform: Platform, tmp_path: Path) -> AsyncIterator[Daemon]:
    async with Daemon(published(platform.policy_text()), tmp_path) as made:
        for part in ("redis", "gateway"):
            await made.wait_for_health(part, "up", within=30.0)
        yield made


def is_held_by_the_pause(status: dict[str, Any]) -> bool:
    decision = status["dependencies"]["gateway"]["decision"]
    return decision is not None and decision["gate"] == "pause"


async def headline(visit: Visit, words: str) -> None:
    await expect(visit.page.locator("#headline")).to_contain_text(words, timeout=SEEN_WITHIN)


@pytest.mark.parametrize("keyboard", [False, True], ids=["mouse", "keyboard"])
async def test_a_fault_is_seen_taken_and_paused_and_heals(
    platform: Platform, daemon: Daemon, *, keyboard: bool
) -> None:
    """Nobody loads the page again; what was ordered is on record, and so is who did."""
    async with chromium() as browser, visiting(browser, daemon.url) as visit:
        await visit.sign_in(daemon.token)
        await headline(visit, "Everything is up")
        await expect(visit.page.locator("#live")).to_have_text("live")
        await visit.page.evaluate("window.neverLoadedAgain = true")
        await faults.switch(platform, "gateway", "never")  # whatever is restarted
        await headline(visit, "gateway")
        assert await visit.page.evaluate("window.neverLoadedAgain")

        await visit.press("Take it…", keyboard=keyboard)
        await expect(visit.page.get_by_role("heading", level=1)).to_have_text("Take it")
        await visit.fill("Your name", "ada", keyboard=keyboard)
        await visit.press("I take it", keyboard=keyboard)
        await expect(visit.page.get_by_text("taken by ada")).to_be_visible(timeout=SEEN_WITHIN)

        await visit.press("Pause gateway…", keyboard=keyboard)
        await visit.fill("Why", "looking at it", keyboard=keyboard)
        await visit.fill("Your name", "ada", keyboard=keyboard)
        await visit.press("Pause gateway", keyboard=keyboard)
        await expect(visit.page.get_by_text("by ada: looking at it").first).to_be_visible(timeout=SEEN_WITHIN)
        status = await daemon.status()
        assert status["pauses"]["gateway"]["by"] == "ada"
        assert status["incidents"][0]["acknowledged"]["by"] == "ada"

        # The restart that was under way is not broken off: until its end nobody answers.
        await daemon.wait_until(is_held_by_the_pause, within=30.0)
        async with asyncio.timeout(30.0):
            while not (await platform.check("gateway") or "").startswith("500"):
                await asyncio.sleep(0.1)
        await faults.switch(platform, "gateway", "ok")
        await headline(visit, "Everything is up")


async def test_a_page_outlives_a_restart_of_the_daemon(platform: Platform, daemon: Daemon) -> None:
    """It says that it is stale while nobody answers, and shows what is new as soon as somebody does."""
    async with chromium() as browser, visiting(browser, daemon.url, forgives=AWAY) as visit:
        await visit.open("/")
        await headline(visit, "Everything is up")
        await visit.page.evaluate("window.neverLoadedAgain = true")
        await daemon.kill9()
        await expect(visit.page.locator("#live")).to_contain_text("stale since", timeout=SEEN_WITHIN)
        await faults.switch(platform, "gateway", "never")
        await daemon.start()
        await headline(visit, "gateway")
        await expect(visit.page.locator("#live")).to_have_text("live", timeout=SEEN_WITHIN)
        assert await visit.page.evaluate("window.neverLoadedAgain")


async def test_no_page_has_what_keeps_anybody_out(platform: Platform, daemon: Daemon) -> None:
    """Axe on every page, light and dark; nothing wider than the smallest phone, nothing refused by the page's rules."""
    await daemon.post("/api/v1/pause", {"scope": "redis", "reason": "a reason", "by": "ada"})
    await faults.switch(platform, "gateway", "never")
    opened = await daemon.event("incident_opened", within=30.0)
    await daemon.event("evidence_taken", within=30.0)
    incident = opened["incident"]
    await daemon.post(f"/api/v1/incidents/{incident}/notes", {"text": "for users", "about": "public", "by": "ada"})
    paths = (
        "/", "/dependencies/gateway", "/tags/core", "/incidents", f"/incidents/{incident}",
        f"/incidents/{incident}/report", f"/incidents/{incident}/evidence/1/inspect", "/sign-in", "/status",
        f"/do/take?incident={incident}", "/do/pause?scope=gateway", "/do/act?dependency=gateway", "/do/declare",
        f"/do/note?incident={incident}", "/dependencies/nobody", "/do/nonsense",
    )  # fmt: skip
    found = []
    async with chromium() as browser:
        for dark in (False, True):
            async with visiting(browser, daemon.url, dark=dark, size=SMALL_PHONE, forgives=AWAY) as visit:
                await visit.sign_in(daemon.token)
                for path in paths:
                    await visit.open(path)
                    found += [f"{path}, {'dark' if dark else 'light'}: {each}" for each in await visit.violations()]
                    if wider := await visit.overflow():
                        found.append(f"{path} is {wider} pixels wider than the window")
    assert found == []


async def test_reading_needs_no_script(daemon: Daemon) -> None:
    async with chromium() as browser, visiting(browser, daemon.url, size=PHONE, scripts=False) as visit:
        await visit.open("/")
        await headline(visit, "Everything is up")
        await visit.press("redis", keyboard=False)
        await expect(visit.page.get_by_role("heading", level=1)).to_contain_text("redis")
        await visit.press("Incidents", keyboard=False)
        await expect(visit.page.get_by_text("There were none.")).to_be_visible()
