"""`nemo-watchdog pause` and `resume`: what is sent, with what right, and what is said."""

from __future__ import annotations

import getpass
from pathlib import Path

import pytest

from tests.unit.cli.calling import TOKEN, Call, StandIn

HELD = {"pauses": {"*": {"reason": "deploying", "by": "ops", "until": "2026-01-05T12:30:00+00:00"}}}


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    (tmp_path / "token").write_text(f"{TOKEN}\n", encoding="ascii")
    return tmp_path


def test_pause_holds_everything_and_says_until_when(call: Call, daemon: StandIn, state_dir: Path) -> None:
    """With the token of the state directory, and the name of who asks."""
    daemon.body = HELD
    result = call("pause", "--reason", "deploying", "--for", "30m", "--listen", daemon.listen, "--state-dir", state_dir)
    assert (result.code, result.err) == (0, "")
    sent = {"scope": "*", "reason": "deploying", "by": getpass.getuser(), "duration": 1800.0}
    assert daemon.asked == [("POST", "/api/v1/pause", sent)]
    assert daemon.tokens == [f"Bearer {TOKEN}"]
    assert result.out == (
        "Every dependency is paused until 2026-01-05T12:30:00+00:00, by ops: deploying. Watching goes on.\n"
    )


def test_pause_of_one_dependency_without_an_end(call: Call, daemon: StandIn, state_dir: Path) -> None:
    """No duration is sent, and the answer says how it ends."""
    daemon.body = {"pauses": {"redis": {"reason": "paused by hand", "by": "ops", "until": None}}}
    result = call("pause", "redis", "--listen", daemon.listen, "--state-dir", state_dir)
    assert result.code == 0
    ((_, _, sent),) = daemon.asked
    assert (sent["scope"], "duration" in sent) == ("redis", False)
    assert "redis is paused until somebody resumes it" in result.out


def test_a_pause_that_stands_beside_another_is_said(call: Call, daemon: StandIn, state_dir: Path) -> None:
    """Who ordered a shorter one learns that the other holds on."""
    beside = [{"reason": "quick deploy", "by": "bob", "until": "2026-01-05T12:30:00+00:00"}]
    daemon.body = {"pauses": {"redis": {"reason": "migration", "by": "alice", "until": None, "beside": beside}}}
    result = call("pause", "redis", "--for", "5s", "--listen", daemon.listen, "--state-dir", state_dir)
    assert result.out.splitlines() == [
        "redis is paused until somebody resumes it, by alice: migration. Watching goes on.",
        "  Also until 2026-01-05T12:30:00+00:00, by bob: quick deploy. `nemo-watchdog resume` ends all of them.",
    ]


def test_resume_says_that_nothing_is_paused(call: Call, daemon: StandIn, state_dir: Path) -> None:
    """The same words for everybody."""
    daemon.body = {"pauses": {}}
    result = call("resume", "--listen", daemon.listen, "--state-dir", state_dir)
    assert result.code == 0
    assert daemon.asked[0][:2] == ("POST", "/api/v1/resume")
    assert result.out == "Nothing is paused: the watchdog acts as the policy allows.\n"


@pytest.mark.parametrize("command", ["pause", "resume"])
def test_json_is_the_daemon_s_answer_and_nothing_else(
    call: Call, daemon: StandIn, state_dir: Path, command: str
) -> None:
    """For programs."""
    daemon.body = HELD
    result = call(command, "--json", "--listen", daemon.listen, "--state-dir", state_dir)
    assert result.code == 0
    assert result.json() == HELD


@pytest.mark.parametrize("given", ["soon", "30", "-5m", "0.5"])
def test_a_duration_that_is_none_is_2_and_nothing_is_sent(
    call: Call, daemon: StandIn, state_dir: Path, given: str
) -> None:
    """The message says what would be right."""
    result = call("pause", f"--for={given}", "--listen", daemon.listen, "--state-dir", state_dir)
    assert result.code == 2
    assert f"--for {given}:" in result.err
    assert daemon.asked == []


@pytest.mark.parametrize("command", ["pause", "resume"])
def test_without_the_token_file_it_is_3_and_nothing_is_sent(
    call: Call, daemon: StandIn, tmp_path: Path, command: str
) -> None:
    """Whose user to be, or which directory to give."""
    result = call(command, "--listen", daemon.listen, "--state-dir", tmp_path)
    assert result.code == 3
    assert "cannot read the daemon's token" in result.err
    assert "--state-dir" in result.err
    assert daemon.asked == []


def test_a_token_file_that_is_none_is_3(call: Call, daemon: StandIn, tmp_path: Path) -> None:
    """Not a traceback."""
    (tmp_path / "token").write_bytes(b"\xff\xfe")
    assert call("pause", "--listen", daemon.listen, "--state-dir", tmp_path).code == 3


def test_nobody_there_is_3(call: Call, nobody: str, state_dir: Path) -> None:
    """The pause does not hold, and the exit code says so."""
    result = call("pause", "--listen", nobody, "--state-dir", state_dir)
    assert result.code == 3
    assert "no daemon answers" in result.err


def test_an_answer_that_tells_no_pauses_is_3(call: Call, daemon: StandIn, state_dir: Path) -> None:
    """Whoever asked must not believe that it holds."""
    daemon.body = {"paused": True}
    result = call("pause", "--listen", daemon.listen, "--state-dir", state_dir)
    assert (result.code, result.out) == (3, "")
    assert "pauses: Field required" in result.err
    assert "of an unknown version" in result.err


@pytest.mark.parametrize("code", [404, 503])
def test_a_refusal_is_1_with_the_daemon_s_words(call: Call, daemon: StandIn, state_dir: Path, code: int) -> None:
    """An unknown dependency, a full disk."""
    daemon.code = code
    daemon.body = {"type": "about:blank", "title": "No", "status": code, "detail": "there is no dependency gatway"}
    result = call("pause", "gatway", "--listen", daemon.listen, "--state-dir", state_dir)
    assert result.code == 1
    assert result.err == "the daemon refused: there is no dependency gatway\n"
