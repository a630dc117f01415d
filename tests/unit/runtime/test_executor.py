"""The executor: every order gets an answer, whatever the action does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from nemo_watchdog.actions.docker.restart import DockerRestart, RestartOptions
from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine.phases import Phase
from nemo_watchdog.errors import OrderFailed
from nemo_watchdog.model import ActionOutcome, ActionRequest, ActionResult, Target
from nemo_watchdog.ports import Action, ActionContext
from nemo_watchdog.runtime import executor as module
from nemo_watchdog.runtime.executor import Executor
from nemo_watchdog.testing import HANG, RecordingAction
from tests.unit.runtime.shell import Shell, running, until


@pytest.fixture
async def shell() -> AsyncIterator[Shell]:
    """A shell whose writer runs and whose gateway has failed."""
    made = Shell()
    async with running(made.core.write_forever()):
        await made.up()
        made.fail()
        await until(lambda: made.started)
        yield made
    made.core.close()


def executor(shell: Shell, action: Action) -> Executor:
    return Executor({"docker.restart": action}.get, shell.core, shell.watch)


async def restart(shell: Shell) -> None:
    """What was ordered, by the real action on the fake containers."""
    request = replace(shell.started[0], options=RestartOptions())
    await executor(shell, DockerRestart(ActionContext(shell.containers))).run(request)
    await shell.core.written()


def ended(shell: Shell) -> list[dict[str, Any]]:
    return [dict(body) for _, body in shell.memory.replay(shell.clock.now()) if body["type"] == "action_ended"]


async def test_a_restart_is_carried_out_and_answered(shell: Shell) -> None:
    """Docker is asked once, and verification begins."""
    await restart(shell)
    assert shell.containers.orders == [("restart", "c-gateway", 10.0)]
    assert [body["outcome"] for body in ended(shell)] == ["succeeded"]
    (incident,) = shell.core.engine.durable.open()
    assert incident.ladder("gateway").phase is Phase.VERIFYING


async def test_the_container_is_looked_at_before_the_answer(shell: Shell) -> None:
    """The engine judges the attempt by what Docker says about it now."""
    order: list[type[ev.Event]] = []
    tell = shell.core.tell

    def listen(event: ev.Event) -> None:
        order.append(type(event))
        tell(event)

    shell.core.tell = listen  # type: ignore[method-assign]
    await executor(shell, RecordingAction()).run(shell.started[0])
    assert order == [ev.ContainerSeen, ev.ActionFinished]


async def test_an_action_that_raises_is_unknown(shell: Shell) -> None:
    """A bug in an action ends no daemon, and its text, which could hold a secret, is not written."""
    await executor(shell, RecordingAction(RuntimeError("password=hunter2"))).run(shell.started[0])
    await shell.core.written()
    (body,) = ended(shell)
    assert (body["outcome"], body["detail"]) == ("unknown", "the action raised RuntimeError")


async def test_an_action_that_hangs_is_given_up(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """After its own timeout and a margin."""
    monkeypatch.setattr(module, "ANSWER_MARGIN", 0.0)
    await executor(shell, RecordingAction(HANG)).run(replace(shell.started[0], timeout=0.01))
    await shell.core.written()
    (body,) = ended(shell)
    assert (body["outcome"], body["to_verify"]) == ("timed_out", True)


async def test_an_action_that_is_cut_off_is_recorded_as_unknown(shell: Shell) -> None:
    """A stop in the middle counts as spent, with an unknown result."""
    action = RecordingAction(HANG)
    task = asyncio.create_task(executor(shell, action).run(shell.started[0]))
    await until(lambda: action.requests)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    await shell.core.written()
    (body,) = ended(shell)
    assert body["outcome"] == "unknown"


async def test_a_failure_that_docker_told_is_passed_on(shell: Shell) -> None:
    """Its detail is what people read."""
    shell.containers.order_ends = OrderFailed("no such network")
    await restart(shell)
    (body,) = ended(shell)
    assert (body["outcome"], body["detail"], body["to_verify"]) == ("failed", "no such network", False)


async def test_an_unreachable_docker_is_a_failed_action(shell: Shell) -> None:
    """And the look that follows it tells that Docker does not answer."""
    shell.containers.trouble = "no answer"
    await restart(shell)
    (body,) = ended(shell)
    assert (body["outcome"], body["detail"]) == ("refused", "no answer")
    assert shell.metric("docker_reachable") == 0.0


async def test_an_action_that_nobody_knows_is_answered_too(shell: Shell) -> None:
    """A policy that outlived an action must not hold the dependency for ever."""
    unknown: ActionRequest = replace(shell.started[0], action="docker.explode")
    await executor(shell, RecordingAction()).run(unknown)
    await shell.core.written()
    (body,) = ended(shell)
    assert body["detail"] == "there is no action docker.explode"


async def test_a_result_that_is_none_is_a_bug(shell: Shell) -> None:
    """A plugin may not have been checked."""
    await executor(shell, RecordingAction(None)).run(shell.started[0])  # type: ignore[arg-type]
    await shell.core.written()
    (body,) = ended(shell)
    assert (body["outcome"], body["detail"]) == ("unknown", "the action raised TypeError")


async def test_a_cancellation_inside_of_the_action_is_its_bug(shell: Shell) -> None:
    """Nobody stopped the watchdog: something that the action awaited was cancelled."""
    await executor(shell, RecordingAction(asyncio.CancelledError())).run(shell.started[0])
    await shell.core.written()
    (body,) = ended(shell)
    assert (body["outcome"], body["detail"]) == ("unknown", "the action raised CancelledError")


async def test_what_is_no_container_is_not_looked_for_at_docker(shell: Shell) -> None:
    """An action on a file asks Docker nothing."""
    asked = len(shell.containers.inspects)
    await executor(shell, RecordingAction()).run(replace(shell.started[0], target=Target("file", "/srv/flag")))
    assert len(shell.containers.inspects) == asked


async def test_what_an_action_wrote_is_kept_and_does_not_come_to_the_engine(shell: Shell) -> None:
    """The journal has its detail, without a secret, and whoever keeps it has the rest."""
    kept: list[tuple[str, str]] = []
    told: list[ev.Event] = []
    tell = shell.core.tell

    def listen(event: ev.Event) -> None:
        told.append(event)
        tell(event)

    shell.core.tell = listen  # type: ignore[method-assign]
    action = RecordingAction(ActionResult(ActionOutcome.FAILED, "exit code 1: token=hunter2-very-secret", "much\n"))

    def keep(request: ActionRequest, output: str) -> None:
        kept.append((request.action_id, output))

    carrying = Executor({"docker.restart": action}.get, shell.core, shell.watch, after=keep)
    await carrying.run(shell.started[0])
    await shell.core.written()
    assert kept == [(shell.started[0].action_id, "much\n")]
    (finished,) = [event for event in told if isinstance(event, ev.ActionFinished)]
    assert finished.result.output == ""
    (body,) = ended(shell)
    assert body["detail"] == "exit code 1: token=[redacted]"
    assert "much" not in repr(list(shell.memory.replay(shell.clock.now())))
