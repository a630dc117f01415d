"""`nemo-watchdog silence` and `maintenance`: what is sent, with what right, and what is said."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.calling import TOKEN, Call, StandIn

ONE: dict[str, Any] = {
    "id": "20260105-120000-silence",
    "dependencies": ["gateway"],
    "tags": ["core"],
    "since": "2026-01-05T12:00:00+00:00",
    "until": "2026-01-05T14:00:00+00:00",
    "reason": "moving racks",
    "by": "alice",
}
BOTH = pytest.mark.parametrize(
    ("command", "path"), [("silence", "/api/v1/silences"), ("maintenance", "/api/v1/maintenance")]
)


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    (tmp_path / "token").write_text(f"{TOKEN}\n", encoding="ascii")
    return tmp_path


@BOTH
def test_it_is_begun_with_all_that_was_said(
    call: Call, daemon: StandIn, state_dir: Path, command: str, path: str
) -> None:
    """With the token of the state directory, the name of who asks, and how it is ended."""
    daemon.body = ONE
    where = ("--listen", daemon.listen, "--state-dir", state_dir)
    scope = ("--dependency", "gateway", "--dependency", "redis", "--tag", "core")
    result = call(command, *scope, "--for", "2h", "--reason", "moving racks", *where)
    assert (result.code, result.err) == (0, "")
    sent = {"dependencies": ["gateway", "redis"], "tags": ["core"], "reason": "moving racks", "for": 7200.0}
    assert daemon.asked == [("POST", path, {**sent, "by": getpass.getuser()})]
    assert daemon.tokens == [f"Bearer {TOKEN}"]
    assert "gateway, what has the tag core: " in result.out
    assert f"`nemo-watchdog {command} end 20260105-120000-silence` ends it before." in result.out


def test_maintenance_is_announced_in_words_for_users(call: Call, daemon: StandIn, state_dir: Path) -> None:
    daemon.body = ONE
    told = ("--for", "2h", "--reason", "moving racks", "--public", "Chat may be slow")
    result = call("maintenance", *told, "--listen", daemon.listen, "--state-dir", state_dir)
    assert (result.code, result.err) == (0, "")
    assert daemon.asked[0][2]["public"] == "Chat may be slow"


@BOTH
def test_without_names_everything_is_meant(
    call: Call, daemon: StandIn, state_dir: Path, command: str, path: str
) -> None:
    daemon.body = {**ONE, "dependencies": [], "tags": []}
    result = call(command, "--for", "5m", "--reason", "x", "--listen", daemon.listen, "--state-dir", state_dir)
    ((_, _, sent),) = daemon.asked
    assert (sent["dependencies"], sent["tags"]) == ([], [])
    assert result.out.startswith("everything: ")


@BOTH
@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--reason", "x"), "say for how long: --for 2h"),
        (("--for", "2h"), "say why: --reason TEXT"),
        (("--for", "long", "--reason", "x"), "--for long"),
    ],
)
def test_what_is_missing_is_said(
    call: Call, daemon: StandIn, command: str, path: str, given: tuple[str, ...], said: str
) -> None:
    """Nothing is sent: what has no end is forgotten, and what has no reason is not understood at night."""
    result = call(command, *given, "--listen", daemon.listen)
    assert result.code == 2
    assert said in result.err
    assert daemon.asked == []


@BOTH
def test_those_that_hold_are_listed(call: Call, daemon: StandIn, command: str, path: str) -> None:
    """A window of the policy by its name; what others wrote is no command to a terminal."""
    planned = {**ONE, "id": "20260105-030000-backup", "tags": [], "by": "", "reason": "backup", "window": "backup"}
    told = {**ONE, "public": "Chat may be slow"}
    daemon.body = {"quiet": [{**ONE, "reason": "moving \x1b[2J racks"}, planned, told]}
    result = call(command, "list", "--listen", daemon.listen)
    assert daemon.asked[0][:2] == ("GET", path)
    first, second, third = result.out.splitlines()
    assert first.startswith("20260105-120000-silence  gateway, what has the tag core until 2026-01-05T14:00:00+00:00, ")
    assert "by alice: moving " in first
    assert "\x1b" not in first
    assert second.endswith("the policy plans it as backup")
    assert third.endswith("; users read: Chat may be slow")


@BOTH
def test_one_is_ended(call: Call, daemon: StandIn, state_dir: Path, command: str, path: str) -> None:
    """Whatever was typed stays one part of the path."""
    daemon.body = {"quiet": []}
    result = call(command, "end", "a/b", "--listen", daemon.listen, "--state-dir", state_dir)
    assert daemon.asked == [("POST", f"{path}/a%2Fb/end", {"by": getpass.getuser()})]
    assert result.out == ("Nothing is silenced.\n" if command == "silence" else "Nothing is worked on.\n")


@BOTH
def test_programs_get_json(call: Call, daemon: StandIn, state_dir: Path, command: str, path: str) -> None:
    where = ("--listen", daemon.listen, "--state-dir", state_dir, "--json")
    daemon.body = ONE
    assert call(command, "--for", "2h", "--reason", "x", *where).json() == ONE
    daemon.body = {"quiet": [ONE]}
    assert call(command, "list", "--listen", daemon.listen, "--json").json() == {"quiet": [ONE]}
    assert call(command, "end", "x", *where).json() == {"quiet": [ONE]}
