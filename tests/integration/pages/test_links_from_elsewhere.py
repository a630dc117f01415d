"""A link in a chat leads to the page, also where reading needs a session: a browser brings none with such a link."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import expect

from nemo_watchdog.testing.servers import Server, say
from tests.integration.daemon import Daemon
from tests.integration.pages.browser import Visit, chromium, visiting

POLICY = """
version: 1
autonomy: observe
dependencies:
  backup: {probe: push, token: planted-token-0123456789, period: 1h, interval: 1s, timeout: 500ms}
"""
CHAT = "http://localhost"
"""Another site than `127.0.0.1`."""
FORGIVEN = (f"asked another host: {CHAT}", "favicon.ico")


@pytest.fixture
async def daemon(tmp_path: Path) -> AsyncIterator[Daemon]:
    """Reading needs a token."""
    async with Daemon(POLICY, tmp_path, more=("--reading", "token")) as made:
        yield made


async def follow(visit: Visit, path: str) -> None:
    """The link to that page, in a chat."""
    body = f'<!doctype html><title>Chat</title><a href="{visit.url}{path}">backup is down</a>'.encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    async with Server(say(head.encode() + body)).running() as chat:
        await visit.page.goto(f"{CHAT}:{chat.port}/")
        await visit.page.get_by_role("link", name="backup is down").click()
        await visit.page.wait_for_url(f"{visit.url}/**")


@pytest.mark.parametrize("scripts", [True, False])
@pytest.mark.parametrize("path", ["/dependencies/backup", "/"])
async def test_who_is_signed_in_comes_to_the_page(daemon: Daemon, path: str, *, scripts: bool) -> None:
    async with chromium() as browser, visiting(browser, daemon.url, scripts=scripts, forgives=FORGIVEN) as visit:
        await visit.sign_in(daemon.token)
        await follow(visit, path)
        await expect(visit.page.get_by_role("button", name="Sign out")).to_be_visible()
        assert visit.page.url == daemon.url + path


async def test_who_is_not_is_asked_once_and_comes_there_then(daemon: Daemon) -> None:
    async with chromium() as browser, visiting(browser, daemon.url, forgives=FORGIVEN) as visit:
        asked: list[str] = []
        visit.page.on("request", lambda request: asked.append(request.url))
        await follow(visit, "/dependencies/backup")
        await visit.page.wait_for_url("**/sign-in?**")
        await visit.page.get_by_label("Token").fill(daemon.token)
        await visit.page.get_by_role("button", name="Sign in").click()
        await expect(visit.page.get_by_role("heading", level=1)).to_contain_text("backup")
        assert sum("/sign-in?" in each for each in asked) <= 2
