"""Every error is a problem (RFC 9457), whoever made it, and none tells of the inside."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.unit.runtime.shell import until
from tests.unit.web.site import BEARER, Site, detail


def complaints(lines: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Without what the daemon tells of its work meanwhile."""
    return [line for line in lines if line["log_level"] not in ("debug", "info")]


async def test_what_is_not_there_is_404(site: Site) -> None:
    """With what was asked for."""
    response = await site.get("/api/v2/status?token=secret")
    assert response.status == 404
    assert await detail(response) == "GET /api/v2/status"
    assert (await response.json())["title"] == "Not Found"


async def test_a_method_that_is_not_taken_is_405(site: Site) -> None:
    """And says which are."""
    response = await site.get("/api/v1/pause")
    assert response.status == 405
    assert await detail(response) == "GET /api/v1/pause"
    assert response.headers["Allow"] == "POST"


async def test_a_head_has_the_status_and_no_body(site: Site) -> None:
    """As HTTP has it."""
    response = await site.client.head("/nothing")
    assert (response.status, response.content_type) == (404, "application/problem+json")
    assert await response.read() == b""


async def test_an_expectation_that_is_not_met_is_417(site: Site) -> None:
    """Refused by aiohttp before a handler is asked."""
    response = await site.get("/healthz", Expect="a miracle")
    assert response.status == 417
    await detail(response)


@pytest.mark.parametrize(
    "lines", [b"\x16\x03\x01\x02\x00\x01\x00\x01", b"GET\r\n\r\n", b"GET / HTTP/1.1\r\nno colon\r\n\r\n"]
)
async def test_what_is_no_request_is_400(site: Site, lines: bytes) -> None:
    """TLS to a port of plain text, a line that is none: told in the same shape, and no line in the log."""
    with capture_logs() as said:
        head, body = await site.raw(lines + b"\r\n\r\n")
    assert b" 400 " in head.splitlines()[0]
    assert b"Content-Type: application/problem+json" in head
    problem = json.loads(body)
    assert (problem["status"], problem["title"]) == (400, "Bad Request")
    assert complaints(said) == []


async def test_a_body_in_broken_chunks_is_400(site: Site) -> None:
    """The mistake is the sender's, not ours."""
    request = (
        "POST /api/v1/pause HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n"
        f"Content-Type: application/json\r\nAuthorization: {BEARER['Authorization']}\r\n\r\nnot a length\r\n\r\n"
    )
    with capture_logs() as said:
        head, body = await site.raw(request.encode())
    assert b" 400 " in head.splitlines()[0]
    assert json.loads(body)["status"] == 400
    assert complaints(said) == []


async def test_a_sender_that_goes_away_is_no_bug_of_ours(site: Site) -> None:
    """Nothing is paused and nothing is logged."""
    assert site.client.port is not None
    _, writer = await asyncio.open_connection("127.0.0.1", site.client.port)
    writer.write(
        b"POST /api/v1/pause HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\nContent-Type: application/json\r\n"
        b"Authorization: " + BEARER["Authorization"].encode() + b'\r\n\r\n{"reason"'
    )
    await writer.drain()
    runner = site.client.server.runner
    assert runner is not None
    server = runner.server
    assert server is not None
    await until(lambda: server.requests_count == 1)
    with capture_logs() as said:
        writer.close()
        await writer.wait_closed()
        await until(lambda: not server.connections)
    assert complaints(said) == []
    assert site.pauses == []


async def test_a_bug_is_one_line_in_the_log_and_tells_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """No traceback and no message leaves with the answer; the daemon serves on."""

    def broken() -> list[str]:
        raise RuntimeError("a secret of the inside")

    monkeypatch.setattr(site.daemon.supervisor, "stuck", broken)
    with capture_logs() as said:
        response = await site.get("/healthz", Accept="text/html")
    assert response.status == 500
    assert await detail(response) == "the daemon has a bug here: its log says more"
    (line,) = complaints(said)
    assert (line["event"], line["log_level"]) == ("a request met a bug", "error")
    assert line["route"] == "/healthz"
    assert line["error"].startswith("RuntimeError < test_problems.py:")
    assert "secret" not in str(line)
    assert (await site.get("/readyz")).status == 200
