"""`nemo-watchdog approve`, `reject`, `act`: what is sent, with what right, and what is said."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.calling import TOKEN, Call, StandIn

SAID = "i/redis/p1, docker.restart of app-redis; it may take 1m: ada approved it, and it was done"
VIEW: dict[str, Any] = {
    "id": "i/redis/p1",
    "dependency": "redis",
    "step": "docker.restart",
    "action": "docker.restart",
    "target": "app-redis",
    "what": "docker.restart of app-redis; it may take 1m",
    "at": "2026-01-05T12:00:00+00:00",
    "until": "2026-01-05T13:00:00+00:00",
    "state": "done",
    "by": "ada",
    "said": SAID,
}
ME = getpass.getuser()


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    (tmp_path / "token").write_text(f"{TOKEN}\n", encoding="ascii")
    return tmp_path


@pytest.mark.parametrize(
    ("command", "path", "sent"),
    [
        (("approve", "i/redis/p1"), "/api/v1/proposals/approve", {"proposal": "i/redis/p1", "by": ME}),
        (("approve", "p", "--by", "ada"), "/api/v1/proposals/approve", {"proposal": "p", "by": "ada"}),
        (
            ("reject", "p", "--reason", "it drains"),
            "/api/v1/proposals/reject",
            {"proposal": "p", "reason": "it drains", "by": ME},
        ),
        (
            ("reject", "p", "--reason", "it drains", "--for", "2h"),
            "/api/v1/proposals/reject",
            {"proposal": "p", "reason": "it drains", "by": ME, "for": 7200.0},
        ),
        (("act", "redis"), "/api/v1/dependencies/redis/act", {"by": ME}),
        (
            ("act", "re/dis", "--step", "hard", "--override", "backoff", "--override", "budget", "--reason", "seen"),
            "/api/v1/dependencies/re%2Fdis/act",
            {"by": ME, "step": "hard", "override": ["backoff", "budget"], "reason": "seen"},
        ),
    ],
)
def test_what_is_ordered_is_sent_with_who_it_is(
    call: Call, daemon: StandIn, state_dir: Path, command: tuple[str, ...], path: str, sent: dict[str, Any]
) -> None:
    """With the token of the state directory; what becomes of it is said."""
    daemon.body = VIEW
    result = call(*command, "--listen", daemon.listen, "--state-dir", state_dir)
    assert (result.code, result.err) == (0, "")
    assert daemon.asked == [("POST", path, sent)]
    assert daemon.tokens == [f"Bearer {TOKEN}"]
    assert result.out == f"{SAID}.\n"


def test_json_is_the_daemon_s_answer_and_nothing_else(call: Call, daemon: StandIn, state_dir: Path) -> None:
    """For programs."""
    daemon.body = VIEW
    result = call("approve", "p", "--json", "--listen", daemon.listen, "--state-dir", state_dir)
    assert result.json() == VIEW


@pytest.mark.parametrize(
    "command", [("approve",), ("reject", "p"), ("act",), ("reject", "p", "--reason", "r", "--for", "soon")]
)
def test_what_is_missing_is_said(call: Call, command: tuple[str, ...]) -> None:
    """There is no approval of everything, and no rejection without a reason."""
    assert call(*command).code == 2
