"""What the tests here ask of a world."""

from __future__ import annotations

from nemo_watchdog.engine import signals
from nemo_watchdog.model import (
    ContainerEvent,
    Gate,
    Reason,
    RunState,
)
from tests.unit.engine.world import World

A_STOP = signals.A_STOP_TAKES.total_seconds()


def gate(world: World, name: str = "gateway") -> Gate:
    decision = world.engine.decision(name, world.now)
    assert decision is not None
    return decision.gate


def held_now(world: World) -> bool:
    return world.engine.durable.hold_on("gateway", "c-gateway", world.now.monotonic) is not None


def reason(world: World) -> Reason | None:
    return world.engine.trackers["gateway"].state.reason


def crashes(world: World, *before: ContainerEvent) -> None:
    past = [*before, world.event("gateway", "die")]
    world.see("gateway", RunState.EXITED, past=past, finished_at=world.utc, exit_code=134)
