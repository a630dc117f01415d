"""`/api/v1/live`, through real connections: who is told, when, and who is let go."""

from __future__ import annotations

import asyncio
import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import ClientPayloadError

from nemo_watchdog.model import Reason, failed
from nemo_watchdog.web import changes, door
from nemo_watchdog.web.api import live
from nemo_watchdog.web.door import Limits
from nemo_watchdog.web.tokens import Right
from tests.unit.runtime.shell import until
from tests.unit.runtime.whole import Daemon, quick
from tests.unit.web.live_site import LIVE, Event, Listener, LiveSite, live_site

LONG = 60.0
LIMITS = Limits(64)


@pytest.fixture(autouse=True)
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "EVERY", 0.01)


async def told(listener: Listener) -> Event:
    event = await asyncio.wait_for(listener.next(), 10.0)
    assert event is not None
    return event


async def told_on(site: LiveSite) -> None:
    """Change after change, until somebody is let go for not reading."""
    async with asyncio.timeout(30.0):
        while site.refused != ["slow_reader"]:
            site.changes.count()
            await asyncio.sleep(0.002)


async def rest(listener: Listener) -> None:
    while await listener.next():
        pass


async def told_of(listener: Listener, version: str) -> int:
    """How many events have come until this one did."""
    count = 1
    while (await told(listener)).identity != version:
        count += 1
    return count


async def test_the_first_event_comes_at_once(tmp_path: Path) -> None:
    """With the version, which is its id too, the daemon's time, and when to come again."""
    async with live_site(Daemon(tmp_path), LIMITS) as site:
        listener = await site.listen()
        event = await told(listener)
        headers = listener.response.headers
        assert (event.name, event.data["version"]) == ("changed", event.identity)
        assert abs((datetime.fromisoformat(event.data["now"]) - datetime.now(UTC)).total_seconds()) < LONG
        assert listener.retry == live.RETRY
        assert (headers["Content-Type"], headers["Cache-Control"]) == ("text/event-stream", "no-store")


async def test_a_fault_is_told(tmp_path: Path) -> None:
    """As soon as it is found: nobody has to wait for the next look at what nobody tells."""
    daemon = Daemon(tmp_path, quick("gateway"))
    async with live_site(daemon, LIMITS) as site:
        await until(lambda: daemon.health("gateway") == "up")
        listener = await site.listen()
        seen = (await told(listener)).identity
        daemon.probes["gateway"].script[0] = failed(Reason.WRONG_STATUS, "HTTP 500")
        while daemon.health("gateway") != "down":
            event = await told(listener)
            assert (event.name, event.identity == seen) == ("changed", False)
            seen = event.identity


async def test_many_changes_are_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What changes within the gap is told at its end, and the newest of it."""
    monkeypatch.setattr(live, "GAP", 0.3)
    async with live_site(Daemon(tmp_path), LIMITS) as site:
        await until(lambda: site.daemon.health("gateway") == "up")
        await site.daemon.shell.core.written()
        listener = await site.listen()
        await told(listener)
        for _ in range(50):
            site.changes.count()
            await asyncio.sleep(0)
        assert await told_of(listener, site.changes.version()) <= 2


async def test_without_a_change_it_says_that_it_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a page knows that nothing has changed, and not that nobody answers."""
    monkeypatch.setattr(live, "STILL_EVERY", 0.2)
    monkeypatch.setattr(live, "GAP", 0.01)
    monkeypatch.setattr(changes, "LOOK_EVERY", 0.05)
    async with live_site(Daemon(tmp_path), LIMITS) as site:
        await until(lambda: site.daemon.health("gateway") == "up")
        listener = await site.listen()
        event = await told(listener)
        while event.name == "changed":
            version, event = event.identity, await told(listener)
        assert (event.name, event.identity, event.data["version"]) == ("still", "", version)


async def test_it_lasts_for_as_long_as_it_is_read(tmp_path: Path) -> None:
    """Neither the time for an answer nor that for doing nothing ends it."""
    async with live_site(Daemon(tmp_path), Limits(64, answer=0.1, idle=0.1)) as site:
        listener = await site.listen()
        await told(listener)
        await asyncio.sleep(0.5)
        site.changes.count()
        await told_of(listener, site.changes.version())
        assert site.refused == []


