"""The ways of the http probe to its answer: TLS and its certificates, phases, unix sockets, credentials, redirects."""

from __future__ import annotations

import asyncio
import ssl
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from nemo_watchdog.model import Category, Outcome, Reason
from nemo_watchdog.probes.shared import tls
from tests.unit.probes.certificates import Authority, make_authority
from tests.unit.probes.http.test_probe import answering, serving
from tests.unit.probes.making import make, probing


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("authority"))


async def server(authority: Authority, **ends_in: float) -> ssl.SSLContext:
    return await asyncio.to_thread(authority.server, timedelta(**ends_in))


async def test_an_own_authority_is_trusted_when_the_policy_names_it(authority: Authority) -> None:
    """With `ca_file` the certificate verifies; how long it lasts is measured."""
    async with serving(answering(), await server(authority, days=30)) as url:
        async with probing("http", {"url": url, "ca_file": str(authority.file)}) as probe:
            finding = await probe.look()
            again = await probe.look()
        async with probing("http", {"url": url}) as probe:
            assert (await probe.look()).reason is Reason.WRONG_TARGET
    assert finding.outcome is again.outcome is Outcome.OK
    for each in (finding, again):
        assert 29.9 * 86400 < each.measurements["http_certificate_expires_in_seconds"] <= 30 * 86400


@pytest.mark.parametrize(
    ("warning", "outcome"), [(None, Outcome.DEGRADED), ("4d", Outcome.DEGRADED), ("2d", Outcome.OK), ("0", Outcome.OK)]
)
async def test_a_certificate_that_ends_soon_is_degraded(
    authority: Authority, warning: str | None, outcome: Outcome
) -> None:
    """While there is time to renew it; `certificate_warning: 0` never warns."""
    options = {"ca_file": str(authority.file)} | ({} if warning is None else {"certificate_warning": warning})
    async with (
        serving(answering(), await server(authority, days=3)) as url,
        probing("http", {"url": url, **options}) as probe,
    ):
        finding = await probe.look()
    assert finding.outcome is outcome
    if outcome is Outcome.DEGRADED:
        assert finding.reason is Reason.CERTIFICATE_EXPIRING
        assert "ends in 2d23h59m" in finding.detail or "ends in 3d" in finding.detail


async def test_a_certificate_that_has_ended_is_never_a_reason_to_restart(authority: Authority) -> None:
    """No restart renews it."""
    async with (
        serving(answering(), await server(authority, days=-1)) as url,
        probing("http", {"url": url, "ca_file": str(authority.file)}) as probe,
    ):
        finding = await probe.look()
    assert finding.reason is Reason.CERTIFICATE_EXPIRED
    assert Reason.CERTIFICATE_EXPIRED.category is Category.INTEGRITY


async def test_verification_can_be_left_out(authority: Authority) -> None:
    """`verify: false` trusts anything, and does not know when it ends."""
    async with (
        serving(answering(), await server(authority, days=-1)) as url,
        probing("http", {"url": url, "verify": False, "phases": True}) as probe,
    ):
        finding = await probe.look()
    assert finding.outcome is Outcome.OK
    assert "http_certificate_expires_in_seconds" not in finding.measurements
    assert finding.measurements["http_tls_seconds"] > 0


async def test_a_failed_answer_stays_what_it_is(authority: Authority) -> None:
    """A certificate that ends soon hides no 500."""
    async with (
        serving(answering(500), await server(authority, days=3)) as url,
        probing("http", {"url": url, "ca_file": str(authority.file)}) as probe,
    ):
        assert (await probe.look()).reason is Reason.WRONG_STATUS


@pytest.mark.parametrize("content", [None, "no certificate"])
async def test_a_ca_file_that_cannot_be_used_is_blind(tmp_path: Path, content: str | None) -> None:
    """It is the watchdog's own trouble, and is looked at again at the next look."""
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    async with probing("http", {"url": "https://127.0.0.1:1/", "ca_file": str(path)}) as probe:
        finding = await probe.look()
    assert finding.reason is not None
    assert finding.reason.category is Category.BLIND
    assert "ca_file" in finding.detail


async def test_phases_are_measured() -> None:
    """Resolve, connect and first byte of a plain server."""
    async with serving(answering()) as url, probing("http", {"url": url, "phases": True}) as probe:
        measured = (await probe.look()).measurements
    assert set(measured) == {"http_resolve_seconds", "http_connect_seconds", "http_first_byte_seconds"}
    assert all(0 < seconds < 2 for seconds in measured.values())


