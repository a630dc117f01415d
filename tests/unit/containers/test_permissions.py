"""Which calls to Docker are let through, from what answers: Docker's own words, a proxy's, or nobody's."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from nemo_watchdog.containers.permissions import NOBODY, PATHS, Call, NoWay, Permissions
from nemo_watchdog.containers.permissions import Answer as Permission

NO_SUCH = {"message": f"No such container: {NOBODY}"}


@dataclass
class Docker:
    """Answers everything with `status` and `said`; `date` is added to what its clock says."""

    url: str
    status: int = 200
    said: Any = "OK"
    date: timedelta | None = timedelta()
    asked: list[tuple[str, str, dict[str, str], Any]] = field(default_factory=list)
    stalls: bool = False

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.json() if request.can_read_body else None
        self.asked.append((request.method, request.path, dict(request.query), body))
        if self.stalls:
            await asyncio.Event().wait()
        response = web.Response(status=self.status, text=self.said) if isinstance(self.said, str) else None
        response = response or web.json_response(self.said, status=self.status)
        now = datetime.now(UTC)
        response.headers["Date"] = "" if self.date is None else format_datetime(now + self.date, usegmt=True)
        return response


@asynccontextmanager
async def docker(folder: Path, **options: Any) -> AsyncIterator[tuple[Docker, Permissions]]:
    it = Docker(f"unix://{folder / 'docker.sock'}", **options)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", it.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None, handler_cancellation=True)
    await runner.setup()
    await web.UnixSite(runner, str(folder / "docker.sock")).start()
    permissions = Permissions(it.url, 10.0)
    try:
        yield it, permissions
    finally:
        await permissions.close()
        await runner.cleanup()


async def ask(folder: Path, call: Call, **options: Any) -> Permission:
    async with docker(folder, **options) as (_, permissions):
        return await permissions.ask(call, "redis")


async def test_each_call_goes_to_its_path_and_no_order_to_a_container_that_is_there(tmp_path: Path) -> None:
    """An order names the one that cannot exist, whatever name is given."""
    async with docker(tmp_path) as (it, permissions):
        for call in Call:
            await permissions.ask(call, "redis")
    assert [asked[0] for asked in it.asked] == [PATHS[call][0] for call in Call]
    posted = {path: body for method, path, _, body in it.asked if method == "POST"}
    assert posted == {
        **{
            f"/containers/{NOBODY}/{order}": None for order in ("restart", "start", "kill", "unpause", "stop", "rename")
        },
        f"/images/{NOBODY}/tag": None,
        "/containers/create": {},
        f"/containers/{NOBODY}/update": {},
        f"/networks/{NOBODY}/connect": {"Container": NOBODY},
        f"/containers/{NOBODY}/exec": {"Cmd": ["true"]},
        f"/exec/{NOBODY}/start": {"Detach": False, "Tty": False},
    }
    assert next(query for _, path, query, _ in it.asked if path.endswith("/kill")) == {"signal": "1"}
    got = {path: query for method, path, query, _ in it.asked if method == "GET"}
    assert f"/images/{NOBODY}/json" in got
    assert got["/containers/redis/stats"] == {"stream": "false", "one-shot": "true"}
    assert got["/containers/redis/top"] == {"ps_args": "-eo pid,stat"}
    assert got["/containers/redis/logs"]["tail"] == "1"
    assert not NOBODY[0].isalnum()


async def test_the_version_is_told(tmp_path: Path) -> None:
    answer = await ask(tmp_path, Call.VERSION, said={"Version": "24.0.7", "ApiVersion": "1.43"})
    assert (answer.let_through, answer.words) == (True, "24.0.7 (API 1.43)")
    assert (await ask(tmp_path, Call.VERSION, said="<html>")).words == ""


@pytest.mark.parametrize(
    ("status", "said", "let_through"),
    [
        (200, "whatever", True),
        (404, NO_SUCH, True),
        (404, {"message": "No such exec instance: x"}, True),
        (409, {"message": "Container x is not running"}, True),
        (501, {"message": "configured logging driver does not support reading"}, True),
        (404, {"message": f"network {NOBODY} not found"}, True),
        (404, {"message": "page not found"}, False),
        (404, "Not Found", False),
        (403, "<html><body>Forbidden\n by rules</body></html>", False),
        (403, {"message": "authorization denied by plugin"}, False),
        (401, "", False),
        (405, {"message": "method not allowed"}, False),
        (502, {"message": "bad gateway"}, False),
        (503, "Service Unavailable", False),
        (302, "elsewhere", False),
    ],
)
async def test_what_an_answer_means(tmp_path: Path, status: int, said: Any, let_through: bool) -> None:
    answer = await ask(tmp_path, Call.TOP, status=status, said=said)
    assert (answer.status, answer.let_through) == (status, let_through)
    assert "\n" not in answer.words


async def test_a_refusal_is_cut_short(tmp_path: Path) -> None:
    assert len((await ask(tmp_path, Call.TOP, status=403, said="x" * 5000)).words) == 80


async def test_the_clock_of_what_answers(tmp_path: Path) -> None:
    """By whole seconds, so that one that is right is never called wrong."""
    assert (await ask(tmp_path, Call.PING)).ahead == 0.0
    ahead = (await ask(tmp_path, Call.PING, date=timedelta(seconds=60))).ahead
    behind = (await ask(tmp_path, Call.PING, date=timedelta(seconds=-60))).ahead
    assert ahead is not None
    assert behind is not None
    assert 40.0 < ahead <= 60.0
    assert -60.0 <= behind < -40.0
    assert (await ask(tmp_path, Call.PING, date=None)).ahead is None


async def no_way(host: str, within: float = 10.0) -> NoWay:
    permissions = Permissions(host, within)
    with pytest.raises(NoWay) as raised:
        await permissions.ask(Call.VERSION)
    await permissions.close()
    return raised.value


async def test_no_way_has_its_cause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's error, a name without an address, or silence."""

    def unknown_name(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    assert (await no_way(f"unix://{tmp_path}/gone.sock")).number == errno.ENOENT
    file = tmp_path / "file"
    file.touch()
    assert (await no_way(f"unix://{file}")).number == errno.ECONNREFUSED
    monkeypatch.setattr(socket, "getaddrinfo", unknown_name)
    unknown = await no_way("tcp://ops:hunter2@nowhere.invalid:1")
    assert unknown.unknown_host
    assert "hunter2" not in str(unknown)
    async with docker(tmp_path, stalls=True) as (it, _):
        silent = await no_way(it.url, 0.2)
    assert (silent.silent, silent.number) == (True, None)
    assert str(silent) == "Docker did not tell whether version is let through within 200ms"


async def test_nobody_listens(unused_tcp_port: int) -> None:
    assert (await no_way(f"tcp://127.0.0.1:{unused_tcp_port}")).number == errno.ECONNREFUSED


def test_an_address_that_is_none() -> None:
    with pytest.raises(ValueError, match="must begin with"):
        Permissions("carrier-pigeon", 1.0)