async def test_who_goes_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No connection, no task; and its place is free."""
    monkeypatch.setattr(changes, "LOOK_EVERY", 0.05)
    async with live_site(Daemon(tmp_path), Limits(2)) as site:
        before = len(asyncio.all_tasks())
        for _ in range(3):
            listener = await site.listen()
            await told(listener)
            assert len(asyncio.all_tasks()) > before
            listener.response.close()
            await until(lambda: not site.connections)
            await until(lambda: len(asyncio.all_tasks()) <= before)


async def test_the_stop_ends_all(tmp_path: Path) -> None:
    """At once, and in good order: what is under way at a stop is waited for, and these would never end."""
    async with live_site(Daemon(tmp_path), LIMITS) as site:
        listeners = [await site.listen() for _ in range(3)]
        for each in listeners:
            await told(each)
        began = asyncio.get_running_loop().time()
        await site.runner.cleanup()
        assert asyncio.get_running_loop().time() - began < 1.0
        assert [await each.next() for each in listeners] == [None, None, None]


async def test_half_of_the_places_are_for_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One too many is told so, and may come when another has gone."""
    monkeypatch.setattr(changes, "LOOK_EVERY", 0.05)
    async with live_site(Daemon(tmp_path), Limits(4)) as site:
        first, second = await site.listen(), await site.listen()
        refused = await site.get()
        assert (refused.status, (await refused.json())["detail"]) == (503, live.TOO_MANY)
        assert (await site.get("/healthz")).status == 200
        first.response.close()
        await until(lambda: site.connections == 2)  # the second one, and the one that was refused and is kept
        await told(await site.listen())
        await told(second)


async def test_where_all_places_are_taken_a_page_makes_room(tmp_path: Path) -> None:
    """It comes back by itself; who has something to order does not."""
    async with live_site(Daemon(tmp_path), Limits(3, head=LONG, young=LONG)) as site:
        listener = await site.listen()
        await told(listener)
        asking = [await asyncio.open_connection("127.0.0.1", site.port) for _ in range(2)]
        for _, writer in asking:
            writer.write(b"GET /hea")
        await until(lambda: site.connections == 3)
        assert (await site.get("/healthz")).status == 200
        with pytest.raises(ClientPayloadError):
            await rest(listener)
        assert site.refused == ["full"]
        for _, writer in asking:
            writer.close()


async def test_who_has_nothing_to_do_makes_room_before_a_page_does(tmp_path: Path) -> None:
    """Which is read by somebody."""
    async with live_site(Daemon(tmp_path), Limits(2, idle=LONG)) as site:
        listener = await site.listen()
        await told(listener)
        reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b" 200 " in await reader.readline()
        assert (await site.get("/healthz")).status == 200
        assert (await reader.read()).endswith(b"well")
        site.changes.count()
        await told(listener)
        writer.close()


async def test_who_does_not_read_is_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it is told would pile up here, however little of it at a time."""
    monkeypatch.setattr(live, "GAP", 0.0)
    monkeypatch.setattr(live, "MOST_UNREAD", 1000)
    monkeypatch.setattr(live.LiveApi, "_data", lambda *_: "x" * 40_000)
    async with live_site(Daemon(tmp_path), LIMITS) as site:
        deaf = socket.create_connection(("127.0.0.1", site.port))
        deaf.sendall(f"GET {LIVE} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        await told_on(site)
        await until(lambda: not site.connections)
        deaf.close()


async def test_who_holds_up_what_is_told_next_is_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However little of that waits here."""
    monkeypatch.setattr(live, "READS_WITHIN", 0.1)
    monkeypatch.setattr(live, "MOST_UNREAD", 1_000_000_000)
    monkeypatch.setattr(live, "GAP", 0.001)
    monkeypatch.setattr(live.LiveApi, "_data", lambda *_: "x" * 4_000_000)
    async with live_site(Daemon(tmp_path), LIMITS) as site:
        deaf = socket.create_connection(("127.0.0.1", site.port))
        deaf.sendall(f"GET {LIVE} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        await told_on(site)
        await until(lambda: not site.connections)
        deaf.close()


async def test_another_request_behind_it_ends_it(tmp_path: Path) -> None:
    """It would wait for ever, and so would those behind it."""
    async with live_site(Daemon(tmp_path), LIMITS) as site:
        reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
        request = f"GET {LIVE} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        writer.write(request)
        await reader.readuntil(b"changed")
        writer.write(request)
        rest = await asyncio.wait_for(reader.read(), 10.0)
        assert not rest.endswith(b"0\r\n\r\n")
        await until(lambda: not site.connections)
        writer.close()


async def test_it_ends_with_the_token_that_began_it(tmp_path: Path) -> None:
    """Where reading is closed: what was revoked hears nothing more."""
    async with live_site(Daemon(tmp_path), LIMITS, reading_is_open=False) as site:
        token, secret = await site.access.tokens.make("alice", Right.READ, "ops")
        listener = await site.listen(headers={"Authorization": f"Bearer {secret}"})
        await told(listener)
        await site.access.tokens.revoke(token.id, "ops")
        site.changes.count()
        await asyncio.wait_for(rest(listener), 10.0)


async def test_a_head_is_answered(tmp_path: Path) -> None:
    """As HTTP has it, and without an end that never comes."""
    async with live_site(Daemon(tmp_path), LIMITS) as site:
        response = await site.session.head(f"http://127.0.0.1:{site.port}{LIVE}")
        assert (response.status, response.content_type, await response.read()) == (200, "text/event-stream", b"")
