"""The few questions: which page is taken, and that nobody is waited for who does not answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest

from nemo_watchdog.first_policy import look
from nemo_watchdog.first_policy.found import Found, Published
from nemo_watchdog.first_policy.look import Seen, look_at
from nemo_watchdog.testing.servers import Handler, Server, drop, flood, free_port, garble, stall


def plain(status: int, body: str) -> bytes:
    return f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


@asynccontextmanager
async def pages(answers: Mapping[str, bytes]) -> AsyncIterator[tuple[Found, list[str]]]:
    """A container whose port answers these paths, all others with 404; and what was asked."""
    asked: list[str] = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readuntil(b"\r\n\r\n")).split(b" ")[1].decode()
        asked.append(path)
        writer.write(answers.get(path, plain(404, "")))
        await writer.drain()

    async with serving(handler) as container:
        yield container, asked


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[Found]:
    async with Server(handler).running() as server:
        yield at(server.port)


def at(port: int) -> Found:
    return Found("x", published=(Published(8000, "127.0.0.1", port),))


async def seen(container: Found) -> Seen:
    return (await look_at([container]))["x"]


@pytest.mark.parametrize("path", ["/health", "/healthz", "/-/healthy", "/"])
async def test_the_first_page_that_is_well(path: str) -> None:
    async with pages({path: plain(200, "fine")}) as (container, _):
        page = (await seen(container)).page
    assert page is not None
    assert (page.path, page.says) == (path, "")


@pytest.mark.parametrize(
    ("body", "says"),
    [('{"status": "ok"}', "ok"), ('{"status": "UP"}', "UP"), ('{"status": "hunter2"}', ""), ('["ok"]', ""), ("{", "")],
)
async def test_what_it_says(body: str, says: str) -> None:
    """Only a word that is known to be a good one: nothing else that a server says gets into a policy."""
    chunked = f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{len(body):x}\r\n{body}\r\n0\r\n\r\n".encode()
    for answer in (plain(200, body), chunked):
        async with pages({"/health": answer}) as (container, _):
            page = (await seen(container)).page
        assert page is not None
        assert page.says == says


async def test_a_model_server_lists_its_models() -> None:
    models = plain(200, '{"object": "list", "data": [{"id": "gemma"}]}')
    async with pages({"/v1/models": models}) as (container, _):
        told = await seen(container)
    assert told.models == ("gemma",)
    assert told.page is not None
    assert told.page.path == "/v1/models"


async def test_a_health_check_names_the_only_page_that_is_asked() -> None:
    async with pages({"/ready": plain(302, "")}) as (there, asked):
        check = ("CMD", "curl", "http://localhost:8000/ready")
        page = (await seen(Found("x", published=there.published, health_check=check))).page
    assert page is not None
    assert (page.path, page.status) == ("/ready", 302)
    assert asked == ["/v1/models", "/ready"]


async def test_a_redirect_and_an_error_are_no_pages() -> None:
    async with pages({"/health": plain(503, ""), "/": plain(301, "")}) as (container, _):
        assert await seen(container) == Seen(speaks_http=True)


@pytest.mark.parametrize("handler", [stall, drop, garble])
async def test_what_does_not_answer_is_asked_once(handler: Handler, monkeypatch: pytest.MonkeyPatch) -> None:
    """And not waited for."""
    monkeypatch.setattr(look, "WITHIN", 0.2)
    monkeypatch.setattr(look.ask, "__defaults__", (0.2,))
    async with serving(handler) as container:
        assert await asyncio.wait_for(seen(container), 10) == Seen()


async def test_a_page_without_an_end_is_left_in_the_middle() -> None:
    async with serving(flood) as container:
        page = (await asyncio.wait_for(seen(container), 10)).page
    assert page is not None
    assert page.status == 200


async def test_nobody_there() -> None:
    assert await seen(at(free_port())) == Seen()


async def test_who_does_not_run_or_counts_strange_words_is_not_asked() -> None:
    async with pages({"/health": plain(200, "")}) as (container, asked):
        port = container.published[0].port
        mysql = Found("x", published=(Published(3306, "127.0.0.1", port),))
        stopped = Found("y", published=container.published, state="exited")
        assert await look_at([mysql, stopped]) == {"x": Seen()}
    assert asked == []
