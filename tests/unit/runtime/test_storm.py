"""Three hundred that fail and come back, through the real core: one incident, a few messages, and a log for people."""

from __future__ import annotations

import asyncio
import random

import pytest
from structlog.testing import capture_logs

from nemo_watchdog.engine import events as ev
from nemo_watchdog.model import Finding, Health, Moment, Observation, Reason, failed, ok
from nemo_watchdog.runtime.record_log import OWN_LINES, WINDOW
from tests.unit.engine.storm.parts import many, plan
from tests.unit.runtime.shell import Shell, running

MANY = 300
CONFIRM, INTERVAL = 1.0, 10.0
BAD = failed(Reason.REFUSED, "nothing listens there (ECONNREFUSED)")


class Looks:
    """The looks at all of them on a moved clock: each at its own place of the interval, and sooner when asked."""

    def __init__(self, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
        places, began = random.Random(7), shell.clock.now().monotonic  # noqa: S311 - the same places in every run
        self.shell = shell
        self.due = {name: began + places.random() * INTERVAL for name in shell.policy.dependencies}
        self.wake_at: float | None = None
        shell.core.on_probe_soon = self._soon
        monkeypatch.setattr(shell.core, "_wake_at", self._wake)

    def _soon(self, name: str) -> None:
        self.due[name] = min(self.due[name], self.shell.clock.now().monotonic)

    def _wake(self, at: float | None, _now: Moment) -> None:
        if at is not None:
            self.wake_at = at if self.wake_at is None else min(at, self.wake_at)

    async def find(self, finding: Finding, seconds: float) -> None:
        """Every look of that time finds this."""
        shell = self.shell
        end = shell.clock.now().monotonic + seconds
        while shell.clock.now().monotonic < end:
            shell.manual.advance(0.05)
            now = shell.clock.now()
            for name in [name for name, due in self.due.items() if due <= now.monotonic]:
                shell.core.tell(ev.Observed(name, Observation(finding, 0.001, now)))
                stable = shell.core.engine.trackers[name].stable
                self.due[name] = now.monotonic + (INTERVAL if stable else CONFIRM)
                await asyncio.sleep(0)
            if self.wake_at is not None and self.wake_at <= now.monotonic:
                self.wake_at = None
                shell.core.tell(ev.Tick())
            await shell.core.written()
            await asyncio.sleep(0)  # the line above lets nobody else run while nothing is to be written


async def test_three_hundred_that_fail_and_come_back_are_one_incident_and_three_messages(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They were 300 incidents, 600 messages and 1,801 lines of the log. The journal keeps every fact all the same."""
    shell = Shell(plan(*many(MANY)))
    with capture_logs() as lines:
        async with running(shell.core.write_forever()):
            await shell.up()
            await shell.core.written()
            shell.core._log.flush()
            began = len(lines)
            looks = Looks(shell, monkeypatch)
            await looks.find(BAD, 40.0)
            assert len(shell.core.engine.durable.open()) == 1
            await looks.find(ok(), 40.0)
            shell.core._log.flush()
    assert all(tracker.state.health is Health.UP for tracker in shell.core.engine.trackers.values())
    assert not shell.core.engine.durable.open()
    assert not shell.started
    types = shell.memory.types()
    assert types.count("incident_opened") == 1
    assert types.count("member_joined") == MANY - 1
    assert types.count("member_recovered") == MANY
    for contact in ("on-call", "lead"):
        told = [key for who, key, _ in shell.memory.outbox() if who == contact]
        assert 2 <= len(told) <= 3, told
    assert len(lines) - began <= 400
    assert sum(line.get("count", 1) for line in lines[began:] if line["event"] == "member_recovered") == MANY


async def test_the_first_have_lines_of_their_own_and_the_others_one() -> None:
    """With ten dependencies or fewer every record has its line."""
    shell = Shell(plan(*many(OWN_LINES + 5)))
    with capture_logs() as lines:
        async with running(shell.core.write_forever()):
            await shell.up()
            await shell.core.written()
            of_one = [line for line in lines if line["event"] == "health_changed"]
            shell.manual.advance(WINDOW)
            shell.core._log.flush()
    assert [line["dependency"] for line in of_one] == [f"d{number}" for number in range(OWN_LINES)]
    together = [line for line in lines if line["event"] == "health_changed" and "count" in line]
    assert [(line["count"], line["dependencies"]) for line in together] == [(5, [f"d{n}" for n in range(10, 15)])]


async def test_what_waits_for_its_line_is_written_at_the_stop() -> None:
    shell = Shell(plan(*many(OWN_LINES + 2)))
    with capture_logs() as lines:
        async with running(shell.core.write_forever()):
            await shell.up()
            await shell.core.stop(5.0)
    assert [line["count"] for line in lines if line["event"] == "health_changed" and "count" in line] == [2]
