"""A real Chromium that looks at pages as a person does, and hears what such a page must never do.

At the end of each visit: no error on the console, no request to another host, nothing that the page's rules refused.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, ConsoleMessage, Page, Request, async_playwright, expect

from tests.parts import need

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
PHONE, SMALL_PHONE, DESKTOP = (375, 740), (320, 640), (1280, 900)
LONGEST_TOUR = 300
"""Times that somebody presses Tab before he gives up."""


@dataclass
class Visit:
    """One tab on the site of `url`. `mishaps` is all that must not happen."""

    page: Page
    url: str
    mishaps: list[str] = field(default_factory=list)
    forgives: Sequence[str] = ()
    """What a mishap may say that the test itself brings about."""

    def listen(self) -> None:
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.mishaps.append(f"uncaught: {error}"))
        self.page.on("request", self._request)

    async def open(self, path: str) -> None:
        await self.page.goto(self.url + path)

    async def sign_in(self, token: str, back: str = "/") -> None:
        await self.open(f"/sign-in?next={back}")
        await self.page.get_by_label("Token").fill(token)
        await self.page.get_by_role("button", name="Sign in").click()
        await expect(self.page.get_by_role("button", name="Sign out")).to_be_visible()

    async def violations(self) -> list[str]:
        """What axe finds, with the places."""
        found: dict[str, Any] = (await Axe().run(self.page)).response
        return [
            f"{each['id']}: {each['help']}: {[node['html'][:120] for node in each['nodes']]}"
            for each in found["violations"]
        ]

    async def overflow(self) -> int:
        """Pixels by which the page is wider than its window."""
        root = "document.documentElement"
        width: int = await self.page.evaluate(f"{root}.scrollWidth - {root}.clientWidth")
        return width

    async def press(self, name: str, *, keyboard: bool) -> None:
        """A link or a button: the first one of that name, by a click, or by Tab and Enter alone."""
        wanted = self.page.get_by_role("link", name=name).or_(self.page.get_by_role("button", name=name)).first
        await expect(wanted).to_be_visible()
        if not keyboard:
            await wanted.click()
            return
        await self.tab_to(name)
        await self.page.keyboard.press("Enter")

    async def tab_to(self, name: str) -> None:
        """Until what has the focus is called so."""
        said = "() => { const e = document.activeElement; return (e.labels?.[0] ?? e).textContent.trim(); }"
        for _ in range(LONGEST_TOUR):
            await self.page.keyboard.press("Tab")
            if name in await self.page.evaluate(said):
                return
        raise AssertionError(f"Tab never leads to {name}")

    async def fill(self, label: str, text: str, *, keyboard: bool) -> None:
        if not keyboard:
            await self.page.get_by_label(label).fill(text)
            return
        if await self.page.get_by_label(label).evaluate("e => e !== document.activeElement"):
            await self.tab_to(label)
        await self.page.keyboard.type(text)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self._mishap(f"console: {message.text}")

    def _request(self, request: Request) -> None:
        if urlsplit(request.url).netloc != urlsplit(self.url).netloc:
            self._mishap(f"asked another host: {request.url}")

    def _mishap(self, said: str) -> None:
        if not any(each in said for each in self.forgives):
            self.mishaps.append(said)


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Debian's, without a screen."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=need("chromium"), args=list(FLAGS))
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def visiting(
    browser: Browser,
    url: str,
    *,
    size: tuple[int, int] = DESKTOP,
    dark: bool = False,
    scripts: bool = True,
    scale: float = 1,
    forgives: Sequence[str] = (),
) -> AsyncIterator[Visit]:
    """A tab with cookies of its own; at its end nothing may have happened that must not."""
    context = await browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if dark else "light",
        java_script_enabled=scripts,
        device_scale_factor=scale,
        reduced_motion="reduce",
    )
    visit = Visit(await context.new_page(), url, forgives=forgives)
    visit.listen()
    try:
        yield visit
    finally:
        await context.close()
    assert visit.mishaps == []
