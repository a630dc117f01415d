"""What is posted to Alertmanager, and what its answers mean."""

from __future__ import annotations

import socket
from datetime import timedelta, timezone

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from nemo_watchdog.model import Alert
from nemo_watchdog.notifiers import AlertmanagerClient
from nemo_watchdog.policy.policy import Alertmanager
from nemo_watchdog.policy.secret_value import Secret
from tests.unit.notifiers.parts import NOON, serving

FIRING = Alert(
    "i-1",
    {"alertname": "NemoWatchdogIncident", "incident": "i-1"},
    {"summary": "redis is down"},
    NOON,
    link="https://watchdog.example.org/api/v1/incidents/i-1",
)


async def test_times_are_rfc_3339_in_utc() -> None:
    """A firing alert has no end; a resolved one has it, both in UTC."""
    zone = timezone(timedelta(hours=2))
    over = Alert("i-2", {"alertname": "x"}, {}, NOON.astimezone(zone), NOON + timedelta(minutes=5, milliseconds=250))
    async with serving() as server:
        client = AlertmanagerClient([Alertmanager(f"http://127.0.0.1:{server.port}/prefix/")], timeout=5)
        deliveries = await client.push([FIRING, over])
        await client.close()
    assert [delivery.delivered for delivery in deliveries.values()] == [True]
    assert server.got == [
        (
            "/prefix/api/v2/alerts",
            [
                {
                    "labels": {"alertname": "NemoWatchdogIncident", "incident": "i-1"},
                    "annotations": {"summary": "redis is down"},
                    "generatorURL": "https://watchdog.example.org/api/v1/incidents/i-1",
                    "startsAt": "2026-03-01T12:00:00.000Z",
                },
                {
                    "labels": {"alertname": "x"},
                    "annotations": {},
                    "startsAt": "2026-03-01T12:00:00.000Z",
                    "endsAt": "2026-03-01T12:05:00.250Z",
                },
            ],
        )
    ]


async def test_each_address_has_its_own_result() -> None:
    """One Alertmanager that refuses does not hide that the other accepted."""
    async with serving(200) as good, serving(400) as bad:
        urls = [f"http://127.0.0.1:{server.port}" for server in (good, bad)]
        client = AlertmanagerClient([*map(Alertmanager, urls)], timeout=5)
        deliveries = await client.push([FIRING])
        await client.close()
    assert deliveries[urls[0]].delivered
    assert not deliveries[urls[1]].delivered
    assert not deliveries[urls[1]].retryable
    assert deliveries[urls[1]].detail == "HTTP 400 no thanks"
    assert len(bad.got) == 1


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_what_passes_is_tried_again(status: int) -> None:
    """An overloaded Alertmanager is tried again within the deadline."""
    async with serving(status, status, 200) as server:
        client = AlertmanagerClient([Alertmanager(f"http://127.0.0.1:{server.port}")], timeout=20)
        (delivery,) = (await client.push([FIRING])).values()
        await client.close()
    assert delivery.delivered
    assert len(server.got) == 3


async def test_the_deadline_ends_the_tries() -> None:
    """An Alertmanager that keeps failing gives a result that is worth retrying later, with its last answer."""
    async with serving(503) as server:
        client = AlertmanagerClient([Alertmanager(f"http://127.0.0.1:{server.port}")], timeout=0.5)
        (delivery,) = (await client.push([FIRING])).values()
        await client.close()
    assert not delivery.delivered
    assert delivery.retryable
    assert "HTTP 503" in delivery.detail
    assert len(server.got) >= 2


async def test_a_stalled_server_is_left() -> None:
    """A server that accepts and never answers costs the deadline, no more."""
    async with serving(stalled=True) as server:
        client = AlertmanagerClient([Alertmanager(f"http://127.0.0.1:{server.port}")], timeout=0.3)
        (delivery,) = (await client.push([FIRING])).values()
        await client.close()
    assert not delivery.delivered
    assert delivery.retryable
    assert "within 300ms" in delivery.detail


async def test_nobody_there_is_retryable_and_leaks_no_password() -> None:
    """A refused connection is worth retrying, and the detail holds neither user nor password."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        client = AlertmanagerClient(
            [Alertmanager(f"http://admin:hunter2@127.0.0.1:{taken.getsockname()[1]}")], timeout=0.4
        )
        (delivery,) = (await client.push([FIRING])).values()
        await client.close()
    assert not delivery.delivered
    assert delivery.retryable
    assert "hunter2" not in delivery.detail
    assert "admin" not in delivery.detail


@pytest.mark.parametrize(
    "url", ["not a url", "ftp://127.0.0.1", "http://[::1", "http://:hunter2@", "http://a..svc:9093"]
)
async def test_an_address_that_is_none_is_not_retried(url: str) -> None:
    """A wrong address is a result at once."""
    client = AlertmanagerClient([Alertmanager(url)], timeout=5)
    (delivery,) = (await client.push([FIRING])).values()
    await client.close()
    assert not delivery.delivered
    assert not delivery.retryable
    assert "hunter2" not in delivery.detail


async def test_an_answer_that_repeats_what_it_was_asked_with_is_told_without_it() -> None:
    """Also where the part that is told ends in the middle of it."""
    token = "sesame-open-wide-now"

    async def refuse(request: web.Request) -> web.Response:
        return web.Response(status=403, text=f"{'x' * 285} you sent {request.headers['Authorization']}")

    app = web.Application()
    app.router.add_post("/api/v2/alerts", refuse)
    async with TestServer(app) as server:
        client = AlertmanagerClient([Alertmanager(str(server.make_url("/")), bearer=Secret(token))], timeout=5)
        (delivery,) = (await client.push([FIRING])).values()
        await client.close()
    assert delivery.detail.startswith("HTTP 403 xxx")
    assert token[:6] not in delivery.detail


async def test_nothing_to_say_is_not_said() -> None:
    """Without alerts, or without addresses, nothing is sent."""
    async with serving() as server:
        client = AlertmanagerClient([Alertmanager(f"http://127.0.0.1:{server.port}")])
        assert await client.push([]) == {}
        await client.close()
    assert await AlertmanagerClient([]).push([FIRING]) == {}
    assert server.got == []
