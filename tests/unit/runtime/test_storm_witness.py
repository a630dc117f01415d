"""Another way to what gives no answer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest

from nemo_watchdog.engine import events as ev
from nemo_watchdog.model import ContainerStatus, Reason, RunState, Way, failed
from nemo_watchdog.runtime.storm_witness import StormWitness, takes_connections
from nemo_watchdog.testing.servers import Server, drop, free_port, stall
from tests.unit.engine.storm.parts import many, plan
from tests.unit.runtime.shell import Shell

PUBLISHED, OWN = ("127.0.0.1", 8000), ("172.18.0.2", 80)


async def seen_with(taken: Iterable[tuple[str, int]]) -> tuple[str | None, str]:
    """The reason and detail that six have which fail together, where these addresses take connections."""

    async def takes(address: tuple[str, int]) -> bool:
        return address in set(taken)

    shell = Shell(plan(*many(6)))
    await shell.up()
    witness, asked = StormWitness(shell.core, takes), list[str]()
    shell.core.on_ask_witness = asked.extend
    for name in shell.policy.dependencies:
        container = f"c-{name}"
        status = shell.containers.statuses[container]
        told = ContainerStatus(RunState.RUNNING, status.container_id, status.started_at, ways=(Way(PUBLISHED, OWN),))
        shell.core.tell(ev.ContainerSeen(container, told))
    for _ in range(3):
        for name in shell.policy.dependencies:
            shell.observe(name, failed(Reason.TIMEOUT, "no answer within 3s"))
    assert sorted(asked) == [f"d{number}" for number in range(6)]
    await witness.ask("d0")
    state = shell.core.engine.trackers["d0"].state
    return state.reason, state.detail


async def test_what_takes_connections_at_its_own_address_alone_is_cut_off_from_here() -> None:
    reason, detail = await seen_with([OWN])
    assert reason is Reason.UNREACHABLE_FROM_HERE
    assert detail.endswith("it takes connections at its own address 172.18.0.2:80, and none at 127.0.0.1:8000")


@pytest.mark.parametrize("taken", [[], [PUBLISHED], [OWN, PUBLISHED]], ids=["neither", "published", "both"])
async def test_what_hangs_takes_connections_on_both_ways_or_on_none(taken: list[tuple[str, int]]) -> None:
    """The kernel takes them for a process that is stopped: that says nothing about the way."""
    reason, _ = await seen_with(taken)
    assert reason is Reason.TIMEOUT


async def test_who_is_not_watched_any_more_is_not_asked_for() -> None:
    shell = Shell(plan(*many(6)))
    await StormWitness(shell.core).ask("gone")


async def test_a_connection_counts_when_it_is_kept() -> None:
    """Docker's proxy takes one for a container that does not, and drops it at once."""
    async with Server(stall).running() as kept, Server(drop).running() as dropped:
        assert await takes_connections(("127.0.0.1", kept.port))
        assert not await takes_connections(("127.0.0.1", dropped.port))
    assert not await takes_connections(("127.0.0.1", free_port()))


async def test_an_address_that_never_answers_takes_none(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr("nemo_watchdog.runtime.storm_witness.WITHIN", 0.01)
    monkeypatch.setattr("asyncio.open_connection", never)
    assert not await takes_connections(("127.0.0.1", 1))
