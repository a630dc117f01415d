"""The command probe with real commands: what their ends mean, and that nothing of them stays."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
import uvloop

from nemo_watchdog.model import Finding, Outcome, Reason
from nemo_watchdog.probes import PROBES
from nemo_watchdog.probes.command import CommandOptions
from nemo_watchdog.probes.shared.subprocess import Runner
from tests.unit.probes.making import make, probing

SECRET = "hunter2-very-secret"
STUBBORN = "trap '' TERM; sleep 300 & echo $$ > group.new; mv group.new group; wait; sleep 300"
"""Ignores SIGTERM, starts a grandchild that keeps the pipes open, and tells its group in a file."""


def shell(script: str, **more: Any) -> dict[str, Any]:
    return {"command": ["/bin/sh", "-c", script], **more}


async def look(options: Mapping[str, Any], timeout: float = 10.0) -> Finding:  # noqa: ASYNC109 - handed on
    async with probing("command", options, timeout) as probe:
        return await probe.look()


async def group_in(folder: Path) -> int:
    """The process group that a stubborn command told."""
    async with asyncio.timeout(10):
        while not (folder / "group").exists():
            await asyncio.sleep(0.01)
    return int((folder / "group").read_text())


def running(group: int) -> bool:
    """Whether the group has a process that is no zombie. Field 3 and 5 of /proc/PID/stat, proc(5)."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, its_group = stat.read_text().rpartition(") ")[2].split()[:3]
        except OSError:
            continue
        if int(its_group) == group and state != "Z":
            return True
    return False


async def until_over(group: int) -> None:
    """Nothing of the group runs, and its leader is reaped."""
    async with asyncio.timeout(10):
        while running(group) or Path(f"/proc/{group}").exists():
            await asyncio.sleep(0.01)


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize(
    ("code", "codes", "outcome", "reason"),
    [
        (0, {}, Outcome.OK, None),
        (1, {}, Outcome.FAILED, Reason.REPORTED_FAULT),
        (255, {}, Outcome.FAILED, Reason.REPORTED_FAULT),
        (126, {}, Outcome.FAILED, Reason.REPORTED_BLIND),
        (127, {}, Outcome.FAILED, Reason.REPORTED_BLIND),
        (137, {}, Outcome.FAILED, Reason.REPORTED_BLIND),
        (127, {127: "fault"}, Outcome.FAILED, Reason.REPORTED_FAULT),
        (1, {1: "degraded"}, Outcome.DEGRADED, Reason.REPORTED_BUSY),
        (2, {"2": "busy"}, Outcome.FAILED, Reason.REPORTED_BUSY),
        (3, {3: "integrity"}, Outcome.FAILED, Reason.REPORTED_INTEGRITY),
        (4, {4: "blind"}, Outcome.FAILED, Reason.REPORTED_BLIND),
        (5, {5: "ok"}, Outcome.OK, None),
        (0, {0: "fault"}, Outcome.FAILED, Reason.REPORTED_FAULT),
        (6, {0: "ok", 1: "degraded"}, Outcome.FAILED, Reason.REPORTED_FAULT),
    ],
)
async def test_exit_codes(code: int, codes: Mapping[Any, str], outcome: Outcome, reason: Reason | None) -> None:
    """Zero is well and everything else a fault, but for the codes of a shell, and for what the policy says."""
    finding = await look(shell(f"echo seven rows; exit {code}", exit_codes=codes))
    assert (finding.outcome, finding.reason) == (outcome, reason)
    assert finding.detail == ("seven rows" if outcome is Outcome.OK else f"exit code {code}: seven rows")


@pytest.mark.parametrize(
    ("script", "detail"),
    [
        ("printf '\\n  \\nfirst\\nsecond\\n'", "first"),
        ("echo trouble >&2", "trouble"),
        ("echo trouble >&2; echo good", "good"),
        ("printf '\\033[31mred\\033[0m \\033]0;title\\007\\tand\\001 bell\\007'", "red and bell"),
        ("printf 'a\\342\\200\\256b \\377'", "a b \N{REPLACEMENT CHARACTER}"),
        ("printf '%0300d' 0", "0" * 199 + "…"),
        ("echo token=$TOKEN", "token=***"),
        ("printf '%0190d%s' 0 $TOKEN", "0" * 190 + "***"),
        (":", ""),
    ],
)
async def test_the_first_line_is_for_people(script: str, detail: str) -> None:
    """It is bounded, has no control characters or terminal sequences, and no value of the environment."""
    finding = await look(shell(script, environment={"TOKEN": SECRET}))
    assert (finding.outcome, finding.detail) == (Outcome.OK, detail)


