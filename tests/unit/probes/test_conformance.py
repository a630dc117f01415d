"""What every probe of the network owes to the runtime, against real sockets that misbehave."""

from __future__ import annotations

import asyncio
import gc
import warnings
from time import monotonic
from typing import Any

import pytest

from nemo_watchdog.model import Finding, Reason
from nemo_watchdog.policy.units import parse_duration
from nemo_watchdog.probes import PROBES
from tests.unit.probes.making import make, probing
from tests.unit.probes.servers import Server, drop, drop_after_request, flood, free_port, garble, stall

SECRET = "hunter2-very-secret"
HEADERS = {"Authorization": f"Bearer {SECRET}"}
OPTIONS: dict[str, Any] = {
    "http": lambda port: {"url": f"http://user:{SECRET}@127.0.0.1:{port}/?token={SECRET}", "headers": HEADERS},
    "llm": lambda port: {"url": f"http://user:{SECRET}@127.0.0.1:{port}/?token={SECRET}", "headers": HEADERS},
    "postgres": lambda port: {"dsn": f"postgresql://user:{SECRET}@127.0.0.1:{port}/db?sslmode=disable"},
    "prometheus": lambda port: {
        "url": f"http://user:{SECRET}@127.0.0.1:{port}/?token={SECRET}",
        "headers": HEADERS,
        "query": "up",
        "min": 1,
    },
    "redis": lambda port: {"url": f"redis://user:{SECRET}@127.0.0.1:{port}/0"},
    "tcp": lambda port: {"address": f"127.0.0.1:{port}"},
}
ASKS = [kind for kind in OPTIONS if kind != "tcp"]
"""The probes that send something and wait for an answer."""
every_kind = pytest.mark.parametrize("kind", OPTIONS)


def test_every_probe_of_the_registry_can_be_made() -> None:
    """Each entry of the registry names classes that exist, with options that forbid unknown keys and never change."""
    for entry in PROBES.values():
        assert entry.options.model_config.get("extra") == "forbid"
        assert entry.options.model_config.get("frozen") is True
        assert callable(entry.make)
    assert set(OPTIONS) | {"command", "docker", "gpu", "host", "log", "process"} == set(PROBES)


@every_kind
async def test_refused_port_is_refused(kind: str) -> None:
    """A port on which nothing listens is a refusal and no exception; a witness that is gone is blindness."""
    async with probing(kind, OPTIONS[kind](free_port())) as probe:
        finding = await probe.look()
    assert finding.reason is (Reason.REPORTED_BLIND if kind == "prometheus" else Reason.REFUSED)
    assert SECRET not in repr(finding)


@pytest.mark.parametrize("kind", ASKS)
async def test_silent_server_cannot_hold_a_look_past_its_deadline(kind: str) -> None:
    """A look at a server that accepts and says nothing ends with the caller's deadline, and leaves no connection."""
    async with Server(stall).running() as server, probing(kind, OPTIONS[kind](server.port), timeout=60.0) as probe:
        began = monotonic()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await probe.look()
        assert monotonic() - began < 1.0
        await server.wait_accepted(1)
        await server.wait_open(0)


@pytest.mark.parametrize("kind", ["llm", "postgres", "prometheus", "redis"])
async def test_own_deadline_ends_a_look_too(kind: str) -> None:
    """Without the runtime's deadline a look at a silent server still ends near the timeout that the probe was given."""
    async with Server(stall).running() as server, probing(kind, OPTIONS[kind](server.port), timeout=0.4) as probe:
        async with asyncio.timeout(5):
            finding = await probe.look()
    assert finding.reason in (Reason.TIMEOUT, Reason.OVERLOADED, Reason.REPORTED_BLIND)
    assert SECRET not in repr(finding)


@pytest.mark.parametrize("kind", ASKS)
async def test_cancelled_look_raises_and_leaves_nothing_open(kind: str) -> None:
    """Cancelling a look raises CancelledError through it and closes its connection, before the probe is closed."""
    async with Server(stall).running() as server, probing(kind, OPTIONS[kind](server.port), timeout=60.0) as probe:
        task = asyncio.create_task(probe.look())
        await server.wait_open(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await server.wait_open(0)


@every_kind
@pytest.mark.parametrize("handler", [drop, drop_after_request, garble, flood])
async def test_misbehaving_server_is_a_finding_without_secrets(kind: str, handler: Any) -> None:
    """A server that drops, garbles or floods gives a finding, never an exception, and never a secret."""
    async with Server(handler).running() as server:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            async with probing(kind, OPTIONS[kind](server.port)) as probe:
                async with asyncio.timeout(10):
                    findings = [await probe.look(), await probe.look()]
            await server.wait_open(0)
            gc.collect()
    for finding in findings:
        assert isinstance(finding, Finding)
        assert SECRET not in repr(finding)


@every_kind
async def test_secrets_do_not_print(kind: str) -> None:
    """Neither the options nor the probe shows a password, a token or a header when printed."""
    options = PROBES[kind].options.model_validate(OPTIONS[kind](5432))
    probe = make(kind, OPTIONS[kind](5432))
    for text in (repr(options), str(options), options.model_dump_json(fallback=repr), repr(probe), str(probe)):
        assert SECRET not in text
    await probe.close()


@every_kind
async def test_close_is_safe_at_any_time(kind: str) -> None:
    """A probe may be closed before its first look and twice."""
    probe = make(kind, OPTIONS[kind](5432))
    await probe.close()
    await probe.close()


@pytest.mark.parametrize("kind", ["http", "llm", "prometheus"])
@pytest.mark.parametrize("url", ["ftp://host/", "127.0.0.1:80", "http://", "http://host:port/", ""])
def test_url_that_is_not_http_is_a_mistake_that_does_not_repeat_it(kind: str, url: str) -> None:
    """A wrong address is refused with a message that shows a right one and not the wrong one."""
    with pytest.raises(ValueError, match="expected an address such as") as caught:
        PROBES[kind].options.model_validate({"url": url})
    assert caught.value.errors()[0]["type"] == "policy_secret"  # type: ignore[attr-defined]


def test_durations_of_options_are_seconds() -> None:
    """An option that is a duration arrives in seconds, however the policy wrote it."""
    options = PROBES["http"].options.model_validate({"url": "http://127.0.0.1/", "slow_after": "750ms"})
    assert options.slow_after == parse_duration("750ms") == 0.75  # type: ignore[attr-defined]
