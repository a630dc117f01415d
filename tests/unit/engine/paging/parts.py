"""Outages on a clock that the test moves, and what people get of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from nemo_watchdog.model import Notification, Reason
from nemo_watchdog.policy.people import NextInLine, Telling
from nemo_watchdog.policy.policy import Policy
from tests.unit.engine.world import World, dependency, policy

GROUP_WAIT, HEAL_QUIETLY, SETTLE = 10.0, 60.0, 120.0
TELLING = Telling(GROUP_WAIT, HEAL_QUIETLY, SETTLE)
LINE = (NextInLine("lead", 900.0), NextInLine("cto", 600.0))


def plan(*names: str, needs: Iterable[str] = (), grace: float = 0.0, **more: Any) -> Policy:
    """The last of them needs those."""
    *others, last = names
    specs = [dependency(name, grace=grace, **more) for name in others]
    return replace(policy(*specs, dependency(last, grace=grace, needs=tuple(needs), **more)), telling=TELLING)


def in_line(made: Policy, *, remind_every: float | None = None) -> Policy:
    """Who is told while nobody answers."""
    severities = {
        severity: replace(spec, notify=("on-call",), escalate=LINE, remind_every=remind_every)
        for severity, spec in made.severities.items()
    }
    return replace(made, severities=severities)


def kinds(world: World) -> list[str]:
    return [str(each.kind) for each in world.messages]


def to(message: Notification) -> str:
    return ", ".join(message.contacts)


def stay_ill(world: World, seconds: float, *names: str, every: float = 10.0) -> None:
    """Looks go on and fail; what is ordered is done at once, and does not help."""
    end = world.monotonic + seconds
    while world.monotonic < end:
        world.wait(every)
        while world.pending:
            world.finish()
        for name in names:
            world.fail(name, Reason.TIMEOUT, times=1)
