"""A server that was shut down in good order in a container that goes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from nemo_watchdog.model import Category, Finding, LogLine, Reason, RunState
from nemo_watchdog.ports import Probe, ProbeContext
from nemo_watchdog.probes import PROBES
from nemo_watchdog.runtime.clock import SystemClock
from nemo_watchdog.testing.fakes import FakeContainers
from tests.unit.probes.servers import Server, drop, free_port

PG = "2026-11-26 13:07:09.684 UTC [43] "
FAST = [
    PG + "LOG:  received fast shutdown request",
    PG + "LOG:  aborting any active transactions",
    PG + "LOG:  shutting down",
    PG + "LOG:  checkpoint starting: shutdown immediate",
    PG + "LOG:  database system is shut down",
]
IMMEDIATE = [PG + "LOG:  received immediate shutdown request", PG + "LOG:  database system is shut down"]
GAVE_UP = [PG + "LOG:  shutting down due to startup process failure", PG + "LOG:  database system is shut down"]
R = "1:M 26 Nov 2026 13:07:09.631 "
BYE = [R + "# User requested shutdown...", R + "* DB saved on disk", R + "# Redis is now ready to exit, bye bye..."]


def make(kind: str, containers: FakeContainers, port: int | None = None) -> Probe:
    """Where nobody listens, unless a port is given."""
    address = f"127.0.0.1:{port or free_port()}/0"
    given = {"dsn": f"postgresql://u:p@{address}"} if kind == "postgres" else {"url": f"redis://{address}"}
    options = PROBES[kind].options.model_validate(given)
    return PROBES[kind].make(options, ProbeContext("it", 2.0, 10.0, "it", containers))


async def look(
    kind: str,
    said: Sequence[str],
    *,
    later: float = 1.0,
    state: RunState = RunState.RUNNING,
    port: int | None = None,
) -> Finding:
    """With a log of which the lines were written so many seconds after the container was started."""
    containers = FakeContainers(SystemClock(), ["it"])
    status = containers.statuses["it"]
    containers.statuses["it"] = replace(status, state=state)
    assert status.started_at is not None
    at = status.started_at + timedelta(seconds=later)
    containers.logs["it"] = [LogLine(at, line) for line in said]
    probe = make(kind, containers, port)
    try:
        return await probe.look()
    finally:
        await probe.close()


@pytest.mark.parametrize(
    ("kind", "said", "reason"),
    [
        ("postgres", FAST, Reason.SHUTTING_DOWN),
        ("postgres", [*FAST, "server stopped"], Reason.SHUTTING_DOWN),
        ("postgres", [*FAST, PG + "LOG:  starting PostgreSQL 15"], Reason.REFUSED),
        ("postgres", IMMEDIATE, Reason.REFUSED),
        ("postgres", GAVE_UP, Reason.REFUSED),
        ("postgres", FAST[:-1], Reason.REFUSED),
        ("postgres", [], Reason.REFUSED),
        ("redis", BYE, Reason.SHUTTING_DOWN),
        ("redis", BYE[:-1], Reason.REFUSED),
        ("redis", BYE[1:], Reason.REFUSED),
        ("redis", [*BYE, R + "# Server initialized"], Reason.REFUSED),
    ],
)
async def test_who_said_goodbye_was_stopped_by_somebody(kind: str, said: Sequence[str], reason: Reason) -> None:
    """That is busy, for as long as a shutdown may be; who ended otherwise is down."""
    finding = await look(kind, said)
    assert finding.reason is reason
    assert Reason.SHUTTING_DOWN.category is Category.BUSY


@pytest.mark.parametrize(("later", "state"), [(-1.0, RunState.RUNNING), (1.0, RunState.EXITED)])
async def test_another_run_and_an_end_of_the_container_are_other_matters(later: float, state: RunState) -> None:
    """What was said before the container was started is of no server that should be up in it now."""
    assert (await look("postgres", FAST, later=later, state=state)).reason is Reason.REFUSED


@pytest.mark.parametrize(("kind", "said"), [("postgres", FAST), ("redis", BYE)])
async def test_a_proxy_before_it_takes_the_connection_and_drops_it(kind: str, said: Sequence[str]) -> None:
    """As Docker does for a published port, where nobody listens inside."""
    async with Server(drop).running() as server:
        assert (await look(kind, said, port=server.port)).reason is Reason.SHUTTING_DOWN
        assert (await look(kind, said[:-1], port=server.port)).reason is Reason.CONNECTION_LOST


async def test_a_docker_that_does_not_tell_adds_nothing() -> None:
    """The refusal stands."""
    containers = FakeContainers(SystemClock(), ["it"])
    containers.trouble = "no answer"
    assert (await make("redis", containers).look()).reason is Reason.REFUSED
