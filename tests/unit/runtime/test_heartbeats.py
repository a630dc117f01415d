"""Heartbeats: the latest exactly, on disk now and then, and there again after a restart."""

from __future__ import annotations

from nemo_watchdog.engine.engine import Engine
from nemo_watchdog.engine.replay import rebuild
from nemo_watchdog.ports import Heartbeat
from nemo_watchdog.runtime.core import Core
from nemo_watchdog.runtime.heartbeats import WRITE_EVERY, Heartbeats
from tests.unit.runtime.shell import Shell


def written(shell: Shell) -> int:
    """How many went to the writer."""
    return sum(record.TYPE == "heartbeat_heard" for batch in queued(shell) for record in batch.records)


def queued(shell: Shell) -> list:  # type: ignore[type-arg]
    return list(shell.core._queue._queue)  # type: ignore[attr-defined]


async def test_the_latest_counts_and_a_look_follows() -> None:
    """A heartbeat is there at once, and its dependency is looked at soon."""
    shell = Shell()
    poked: list[str] = []
    shell.core.on_probe_soon = poked.append
    heartbeats = Heartbeats(shell.core)
    assert heartbeats.last("gateway") is None
    heartbeats.hear("gateway", well=True, said="done")
    assert heartbeats.last("gateway") == Heartbeat(heartbeats.now(), well=True, said="done")
    assert poked == ["gateway"]


async def test_one_every_second_is_not_written_every_second() -> None:
    """Once a minute while all is well; at once when it changes."""
    shell = Shell()
    heartbeats = Heartbeats(shell.core)
    for _ in range(int(WRITE_EVERY) + 1):
        heartbeats.hear("gateway", well=True, said="")
        shell.manual.advance(1.0)
    assert written(shell) == 2
    assert heartbeats.now() - heartbeats.last("gateway").at == 1.0  # type: ignore[union-attr]
    heartbeats.hear("gateway", well=False, said="no space")
    assert written(shell) == 3


async def test_an_unknown_dependency_is_not_written() -> None:
    """The policy may have dropped it a moment ago."""
    shell = Shell()
    Heartbeats(shell.core).hear("nobody", well=True, said="")
    assert queued(shell) == []


async def test_after_a_restart_the_last_one_is_known() -> None:
    """As late as it may have come unwritten, and never later than our start."""
    shell = Shell()
    Heartbeats(shell.core).hear("gateway", well=False, said="no space")
    came = shell.manual.now()
    bodies = [(came, record.body()) for batch in queued(shell) for record in batch.records]
    for away, expected in ((5.0, 5.0), (1000.0, WRITE_EVERY)):
        shell.manual.advance(came.monotonic + away - shell.manual.now().monotonic)
        core = Core(Engine(shell.policy, rebuild(bodies)), shell.memory, shell.manual, shell.metrics)
        again = Heartbeats(core)
        assert again.last("gateway") == Heartbeat(came.monotonic + expected, well=False, said="no space")
        assert again.listening_since == shell.manual.now().monotonic
