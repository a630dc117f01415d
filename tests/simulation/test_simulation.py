"""A few days of the whole daemon as part of every test run, and that they are the same days every time."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from nemo_watchdog.engine.gates import order
from nemo_watchdog.model import Decision, Gate, Verdict
from tests.simulation.__main__ import ORDER_OF_SETS, main
from tests.simulation.rules import Rule, When
from tests.simulation.simulate import REAL_JOURNAL_EVERY, simulate
from tests.simulation.virtual_time import BEGINS, Disk, NothingComes, VirtualClock, VirtualLoop, run
from tests.simulation.world import World

ROOT = Path(__file__).parents[2]


def test_a_few_days() -> None:
    """The last of them with the real journal. What fails here is played again by the command that it prints."""
    environment = {name: value for name, value in os.environ.items() if name != ORDER_OF_SETS}
    days = ("--first", str(REAL_JOURNAL_EVERY - 3), "--seeds", "3", "--hours", "16", "--jobs", "1")
    command = [sys.executable, "-m", "tests.simulation", *days]
    told = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout + told.stderr
    assert "3 seeds of 16 h" in told.stdout
    assert re.findall(r"^ +0  (\w+)$", told.stdout, re.MULTILINE) == []


@pytest.mark.parametrize("seed", [3, REAL_JOURNAL_EVERY - 1])
def test_the_same_seed_is_the_same_day(seed: int) -> None:
    once, again = simulate(seed, 8.0), simulate(seed, 8.0)
    assert once == again
    assert once.digest != simulate(seed + 1, 8.0).digest


def test_a_broken_rule_is_told_with_what_plays_it_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lazy = Decision(Verdict.REFUSE, Gate.REMEDY, "it is lazy")
    monkeypatch.setattr(order, "GATES", (lambda situation: lazy,))
    assert main(["--seeds", "2", "--jobs", "1", "--hours", "12"]) == 1
    told = capsys.readouterr().out
    found = re.search(r"BROKEN seed (\d+) at [\d. :]+: what_a_restart_cures_is_healed_in_time is broken: \w+", told)
    assert found is not None, told
    assert f"python -m tests.simulation --seed {found[1]} --hours 12" in told
    assert main(["--seed", found[1], "--hours", "12"]) == 1
    assert found[0] in capsys.readouterr().out


@pytest.mark.parametrize("when", When)
def test_a_rule_of_ones_own_is_asked(when: When) -> None:
    """Also one that fails itself: the daemon does not swallow it."""

    def holds(world: World, subject: object) -> str:
        raise LookupError(type(world).__name__)

    broken = simulate(1, 6.0, rules=[Rule("own", when, "", holds)]).broken
    assert broken is not None
    assert (broken.rule, broken.how) == ("own", "it cannot be asked: LookupError('World')")


# -- time


@pytest.fixture
def loop() -> VirtualLoop:
    return VirtualLoop()


def disk(loop: VirtualLoop, *, well: bool = True) -> Disk:
    loop.disk = Disk(loop, lambda: 0.25, lambda: well)
    return loop.disk


def test_time_jumps_to_what_is_due(loop: VirtualLoop) -> None:
    clock = VirtualClock(loop)
    began = clock.now()

    async def work() -> list[float]:
        due = [asyncio.create_task(asyncio.sleep(seconds, seconds)) for seconds in (86400.0, 0.1, 3600.0)]
        first, _ = await asyncio.wait(due, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.gather(*due)
        return [task.result() for task in first]

    assert run(loop, work()) == [0.1]
    assert loop.time() == BEGINS + 86400.0
    assert (clock.now().utc - began.utc).total_seconds() == 86400.0


def test_a_wait_for_ever_is_no_wait(loop: VirtualLoop) -> None:
    async def work() -> None:
        with pytest.raises(NothingComes):
            loop.idle()

    run(loop, work())


def test_the_disk_does_one_thing_after_the_other(loop: VirtualLoop) -> None:
    disk(loop)
    done: list[tuple[str, float]] = []

    def call(name: str) -> Callable[[], None]:
        return lambda: done.append((name, loop.time() - BEGINS))

    def fail() -> None:
        raise LookupError

    async def work() -> None:
        first, second, third = (loop.run_in_executor(None, each) for each in (call("first"), fail, call("third")))
        await asyncio.wait({first, second, third})
        with pytest.raises(LookupError):
            second.result()

    run(loop, work())
    assert done == [("first", 0.25), ("third", 0.75)]


@pytest.mark.parametrize("reached", [True, False])
def test_of_what_a_killed_process_ordered_the_disk_may_have_done_one_thing(loop: VirtualLoop, *, reached: bool) -> None:
    done: list[str] = []

    async def work() -> None:
        made = disk(loop, well=reached)
        waits = [loop.run_in_executor(None, done.append, name) for name in ("first", "second")]
        await asyncio.sleep(0.1)
        made.kill()
        await asyncio.sleep(1.0)
        assert all(each.done() for each in waits)

    run(loop, work())
    assert done == ["first"] * reached
