"""`nemo-watchdog retry`: what is sent, with what right, and what is said."""

from __future__ import annotations

import getpass
from pathlib import Path

import pytest

from tests.unit.cli.calling import TOKEN, Call, StandIn

DECISION = {"gate": "in_flight", "verdict": "wait", "value": "docker.restart is under way", "until": None}
BEGUN = {"dependency": "redis", "incident": "20260105-120000-redis", "decision": DECISION}


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    (tmp_path / "token").write_text(f"{TOKEN}\n", encoding="ascii")
    return tmp_path


def test_a_retry_says_what_comes_of_it(call: Call, daemon: StandIn, state_dir: Path) -> None:
    """With the token of the state directory, and the name of who asks."""
    daemon.body = BEGUN
    result = call("retry", "redis", "--reason", "disk freed", "--listen", daemon.listen, "--state-dir", state_dir)
    assert (result.code, result.err) == (0, "")
    sent = {"dependency": "redis", "reason": "disk freed", "by": getpass.getuser()}
    assert daemon.asked == [("POST", "/api/v1/retry", sent)]
    assert daemon.tokens == [f"Bearer {TOKEN}"]
    assert result.out == "redis begins anew. Now: wait (in_flight): docker.restart is under way.\n"


def test_json_is_the_daemon_s_answer_and_nothing_else(call: Call, daemon: StandIn, state_dir: Path) -> None:
    """For programs."""
    daemon.body = BEGUN
    result = call("retry", "redis", "--json", "--listen", daemon.listen, "--state-dir", state_dir)
    assert result.json() == BEGUN


def test_which_one_must_be_said(call: Call) -> None:
    """There is no retry of everything."""
    assert call("retry").code == 2
