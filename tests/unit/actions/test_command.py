"""`command` with real programs: what their ends mean, what they get, what is kept, and that nothing of them stays."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
import uvloop

from nemo_watchdog.actions.command import ENVIRONMENT, KIND, MOST_OUTPUT, CommandOptions
from nemo_watchdog.actions.written import LONGEST_KEPT
from nemo_watchdog.model import ActionOutcome, ActionRequest, ActionResult, Category, Target
from nemo_watchdog.ports import ActionContext, Subject
from nemo_watchdog.redaction.redactor import Redactor
from nemo_watchdog.testing import FakeContainers, ManualClock
from tests.unit.probes.test_command_probe import STUBBORN, group_in, open_files, shell, until_over

SECRET = "hunter2-very-secret"


def request_for(options: Mapping[str, Any], within: float = 30.0) -> ActionRequest:
    checked = CommandOptions.model_validate(options)
    target = Target("command", KIND.target(checked, Subject("gateway")))
    return ActionRequest("a-1", "i-1", "gateway", "command", target, checked, None, within, "SEV1", "http_status")


async def run(
    options: Mapping[str, Any], within: float = 30.0, redact: Callable[[str], str] = lambda text: text
) -> ActionResult:
    context = ActionContext(FakeContainers(ManualClock()), redact=redact)
    return await KIND.make(context).run(request_for(options, within))


@pytest.mark.parametrize(
    ("code", "outcomes", "outcome"),
    [
        (0, {}, ActionOutcome.SUCCEEDED),
        (1, {}, ActionOutcome.FAILED),
        (75, {}, ActionOutcome.FAILED),
        (127, {}, ActionOutcome.FAILED),
        (75, {75: "refused"}, ActionOutcome.REFUSED),
        (124, {"124": "timed_out"}, ActionOutcome.TIMED_OUT),
        (3, {3: "unknown"}, ActionOutcome.UNKNOWN),
        (0, {0: "failed"}, ActionOutcome.FAILED),
        (0, {75: "refused"}, ActionOutcome.SUCCEEDED),
        (2, {75: "refused"}, ActionOutcome.FAILED),
    ],
)
async def test_the_exit_code_is_the_outcome(code: int, outcomes: Mapping[Any, str], outcome: ActionOutcome) -> None:
    """Zero is success and any other a failure, but for what the policy says; the last line is told with it."""
    result = await run(shell(f"echo one; echo two >&2; echo; exit {code}", outcomes=outcomes))
    assert result == ActionResult(outcome, f"exit code {code}: two", "one\ntwo\n\n")


async def test_one_that_says_nothing_is_told_by_its_code() -> None:
    """There is no empty rest behind it, and nothing to keep."""
    assert await run({"command": ["true"]}) == ActionResult(ActionOutcome.SUCCEEDED, "exit code 0")


async def test_a_signal_is_a_failure_that_is_said() -> None:
    """Nobody knows how far it had come."""
    result = await run(shell("echo half; kill -KILL $$"))
    assert result == ActionResult(ActionOutcome.FAILED, "killed by signal 9: half", "half\n")


async def test_it_gets_what_it_is_for_and_nothing_of_the_daemon(monkeypatch: pytest.MonkeyPatch) -> None:
    """No shell looks at its arguments; its environment is fixed, its input is empty, and it has no file of ours."""
    monkeypatch.setenv("NEMO_SECRET", SECRET)
    monkeypatch.setenv("PATH", f"/nowhere:{os.environ['PATH']}")
    result = await run({"command": ["printf", "%s|", "$HOME", "a b", ";id"]})
    assert result.output == "$HOME|a b|;id|"
    result = await run({"command": ["env"], "target": "the queue"})
    assert set(result.output.splitlines()) == {
        *(f"{name}={value}" for name, value in ENVIRONMENT.items()),
        "NEMO_WATCHDOG_ACTION_ID=a-1",
        "NEMO_WATCHDOG_INCIDENT=i-1",
        "NEMO_WATCHDOG_DEPENDENCY=gateway",
        "NEMO_WATCHDOG_TARGET=the queue",
        "NEMO_WATCHDOG_SEVERITY=SEV1",
        "NEMO_WATCHDOG_REASON=http_status",
    }
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    try:
        result = await run(shell("readlink /proc/self/fd/0; cat; for each in /proc/$$/fd/*; do echo ${each##*/}; done"))
    finally:
        os.close(reading)
        os.close(writing)
    assert result.output.split()[0] == "/dev/null"
    assert not {str(reading), str(writing)} & set(result.output.split()[1:])


async def test_it_runs_in_the_root_or_where_the_policy_says(tmp_path: Path) -> None:
    """Not where the daemon was started."""
    assert (await run(shell("pwd"))).output == "/\n"
    assert (await run(shell("pwd", directory=str(tmp_path)))).output == f"{tmp_path}\n"


async def test_one_that_hears_sigterm_may_tidy_up() -> None:
    """Of its time the last `stop_within` is for that, at most half of it; it is late all the same."""
    began = monotonic()
    script = "trap 'echo tidied; exit 0' TERM; echo at work; while :; do sleep 0.05; done"
    result = await run(shell(script, stop_within="5s"), within=6.0)
    assert monotonic() - began < 5.5
    assert result.outcome is ActionOutcome.TIMED_OUT
    assert result.detail == "did not end within 3s and was stopped: tidied"
    said = result.output.splitlines()
    assert (said[0], said[-1]) == ("at work", "tidied")


async def test_one_that_ignores_sigterm_is_killed_with_its_children(tmp_path: Path) -> None:
    """Within the time of the whole call, and with nothing left of it."""
    before, began = open_files(), monotonic()
    result = await run(shell(f"echo begun; {STUBBORN}", directory=str(tmp_path), stop_within="500ms"), within=1.5)
    assert monotonic() - began < 4.0
    await until_over(await group_in(tmp_path))
    assert result == ActionResult(ActionOutcome.TIMED_OUT, "did not end within 1s and was killed: begun", "begun\n")
    assert open_files() == before


async def test_what_it_leaves_in_its_group_is_killed_when_it_ends(tmp_path: Path) -> None:
    """A grandchild that keeps the output open holds up nothing, and does not outlive it."""
    began = monotonic()
    result = await run(shell("sleep 300 & echo $$ > group; echo done", directory=str(tmp_path)))
    assert monotonic() - began < 10.0
    assert (result.outcome, result.output) == (ActionOutcome.SUCCEEDED, "done\n")
    await until_over(await group_in(tmp_path))


async def test_a_cancelled_one_is_ended_as_well(tmp_path: Path) -> None:
    """The daemon stops: no process, no zombie and no file stays behind."""
    before = open_files()
    task = asyncio.create_task(run(shell(STUBBORN, directory=str(tmp_path), stop_within="200ms")))
    group = await group_in(tmp_path)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not Path(f"/proc/{group}").exists()
    await until_over(group)
    assert open_files() == before


async def test_a_cancelled_one_may_tidy_up_too(tmp_path: Path) -> None:
    """SIGTERM comes first then as well."""
    script = (
        "trap 'echo x > tidied; exit 0' TERM; echo $$ > group.new; mv group.new group; while :; do sleep 0.05; done"
    )
    task = asyncio.create_task(run(shell(script, directory=str(tmp_path), stop_within="5s")))
    await group_in(tmp_path)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (tmp_path / "tidied").exists()


async def test_one_that_cannot_be_killed_is_said_to_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What SIGKILL does not end (here: a signal that never arrives) may still do what it was to do."""
    script = "echo $$ > group.new; mv group.new group; while [ ! -e over ]; do sleep 0.02; done"
    with monkeypatch.context() as context:
        context.setattr(os, "killpg", lambda group, number: None)
        result = await run(shell(script, directory=str(tmp_path), stop_within="100ms"), within=0.4)
        assert result == ActionResult(ActionOutcome.TIMED_OUT, "did not end within 300ms, was killed and still runs")
        (tmp_path / "over").touch()
        await until_over(await group_in(tmp_path))