async def test_no_shell_and_no_inherited_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Arguments arrive as they are, and the environment is what the policy says, and PATH."""
    monkeypatch.setenv("NEMO_SECRET", SECRET)
    runner = Runner()
    ended = await runner.run(["printf", "%s|", "$HOME", "a b", ";id"], {}, "/", 10.0)
    assert (ended.code, ended.stdout) == (0, b"$HOME|a b|;id|")
    ended = await runner.run(["env"], {"ONE": "1"}, "/", 10.0)
    assert set(ended.stdout.decode().splitlines()) == {f"PATH={os.environ['PATH']}", "ONE=1"}
    await runner.close()


async def test_working_directory(tmp_path: Path) -> None:
    """The command runs where the policy says, and in the root otherwise."""
    assert (await look(shell("pwd", working_directory=str(tmp_path)))).detail == str(tmp_path)
    assert (await look(shell("pwd"))).detail == "/"


async def test_a_hung_command_is_blind_and_its_whole_group_is_killed(tmp_path: Path) -> None:
    """Neither an ignored SIGTERM nor a grandchild survives the deadline; the probe looks again as if nothing was."""
    before = open_files()
    async with probing("command", shell(STUBBORN, working_directory=str(tmp_path)), timeout=2.0) as probe:
        began = monotonic()
        finding = await probe.look()
        assert monotonic() - began > 1.7
        again = await probe.look()
        await until_over(await group_in(tmp_path))
    for each in (finding, again):
        assert (each.outcome, each.reason) == (Outcome.FAILED, Reason.REPORTED_BLIND)
        assert each.detail == "the command did not end within 1.8s and was killed"
    assert open_files() == before


async def test_cancelling_a_look_kills_the_whole_group(tmp_path: Path) -> None:
    """A look that the runtime cancels leaves no process, no zombie and no file descriptor."""
    before = open_files()
    async with probing("command", shell(STUBBORN, working_directory=str(tmp_path)), timeout=60.0) as probe:
        task = asyncio.create_task(probe.look())
        group = await group_in(tmp_path)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until_over(group)
    assert open_files() == before


async def test_closing_right_after_a_cancelled_look_still_reaps(tmp_path: Path) -> None:
    """When close returns the child is reaped: the event loop may end at once."""
    probe = make("command", shell(STUBBORN, working_directory=str(tmp_path)), timeout=60.0)
    task = asyncio.create_task(probe.look())
    group = await group_in(tmp_path)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await probe.close()
    assert not Path(f"/proc/{group}").exists()


async def test_a_grandchild_that_keeps_the_pipe_open_holds_up_nothing(tmp_path: Path) -> None:
    """The check's own end counts; what it left in its group is killed."""
    began = monotonic()
    script = "sleep 300 & echo $$ > group; echo done"
    finding = await look(shell(script, working_directory=str(tmp_path)), timeout=60.0)
    assert monotonic() - began < 10.0
    assert (finding.outcome, finding.detail) == (Outcome.OK, "done")
    await until_over(await group_in(tmp_path))


async def test_much_output_is_read_and_endless_output_is_stopped() -> None:
    """A talkative check gets its verdict; one that never stops writing is killed long before the deadline."""
    finding = await look(shell("head -c 900000 /dev/zero; exit 3"), timeout=60.0)
    assert (finding.reason, finding.detail) == (Reason.REPORTED_FAULT, "exit code 3")
    began = monotonic()
    finding = await look(shell("yes"), timeout=60.0)
    assert monotonic() - began < 10.0
    assert finding.reason is Reason.REPORTED_BLIND
    assert "1048576 bytes" in finding.detail


