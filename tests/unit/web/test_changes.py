"""What counts as a change of what pages show, and what does not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from nemo_watchdog.engine import events as ev
from nemo_watchdog.model import Reason, RunState
from nemo_watchdog.runtime.reloads import PolicyStatus
from nemo_watchdog.runtime.troubles import Trouble
from nemo_watchdog.web.changes import LOOK_EVERY, OLDEST, Changes
from tests.unit.runtime.shell import Shell, running, settled

STATUS = PolicyStatus(0.0)


@pytest.fixture
async def shell() -> AsyncIterator[Shell]:
    """With everything up, and written."""
    made = Shell()
    await made.up()
    yield made
    made.core.close()


def changes_of(shell: Shell, policy: PolicyStatus = STATUS) -> Changes:
    return Changes(shell.core, lambda: policy)


async def test_looks_that_find_the_same_are_no_change(shell: Shell) -> None:
    """However many: a thousand dependencies are looked at more than a hundred times a second."""
    changes = changes_of(shell)
    version = changes.version()
    shell.observe(times=10)
    assert changes.version() == version


async def test_a_fault_is_one_at_once(shell: Shell) -> None:
    """Before the disk has it."""
    changes = changes_of(shell)
    version = changes.version()
    shell.fail()
    assert changes.version() != version


async def test_what_has_reached_the_disk_is_another(shell: Shell) -> None:
    """What is read from there, such as a timeline, was older until then."""
    async with running(shell.core.write_forever()):
        await shell.core.written()
        changes = changes_of(shell)
        shell.core.tell(ev.PauseAsked("*", "deploying", "alice"))
        told = changes.version()
        await shell.core.written()
        await settled()
        assert changes.version() != told


async def test_a_heartbeat_is_none(shell: Shell) -> None:
    """Neither when it comes nor when it is written: each job sends one for each of its runs."""
    async with running(shell.core.write_forever()):
        await shell.core.written()
        changes = changes_of(shell)
        version = changes.version()
        shell.core.tell(ev.HeartbeatCame("gateway", well=True, said="done"))
        await shell.core.written()
        await settled()
        assert changes.version() == version


@pytest.mark.parametrize("what", ["trouble", "reload", "reason", "container"])
async def test_what_nobody_tells_is_found(shell: Shell, what: str) -> None:
    """Within a second, and once."""
    policy = PolicyStatus(0.0)
    changes = changes_of(shell, policy)
    version = changes.version()
    tracker = shell.core.engine.trackers["gateway"]
    match what:
        case "trouble":
            shell.core.troubles.found(Trouble.DOCKER, "no answer")
        case "reload":
            policy.problems = ("line 3: no such probe",)
        case "reason":
            tracker.state = replace(tracker.state, reason=Reason.TIMEOUT)
        case "container":
            assert tracker.container is not None
            tracker.container = replace(tracker.container, state=RunState.PAUSED)
    shell.manual.advance(LOOK_EVERY)
    found = changes.version()
    assert found != version
    shell.manual.advance(LOOK_EVERY)
    assert changes.version() == found


async def test_no_version_is_old(shell: Shell) -> None:
    """Words such as `until` change with the clock."""
    changes = changes_of(shell)
    version = changes.version()
    shell.manual.advance(OLDEST - 1.0)
    assert changes.version() == version
    shell.manual.advance(1.0)
    assert changes.version() != version


async def test_each_process_has_its_own(shell: Shell) -> None:
    """A page that was open during a restart asks again."""
    assert changes_of(shell).version() != changes_of(shell).version()


async def test_who_waits_is_told_at_once(shell: Shell) -> None:
    """Everybody who waits."""
    changes = changes_of(shell)
    version = changes.version()
    waiting = [asyncio.create_task(changes.after(version)) for _ in range(3)]
    await settled()
    assert not any(each.done() for each in waiting)
    changes.count()
    await settled()
    assert {each.result() for each in waiting} == {changes.version()}
    assert changes.version() != version


async def test_who_asks_for_what_is_over_does_not_wait(shell: Shell) -> None:
    """It has missed something."""
    changes = changes_of(shell)
    version = changes.version()
    changes.count()
    asked = asyncio.create_task(changes.after(version))
    await settled()
    assert asked.result() != version