async def test_a_kernel_that_reaps_by_itself_makes_it_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the exit code is lost (SIGCHLD ignored), nobody claims that it was zero."""
    real = os.waitpid

    def lost(process: int, options: int) -> tuple[int, int]:
        real(process, options)
        raise ChildProcessError

    monkeypatch.setattr(os, "waitpid", lost)
    assert (await run({"command": ["false"]})).outcome is ActionOutcome.UNKNOWN


async def test_the_end_of_much_output_is_kept_and_endless_output_is_stopped() -> None:
    """What came last explains most; one that never stops writing is killed long before its time is over."""
    result = await run(shell("head -c 900000 /dev/zero | tr '\\0' 'x'; echo; echo last; exit 3"))
    assert (result.outcome, result.detail) == (ActionOutcome.FAILED, "exit code 3: last")
    assert (len(result.output), result.output[-7:]) == (LONGEST_KEPT, "x\nlast\n")
    began = monotonic()
    result = await run({"command": ["yes"]}, within=60.0)
    assert monotonic() - began < 30.0
    assert result.outcome is ActionOutcome.FAILED
    assert result.detail == f"wrote more than {MOST_OUTPUT} bytes and was killed: y"


async def test_one_that_closes_its_output_is_still_waited_for() -> None:
    """Its exit code counts, and not the end of what it says."""
    result = await run(shell("echo said; exec >&- 2>&-; sleep 0.2; exit 4"))
    assert result == ActionResult(ActionOutcome.FAILED, "exit code 4: said", "said\n")


async def test_what_is_no_text_is_told_on_one_line() -> None:
    """Bytes of no encoding, control characters and terminal sequences reach nobody's terminal by the detail."""
    result = await run(shell("printf '\\377\\001 \\033[31mred\\033[0m\\a end\\n'"))
    assert result.detail == "exit code 0: \N{REPLACEMENT CHARACTER} red end"
    assert result.output.startswith("\N{REPLACEMENT CHARACTER}\x01")