async def test_what_cannot_run_is_blind(tmp_path: Path) -> None:
    """No such program, no right to execute it, no program at all, no interpreter, no such folder: nothing was seen."""
    plain, blank, orphan = (tmp_path / name for name in ("plain", "blank", "orphan"))
    for path, text in ((plain, "#!/bin/sh\n"), (blank, "echo hello\n"), (orphan, "#!/no/interpreter\n")):
        path.write_text(text)
        path.chmod(0o644 if path == plain else 0o755)
    before = open_files()
    for command, reason, folder in (
        ("/no/such/command", Reason.WRONG_TARGET, "/"),
        ("no-such-command", Reason.WRONG_TARGET, "/"),
        (str(plain), Reason.PERMISSION_DENIED, "/"),
        (str(blank), Reason.WRONG_TARGET, "/"),
        (str(orphan), Reason.WRONG_TARGET, "/"),
        (f"{plain}/below", Reason.WRONG_TARGET, "/"),
        ("/bin/true", Reason.WRONG_TARGET, "/no/such/folder"),
    ):
        finding = await look({"command": [command, SECRET], "working_directory": folder})
        assert (finding.outcome, finding.reason) == (Outcome.FAILED, reason), command
        assert SECRET not in finding.detail
        assert command not in finding.detail
    assert open_files() == before


async def test_a_killed_command_is_blind() -> None:
    """A check that the kernel or a person killed has not told anything."""
    finding = await look(shell("kill -KILL $$"))
    assert (finding.outcome, finding.reason) == (Outcome.FAILED, Reason.REPORTED_BLIND)
    assert finding.detail == "the command was killed by signal 9"


async def test_no_second_command_while_a_killed_one_lives_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What SIGKILL does not end (here: a signal that never arrives) is waited for, and looks stay blind meanwhile."""
    script = "echo x >> starts; while [ ! -e over ]; do sleep 0.02; done"
    with monkeypatch.context() as context:
        context.setattr(os, "killpg", lambda group, number: None)
        async with probing("command", shell(script, working_directory=str(tmp_path)), timeout=0.5) as probe:
            assert "did not end" in (await probe.look()).detail
            for _ in range(3):
                finding = await probe.look()
                assert finding.reason is Reason.REPORTED_BLIND
                assert "of an earlier look" in finding.detail
            assert (tmp_path / "starts").read_text() == "x\n"
            (tmp_path / "over").touch()
            async with asyncio.timeout(10):
                while (await probe.look()).outcome is not Outcome.OK:
                    await asyncio.sleep(0.02)
            assert (tmp_path / "starts").read_text() == "x\nx\n"


async def test_a_kernel_that_reaps_by_itself_does_not_turn_a_failure_into_success(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where the exit code is lost (SIGCHLD ignored), nobody claims that it was zero."""
    real = os.waitpid

    def lost(process: int, options: int) -> tuple[int, int]:
        real(process, options)
        raise ChildProcessError

    monkeypatch.setattr(os, "waitpid", lost)
    finding = await look(shell("exit 1"))
    assert finding.reason is Reason.REPORTED_BLIND


def test_it_works_on_the_event_loop_of_production(tmp_path: Path) -> None:
    """The readers of uvloop see the same descriptors: an end, a deadline, and nothing left."""

    async def both() -> tuple[Finding, Finding]:
        ended = await look(shell("echo hello; exit 1"))
        hung = await look(shell(STUBBORN, working_directory=str(tmp_path)), timeout=2.0)
        await until_over(await group_in(tmp_path))
        return ended, hung

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        ended, hung = runner.run(both())
    assert ended.detail == "exit code 1: hello"
    assert hung.reason is Reason.REPORTED_BLIND


@pytest.mark.parametrize(
    "options",
    [
        {"command": []},
        {"command": [""]},
        {"command": f"check {SECRET}"},
        {"command": ["check", f"{SECRET}\0"]},
        {"command": ["check"], "environment": {"A=B": SECRET}},
        {"command": ["check"], "environment": {"A": f"{SECRET}\0"}},
        {"command": ["check"], "working_directory": "here"},
        {"command": ["check"], "exit_codes": {256: "ok"}},
        {"command": ["check"], "exit_codes": {1: "bad"}},
    ],
)
def test_options_that_are_mistakes(options: Mapping[str, Any]) -> None:
    """A command that could never run is refused when the policy is read."""
    with pytest.raises(ValueError, match=r"expected|hold|Input should|valid"):
        PROBES["command"].options.model_validate(options)


def test_arguments_and_environment_do_not_print() -> None:
    """Neither the options nor the probe shows what may be a secret."""
    options = {"command": ["check", SECRET], "environment": {"TOKEN": SECRET}}
    checked = CommandOptions.model_validate(options)
    for text in (repr(checked), checked.model_dump_json(fallback=repr), repr(make("command", options))):
        assert SECRET not in text
