"""How every gate stood is kept with each decision, and nothing else waits for it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import datetime

import pytest
from structlog.testing import capture_logs

from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine.gates.order import GATES
from nemo_watchdog.errors import ArchiveError
from nemo_watchdog.policy.policy import Limits
from nemo_watchdog.records import DecisionMade
from nemo_watchdog.runtime import gate_recorder as module
from nemo_watchdog.runtime.gate_recorder import GateRecorder
from tests.unit.engine.world import dependency, policy
from tests.unit.runtime.shell import Shell, running, settled, until


class Kept:
    """An archive's `keep_gates` as a coroutine; `trouble` makes it fail, without `may` it hangs."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, datetime, str]] = []
        self.asked = 0
        self.trouble: Exception | None = None
        self.may = asyncio.Event()
        self.may.set()

    async def keep(self, dependency: str, at: datetime, gates: str) -> None:
        self.asked += 1
        await self.may.wait()
        if self.trouble is not None:
            raise self.trouble
        self.rows.append((dependency, at, gates))


@pytest.fixture
async def shell() -> AsyncIterator[Shell]:
    made = Shell()
    yield made
    made.core.close()


async def held(shell: Shell) -> None:
    """One decision: the gateway is down, and paused."""
    await shell.up()
    shell.core.tell(ev.PauseAsked("*", "deploying", "ops"))
    shell.fail()


def lost(shell: Shell) -> float | None:
    return shell.metric("gates_not_kept_total")


async def test_every_gate_is_kept_with_the_time_of_the_decision(shell: Shell) -> None:
    """As the views have them."""
    kept = Kept()
    recorder = GateRecorder(shell.core, kept.keep, shell.metrics)
    await held(shell)
    decided = shell.clock.now().utc
    async with running(recorder.run()):
        await until(lambda: kept.rows)
    ((name, at, gates),) = kept.rows
    table = json.loads(gates)
    assert (name, at) == ("gateway", decided)
    assert [each["gate"] for each in table] == [gate.__name__ for gate in GATES]
    assert next(each for each in table if each["verdict"] != "open") == {
        "gate": "pause", "verdict": "wait", "value": "ops paused everything: deploying", "until": None,
    }  # fmt: skip
    assert lost(shell) == 0.0


async def test_a_decision_that_stands_no_more_is_not_kept(shell: Shell) -> None:
    """Other gates hold by then: that table would be of another decision."""
    kept = Kept()
    recorder = GateRecorder(shell.core, kept.keep, shell.metrics)
    await held(shell)
    shell.core.after_step.clear()
    shell.core.tell(ev.ResumeAsked("*", "ops"))
    async with running(recorder.run()):
        await settled()
    assert kept.asked == 0


async def test_one_that_the_policy_names_no_more_is_let_go(shell: Shell) -> None:
    kept = Kept()
    recorder = GateRecorder(shell.core, kept.keep, shell.metrics)
    recorder.hear(DecisionMade("i-1", "gone", "wait", "pause", "test"), shell.clock.now())
    await held(shell)
    async with running(recorder.run()):
        await until(lambda: kept.rows)
    assert [name for name, *_ in kept.rows] == ["gateway"]


async def test_an_archive_that_fails_is_counted_and_logged_once(shell: Shell) -> None:
    """And again when it had worked meanwhile. What is decided does not depend on it."""
    kept = Kept()
    kept.trouble = ArchiveError("disk full\x1b[2J")
    recorder = GateRecorder(shell.core, kept.keep, shell.metrics)
    await held(shell)
    decision = DecisionMade("i-1", "gateway", "wait", "pause", "")

    async def once_more() -> None:
        before = kept.asked
        recorder.hear(decision, shell.clock.now())
        await until(lambda: kept.asked > before)
        await settled()

    with capture_logs() as lines:
        async with running(recorder.run()):
            await until(lambda: kept.asked == 1)
            await once_more()
            kept.trouble = None
            await once_more()
            kept.trouble = OSError()
            await once_more()
    warned = [line["error"] for line in lines if line["log_level"] == "warning"]
    assert warned == ["disk full\\x1b[2J", "OSError"]
    assert lost(shell) == 3.0


async def test_an_archive_that_hangs_holds_up_nobody(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it does not take in time is given up, and what waits meanwhile is bounded: the newest of each."""
    monkeypatch.setattr(module, "KEPT_WITHIN", 0.01)
    monkeypatch.setattr(module, "MOST_WAITING", 3)
    kept = Kept()
    kept.may.clear()
    recorder = GateRecorder(shell.core, kept.keep, shell.metrics)
    await held(shell)
    async with running(recorder.run()):
        await until(lambda: lost(shell) == 1.0)
        for number in range(5):
            recorder.hear(DecisionMade("i-1", f"d{number}", "wait", "pause", ""), shell.clock.now())
        assert lost(shell) == 3.0
        kept.may.set()
        shell.core.tell(ev.ResumeAsked("*", "ops"))
        shell.core.tell(ev.PauseAsked("*", "again", "ops"))
        await until(lambda: shell.core.engine.durable.incident_of("gateway"))


async def test_300_decisions_at_once_are_kept_without_holding_up_the_loop() -> None:
    """Everybody has his turn between two of them, of which each takes a quarter of a millisecond."""
    names = [f"d{number}" for number in range(300)]
    shell = Shell(policy(*(dependency(name, grace=0.0) for name in names), limits=Limits(storm=None)))
    kept = Kept()
    recorder = GateRecorder(shell.core, kept.keep, shell.metrics)
    shell.core.tell(ev.Started())
    shell.core.tell(ev.PauseAsked("*", "deploying", "ops"))
    for container in [spec.container for spec in shell.policy.dependencies.values() if spec.container]:
        await shell.watch.look(container)
    for name in names:
        shell.observe(name, times=3)
        shell.fail(name)
        await asyncio.sleep(0)
    at_once = 0
    async with running(recorder.run()):
        while len({name for name, *_ in kept.rows}) < len(names):
            before = kept.asked
            await asyncio.sleep(0)
            at_once = max(at_once, kept.asked - before)
    assert at_once == 1
    assert len(kept.rows) == len(names)
    assert lost(shell) == 0.0
    shell.core.close()
