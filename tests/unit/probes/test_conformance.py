"""What every probe of the network owes to the runtime, by the checks that authors of plugins use too."""

from __future__ import annotations

from typing import Any

import pytest

from nemo_watchdog.model import Reason
from nemo_watchdog.policy.units import parse_duration
from nemo_watchdog.ports import EvidenceSource
from nemo_watchdog.probes import PROBES
from nemo_watchdog.testing import conformance
from nemo_watchdog.testing.conformance import MISBEHAVIOURS, SILENCES, NetworkProbe
from tests.unit.probes.making import make
from tests.unit.probes.servers import free_port

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
HAVE_EVIDENCE = ["postgres", "redis", "http", "llm"]
TELL_HOW_FAR_IT_CAME = {"http", "llm"}
"""Of an answer that is none they tell what there was of it."""
every_kind = pytest.mark.parametrize("kind", OPTIONS)


def subject(kind: str) -> NetworkProbe:
    return NetworkProbe(PROBES[kind], OPTIONS[kind], secrets=(SECRET,), asks=kind in ASKS)


@pytest.mark.parametrize("kind", PROBES)
def test_options_are_strict(kind: str) -> None:
    """Each entry of the registry names classes that exist, with options that forbid unknown keys and never change."""
    conformance.options_are_strict(PROBES[kind])


def test_every_probe_of_the_network_is_here() -> None:
    """No probe of the registry is forgotten; the one that asks over UDP has the same checks in its own tests."""
    assert set(OPTIONS) | {"command", "dns", "docker", "gpu", "host", "log", "process", "push"} == set(PROBES)


@every_kind
async def test_refused_port_is_refused(kind: str) -> None:
    """A port on which nothing listens is a refusal and no exception; a witness that is gone is blindness."""
    finding = await conformance.refusal_is_a_finding(subject(kind))
    assert finding.reason is (Reason.REPORTED_BLIND if kind == "prometheus" else Reason.REFUSED)


@pytest.mark.parametrize("kind", ASKS)
async def test_silent_server_cannot_hold_a_look_past_its_deadline(kind: str) -> None:
    """A look at a server that accepts and says nothing ends with the caller's deadline, and leaves no connection."""
    await conformance.keeps_the_callers_deadline(subject(kind))


@pytest.mark.parametrize("kind", ["llm", "postgres", "prometheus", "redis"])
async def test_own_deadline_ends_a_look_too(kind: str) -> None:
    """Without the runtime's deadline a look at a silent server still ends near the timeout that the probe was given."""
    finding = await conformance.keeps_its_own_deadline(subject(kind))
    assert finding.reason in (Reason.TIMEOUT, Reason.OVERLOADED, Reason.REPORTED_BLIND)


@pytest.mark.parametrize("kind", ASKS)
async def test_cancelled_look_raises_and_leaves_nothing_open(kind: str) -> None:
    """Cancelling a look raises CancelledError through it and closes its connection, before the probe is closed."""
    await conformance.cancels_cleanly(subject(kind))


@every_kind
@pytest.mark.parametrize("handler", MISBEHAVIOURS)
async def test_misbehaving_server_is_a_finding_without_secrets(kind: str, handler: Any) -> None:
    """A server that drops, garbles or floods gives a finding, never an exception, and never a secret."""
    await conformance.misbehaviour_is_a_finding(subject(kind), handler)


@pytest.mark.parametrize("kind", HAVE_EVIDENCE)
@pytest.mark.parametrize("handler", [*MISBEHAVIOURS, *SILENCES])
async def test_evidence_of_a_misbehaving_server_leaves_nothing_open(kind: str, handler: Any) -> None:
    """Whatever a server does, its evidence is text or missing, without secrets, and can be cancelled."""
    told = await conformance.misbehaviour_ends_evidence(subject(kind), handler)
    assert not told or kind in TELL_HOW_FAR_IT_CAME


@pytest.mark.parametrize("kind", HAVE_EVIDENCE)
async def test_evidence_of_a_refused_port_is_missing(kind: str) -> None:
    """Nobody is there to tell; at each await the question can be cancelled."""
    options = OPTIONS[kind](free_port())
    told = await conformance.evidence_is_text(PROBES[kind], options, [SECRET])
    assert not told or kind in TELL_HOW_FAR_IT_CAME
    await conformance.cancels_wherever_it_is(PROBES[kind], options)


def test_the_probes_with_evidence_are_these() -> None:
    """No other has any, and none of these has lost it."""
    with_some = {kind for kind in OPTIONS if isinstance(make(kind, OPTIONS[kind](1)), EvidenceSource)}
    assert with_some == set(HAVE_EVIDENCE)


@every_kind
async def test_secrets_do_not_print(kind: str) -> None:
    """Neither the options nor the probe shows a password, a token or a header when printed."""
    await conformance.secrets_do_not_print(PROBES[kind], OPTIONS[kind](5432), [SECRET])


@every_kind
async def test_close_is_safe_at_any_time(kind: str) -> None:
    """A probe may be closed before its first look and twice."""
    await conformance.closes_at_any_time(PROBES[kind], OPTIONS[kind](5432))


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