async def test_a_handshake_of_ours_that_hangs_takes_nothing_from_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The request was answered; that a second connection hangs must not make it a timeout, and with it a fault."""

    async def hangs(*_: Any) -> tls.Handshake:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr("nemo_watchdog.probes.http.probe.shake_hands", hangs)
    async with serving(answering()) as url, probing("http", {"url": url, "phases": True}, timeout=0.5) as probe:
        async with asyncio.timeout(0.5):
            finding = await probe.look()
    assert finding.outcome is Outcome.OK
    assert not finding.measurements


async def test_a_certificate_is_looked_at_once_an_hour(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not at every look: each costs a connection."""
    handshakes = 0
    real = tls.shake_hands

    async def counting(*arguments: Any) -> tls.Handshake:
        nonlocal handshakes
        handshakes += 1
        return await real(*arguments)

    monkeypatch.setattr("nemo_watchdog.probes.http.probe.shake_hands", counting)
    async with (
        serving(answering(), await server(authority, days=30)) as url,
        probing("http", {"url": url, "ca_file": str(authority.file)}) as probe,
    ):
        for _ in range(3):
            await probe.look()
        assert handshakes == 1
        monkeypatch.setattr(tls, "LOOK_AT_CERTIFICATE_EVERY", 0.0)
        await probe.look()
    assert handshakes == 2


async def test_a_unix_socket_is_asked(tmp_path: Path) -> None:
    """The address gives the path and the Host header, the socket the way."""
    app = web.Application()

    async def tell_host(request: web.Request) -> web.Response:
        return web.json_response({"host": request.host})

    app.router.add_get("/health", tell_host)
    runner = web.AppRunner(app)
    await runner.setup()
    path = tmp_path / "app.sock"
    await web.UnixSite(runner, str(path)).start()
    options = {"url": "http://app.internal/health", "socket": str(path), "expect": {"json": {"host": "app.internal"}}}
    try:
        async with probing("http", options) as probe:
            assert (await probe.look()).outcome is Outcome.OK
    finally:
        await runner.cleanup()
    async with probing("http", options) as probe:
        assert (await probe.look()).reason is Reason.REFUSED


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ({"bearer": "t0ken"}, "Bearer t0ken"),
        ({"basic": {"user": "me", "password": "pw"}}, "Basic bWU6cHc="),
    ],
)
async def test_credentials_are_sent(options: Any, sent: str) -> None:
    """As the server wants them."""
    seen: list[str | None] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Authorization"))
        return web.Response()

    async with serving(handler) as url, probing("http", {"url": url, **options}) as probe:
        await probe.look()
    assert seen == [sent]


@pytest.mark.parametrize(
    ("redirects", "outcome", "paths"),
    [
        (0, Outcome.FAILED, ["/health"]),
        (1, Outcome.FAILED, ["/health", "/b"]),
        (2, Outcome.OK, ["/health", "/b", "/c"]),
    ],
)
async def test_redirects_are_followed_as_far_as_the_policy_says(
    redirects: int, outcome: Outcome, paths: list[str]
) -> None:
    """The last answer is judged."""
    seen: list[str] = []
    steps = {"/health": "/b", "/b": "c"}

    async def handler(request: web.Request) -> web.Response:
        seen.append(request.path)
        if request.path in steps:
            return web.Response(status=302, headers={"Location": steps[request.path]})
        return web.Response()

    async with serving(handler) as url, probing("http", {"url": url, "redirects": redirects}) as probe:
        assert (await probe.look()).outcome is outcome
    assert seen == paths


@pytest.mark.parametrize(
    "location", ["http://127.0.0.1:1/", "http://other.invalid/", "ftp://127.0.0.1/", "http://[", ""]
)
async def test_a_redirect_to_another_server_is_not_followed(location: str) -> None:
    """What is sent with the request is meant for this server."""
    async with (
        serving(answering(302, {"Location": location})) as url,
        probing("http", {"url": url, "redirects": 5, "bearer": "t"}) as probe,
    ):
        finding = await probe.look()
    assert finding.reason is Reason.WRONG_STATUS
    assert "another server" in finding.detail


async def test_endless_redirects_end() -> None:
    """With the number that the policy allows."""
    async with (
        serving(answering(302, {"Location": "/again"})) as url,
        probing("http", {"url": url, "redirects": 10}) as probe,
    ):
        assert (await probe.look()).reason is Reason.WRONG_STATUS


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bearer": "a", "basic": {"user": "u", "password": "p"}}, "give one of"),
        ({"bearer": "a", "headers": {"authorization": "x"}}, "give one of"),
        ({"bearer": "a\r\nEvil: 1"}, "one line"),
        ({"bearer": ""}, "one line"),
        ({"socket": "app.sock"}, "path of a unix socket"),
        ({"socket": "/app.sock", "url": "https://a/"}, "no TLS"),
        ({"socket": "/app.sock", "phases": True}, "no phases"),
        ({"ca_file": "ca.pem"}, "absolute path"),
        ({"verify": False}, "use an https:// address"),
        ({"certificate_warning": "3d"}, "use an https:// address"),
        ({"redirects": 11}, "redirects"),
    ],
)
def test_options_that_do_not_fit_are_refused(options: Any, message: str) -> None:
    """When the policy is read, and without a secret in the message."""
    with pytest.raises(ValueError, match=message):
        make("http", {"url": "http://127.0.0.1/", **options})