async def test_a_secret_is_taken_out_before_anything_is_cut() -> None:
    """Neither the detail's end nor the output's beginning has half of one."""
    redact = Redactor([SECRET]).text
    result = await run(shell(f"printf '%0180d{SECRET}\\n' 0"), redact=redact)
    assert result.detail == f"exit code 0: {'0' * 180}[redacted]"
    fill = LONGEST_KEPT - len(SECRET) // 2 - 1
    result = await run(shell(f"printf {SECRET}; head -c {fill} /dev/zero | tr '\\0' ' '; echo"), redact=redact)
    for half in (SECRET[: len(SECRET) // 2], SECRET[len(SECRET) // 2 :]):
        assert half not in result.output + result.detail


async def test_what_cannot_run_was_not_ordered(tmp_path: Path) -> None:
    """No such program, no right to execute it, no such folder: refused, in words that repeat no argument."""
    plain = tmp_path / "plain"
    plain.write_text("#!/bin/sh\n")
    plain.chmod(0o644)
    before = open_files()
    for command, folder in (
        ("/no/such/command", "/"),
        ("no-such-command", "/"),
        (str(plain), "/"),
        ("true", "/no/such"),
    ):
        options = {"command": [command, SECRET], "directory": folder}
        result = await run(options)
        assert result.outcome is ActionOutcome.REFUSED, command
        assert result.detail.startswith("nothing was started: the ")
        assert SECRET not in result.detail
        assert command not in result.detail
        lacks = KIND.lacks(CommandOptions.model_validate(options))
        assert lacks
        assert SECRET not in lacks
    assert open_files() == before


def test_nothing_is_lacking_where_it_can_run(tmp_path: Path) -> None:
    """By a name in the fixed PATH, by a path, and by one that begins where it runs."""
    own = tmp_path / "own"
    own.write_text("#!/bin/sh\n")
    own.chmod(0o755)
    for options in ({"command": ["sh"]}, {"command": [str(own)]}, {"command": ["./own"], "directory": str(tmp_path)}):
        assert KIND.lacks(CommandOptions.model_validate(options)) == ""


def test_it_works_on_the_event_loop_of_production(tmp_path: Path) -> None:
    """The readers of uvloop see the same descriptors: an end, a deadline, and nothing left."""

    async def both() -> tuple[ActionResult, ActionResult]:
        ended = await run(shell("echo hello; exit 1"))
        hung = await run(shell(STUBBORN, directory=str(tmp_path), stop_within="200ms"), within=1.0)
        await until_over(await group_in(tmp_path))
        return ended, hung

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        ended, hung = runner.run(both())
    assert ended == ActionResult(ActionOutcome.FAILED, "exit code 1: hello", "hello\n")
    assert hung.outcome is ActionOutcome.TIMED_OUT


@pytest.mark.parametrize(
    "options",
    [
        {"command": []},
        {"command": f"restart {SECRET}"},
        {"command": ["x", f"{SECRET}\0"]},
        {"command": ["x"], "directory": "here"},
        {"command": ["x"], "outcomes": {256: "failed"}},
        {"command": ["x"], "outcomes": {1: "well"}},
        {"command": ["x"], "stop_within": "1m"},
        {"command": ["x"], "target": "two\nlines"},
        {"command": ["x"], "target": " "},
    ],
)
def test_options_that_are_mistakes(options: Mapping[str, Any]) -> None:
    """A command that could never run is refused when the policy is read."""
    with pytest.raises(ValueError, match=r"expected|hold|Input should"):
        CommandOptions.model_validate(options)


def test_it_acts_on_the_dependency_unless_the_policy_names_something() -> None:
    """Two dependencies with one remedy have two targets, and helps with what is busy as well."""
    assert KIND.target(CommandOptions.model_validate({"command": ["x"]}), Subject("gateway")) == "gateway"
    named = CommandOptions.model_validate({"command": ["x"], "target": "the queue"})
    assert KIND.target(named, Subject("gateway")) == "the queue"
    assert KIND.helps == {Category.FAULT, Category.BUSY}
    assert KIND.destroys
    assert KIND.may_take(CommandOptions.model_validate({"command": ["x"], "stop_within": "3s"})) == 3.0
