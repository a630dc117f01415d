"""How an Alertmanager is reached that wants to know who comes, or has a certificate of an own authority."""

from __future__ import annotations

import asyncio
import base64
import shutil
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web

from nemo_watchdog.model import Alert
from nemo_watchdog.notifiers import AlertmanagerClient, readiness
from nemo_watchdog.policy.policy import Alertmanager
from nemo_watchdog.policy.secret_value import Secret
from nemo_watchdog.ports import Delivery
from tests.unit.notifiers.parts import NOON
from tests.unit.probes.certificates import Authority, make_authority

ALERT = Alert("i-1", {"alertname": "x"}, {}, NOON)
SECRET = Secret("hunter2-horse")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("authority"))


@asynccontextmanager
async def guarded(wants: str = "", tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Answers who brings this `Authorization`, and 401 to all else."""

    async def answer(request: web.Request) -> web.Response:
        if request.headers.get("Authorization", "") != wants:
            return web.Response(status=401, text="who are you?")
        return web.json_response({"versionInfo": {"version": "0.25.0"}})

    app = web.Application()
    app.router.add_post("/api/v2/alerts", answer)
    app.router.add_get("/api/v2/status", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def push(target: Alertmanager, within: float = 5.0) -> Delivery:
    client = AlertmanagerClient([target], within)
    try:
        return (await client.push([ALERT]))[target.url]
    finally:
        await client.close()


BASIC = f"Basic {base64.b64encode('Jörg:hunter2-horse'.encode()).decode()}"


@pytest.mark.parametrize(
    ("wants", "keys"),
    [("", {}), (BASIC, {"username": "Jörg", "password": SECRET}), ("Bearer hunter2-horse", {"bearer": SECRET})],
)
async def test_it_says_who_comes(wants: str, keys: dict[str, object]) -> None:
    """To what takes alerts, and to what says how it is."""
    async with guarded(wants) as url:
        target = Alertmanager(url, **keys)  # type: ignore[arg-type]
        assert await push(target) == Delivery(delivered=True)
        assert (await readiness([target], 5.0))[url].ready


async def test_who_is_not_let_in_hears_why() -> None:
    """No secret is in it, and it is not tried again and again: the next push does."""
    async with guarded("Bearer another") as url:
        target = Alertmanager(url, bearer=SECRET)
        delivery = await push(target)
        answer = (await readiness([target], 5.0))[url]
    assert delivery == Delivery(delivered=False, retryable=False, detail="HTTP 401 who are you?")
    assert (answer.ready, answer.refuses, answer.said) == (False, True, "HTTP 401 for /api/v2/status")


async def test_an_authority_of_ones_own_is_trusted_when_the_policy_names_it(authority: Authority) -> None:
    tls = await asyncio.to_thread(authority.server, timedelta(days=30))
    async with guarded(tls=tls) as url:
        assert (await push(Alertmanager(url, ca=str(authority.file)))).delivered
        assert (await readiness([Alertmanager(url, ca=str(authority.file))], 5.0))[url].ready
        refused = await push(Alertmanager(url), within=0.5)
    assert not refused.delivered
    assert "CERTIFICATE_VERIFY_FAILED" in refused.detail


async def test_a_file_that_comes_late_or_goes_for_a_moment(authority: Authority, tmp_path: Path) -> None:
    """Without it nothing is sent and the reason is told; once read, it is missed no more, and read when it changes."""
    tls, file = await asyncio.to_thread(authority.server, timedelta(days=30)), tmp_path / "ca.pem"
    async with guarded(tls=tls) as url:
        target = Alertmanager(url, ca=str(file))
        client = AlertmanagerClient([target], 5.0)
        try:
            missing = (await client.push([ALERT]))[url]
            assert missing.detail == "the file of its `ca` cannot be used: No such file or directory"
            assert missing.retryable
            assert (await readiness([target], 5.0))[url].said == missing.detail
            file.write_text("nothing that anybody could trust\n")
            assert (await client.push([ALERT]))[url].detail.endswith("cannot be used: it holds no certificate")
            shutil.copy(authority.file, file)
            assert (await client.push([ALERT]))[url].delivered
            file.unlink()
            assert (await client.push([ALERT]))[url].delivered
        finally:
            await client.close()


async def test_a_file_that_hangs_costs_the_deadline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the next push says so at once."""
    import threading

    released = threading.Event()
    monkeypatch.setattr("nemo_watchdog.notifiers.way.file_state", lambda _: released.wait(30.0))
    target = Alertmanager("https://127.0.0.1:1", ca=str(tmp_path / "ca.pem"))
    client = AlertmanagerClient([target], 0.2)
    try:
        first = (await client.push([ALERT]))[target.url]
        second = (await client.push([ALERT]))[target.url]
    finally:
        released.set()
        await client.close()
    assert first.detail == "not accepted within 200ms: no answer"
    assert second.detail == "the file of its `ca` cannot be used: its file system does not answer"
