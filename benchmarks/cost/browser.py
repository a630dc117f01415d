"""A real Chromium at the pages of a daemon: what each weighs, how soon it can be read, how soon a fault is seen.

Bytes are those on the wire as Chromium counts them, heads among them (Network.dataReceived and loadingFinished of the
DevTools protocol). The slow connection is Chromium's own: so much latency for each request, so many bytes a second for
all of them together, nothing for opening a connection. It takes the processor away by the factor that it is told.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from playwright.async_api import Browser, CDPSession, Page

from tests.integration.pages.browser import DESKTOP, PHONE, chromium

LATENCY, DOWN, UP, SLOWER = 150, 1.6e6 / 8, 750e3 / 8, 4
"""Milliseconds, bytes a second, and by what the processor is slower: Lighthouse's "slow 4G" on a phone.

https://github.com/GoogleChrome/lighthouse/blob/main/docs/throttling.md
"""

SETTLES = 0.7
"""Seconds after the load of a page for what its script may still ask for."""

WATCHED = """() => {
  window.seen = {};
  const look = () => {
    for (const row of document.querySelectorAll("li.row.down")) window.seen[row.id] ??= Date.now();
    for (const card of document.querySelectorAll("article.card")) window.seen[card.id] ??= Date.now();
  };
  look();
  new MutationObserver(look).observe(document.documentElement, { subtree: true, childList: true, attributes: true });
}"""
"""When each dependency that is down and each open incident was there first, in milliseconds since 1970."""

PAINTED = """() => new Promise((found) => {
  const look = (entries) => {
    const entry = entries.find((each) => each.name === "first-contentful-paint");
    if (entry) found(entry.startTime);
  };
  new PerformanceObserver((list) => look(list.getEntries())).observe({ type: "paint", buffered: true });
})"""
"""Milliseconds from the navigation to the first text or picture."""


@asynccontextmanager
async def tab(browser: Browser, size: tuple[int, int] = DESKTOP) -> AsyncIterator[tuple[Page, CDPSession]]:
    """With a cache of its own, which is empty and stays so."""
    context = await browser.new_context(viewport={"width": size[0], "height": size[1]})
    page = await context.new_page()
    session = await context.new_cdp_session(page)
    await session.send("Network.enable")
    await session.send("Network.setCacheDisabled", {"cacheDisabled": True})
    try:
        yield page, session
    finally:
        await context.close()


async def weight(browser: Browser, url: str) -> tuple[int, int]:
    """Bytes on the wire of that page with all that it loads, and of how many requests. A stream counts so far."""
    loaded: dict[str, int] = {}
    finished: dict[str, int] = {}

    def received(event: dict[str, object]) -> None:
        identity, size = str(event["requestId"]), int(str(event["encodedDataLength"]))
        loaded[identity] = loaded.get(identity, 0) + size

    def done(event: dict[str, object]) -> None:
        finished[str(event["requestId"])] = int(float(str(event["encodedDataLength"])))

    async with tab(browser) as (page, session):
        session.on("Network.dataReceived", received)
        session.on("Network.loadingFinished", done)
        answer = await page.goto(url, wait_until="load")
        if answer is None or answer.status != 200:
            raise SystemExit(f"gave up: {url} answers {answer.status if answer is not None else 'nothing'}")
        await asyncio.sleep(SETTLES)
    whole = {**loaded, **finished}
    return sum(whole.values()), len(whole)


async def first_paint(browser: Browser, url: str) -> float:
    """Seconds until a phone with a slow connection shows something of that page."""
    async with tab(browser, PHONE) as (page, session):
        slow = {"offline": False, "latency": LATENCY, "downloadThroughput": DOWN, "uploadThroughput": UP}
        await session.send("Network.emulateNetworkConditions", slow)
        await session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
        await page.goto(url, wait_until="commit")
        return float(await page.evaluate(PAINTED)) / 1000


@dataclass(slots=True)
class Watching:
    """A page that somebody looks at."""

    page: Page

    async def seen(self) -> dict[str, float]:
        """Unix seconds when each came in sight, by the id of its element."""
        return {name: at / 1000 for name, at in (await self.page.evaluate("window.seen")).items()}


@asynccontextmanager
async def watching(url: str) -> AsyncIterator[Watching]:
    async with chromium() as browser, tab(browser) as (page, _):
        await page.goto(url)
        await page.evaluate(WATCHED)
        yield Watching(page)


def weights(url: str, paths: Sequence[str]) -> dict[str, tuple[int, int]]:
    async def all_of_them() -> dict[str, tuple[int, int]]:
        async with chromium() as browser:
            return {path: await weight(browser, url + path) for path in paths}

    return asyncio.run(all_of_them())


def first_paints(url: str, paths: Sequence[str], times: int) -> dict[str, list[float]]:
    async def all_of_them() -> dict[str, list[float]]:
        async with chromium() as browser:
            await first_paint(browser, url + paths[0])  # what a browser does once
            return {path: [await first_paint(browser, url + path) for _ in range(times)] for path in paths}

    return asyncio.run(all_of_them())
