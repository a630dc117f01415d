"""Takes each picture twice: on a phone in the dark, and on a desk by day. Whoever looks has signed in before."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import Browser

from tests.integration.pages.browser import Visit, visiting

IMAGES = Path(__file__).parents[2] / "docs" / "images"
LARGEST = 200 * 1024
"""Bytes of one picture: a clone brings all of them."""

PHONE, DESKTOP = (375, 812), (1280, 800)


@dataclass(frozen=True, slots=True)
class Camera:
    """`visits` by the word at the end of a picture's name."""

    visits: dict[str, Visit]
    folder: Path

    async def sign_in(self, token: str) -> None:
        for visit in self.visits.values():
            await visit.sign_in(token)

    async def take(self, name: str, path: str, until: str) -> None:
        """As much of the page as one sees at first, once these words are on it."""
        for size, visit in self.visits.items():
            await visit.open(path)
            await visit.page.get_by_text(until).first.wait_for()
            await self._settled(visit)
            taken = await visit.page.screenshot(type="png", animations="disabled", caret="hide")
            if len(taken) > LARGEST:
                raise ValueError(f"{name}-{size} has {len(taken)} bytes, more than {LARGEST}")
            (self.folder / f"{name}-{size}.png").write_bytes(taken)

    async def _settled(self, visit: Visit) -> None:
        """A live page says so, and nobody has the focus but the page."""
        if await visit.page.locator("#live").count():
            await visit.page.get_by_role("status").get_by_text("live", exact=True).wait_for()


@asynccontextmanager
async def camera(browser: Browser, url: str, folder: Path = IMAGES) -> AsyncIterator[Camera]:
    folder.mkdir(exist_ok=True)
    async with (
        visiting(browser, url, size=PHONE, dark=True, scale=1.5) as phone,
        visiting(browser, url, size=DESKTOP) as desktop,
    ):
        yield Camera({"phone": phone, "desktop": desktop}, folder)
