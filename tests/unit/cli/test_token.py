"""`nemo-watchdog token`, and the token that every command brings where it has one."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Any

import pytest

from nemo_watchdog.cli.client import VARIABLE
from tests.unit.cli.calling import TOKEN, Call, StandIn

SECRET = "nwd_secret"
GRAFANA: dict[str, Any] = {
    "id": "0a1b2c3d",
    "name": "grafana",
    "right": "read",
    "made": "2026-11-27T12:00:00+00:00",
    "by": "ops",
}
DEPLOYS = GRAFANA | {"id": "11223344", "name": "deploys", "right": "operate"}


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    (tmp_path / "token").write_text(f"{TOKEN}\n", encoding="ascii")
    return tmp_path


def problem(status: int, detail: str) -> dict[str, Any]:
    return {"type": "about:blank", "title": "No", "status": status, "detail": detail}


def test_a_token_is_all_that_is_printed_for_a_program(call: Call, daemon: StandIn, state_dir: Path) -> None:
    """What a person should know of it stands beside, and how it is ended."""
    daemon.body = {"token": GRAFANA, "secret": SECRET}
    result = call("token", "make", "grafana", "--listen", daemon.listen, "--state-dir", state_dir)
    assert (result.code, result.out) == (0, f"{SECRET}\n")
    assert daemon.asked == [("POST", "/api/v1/tokens", {"name": "grafana", "right": "read", "by": getpass.getuser()})]
    assert daemon.tokens == [f"Bearer {TOKEN}"]
    assert "the token of grafana, to read. It is shown this once" in result.err
    assert "nemo-watchdog token revoke 0a1b2c3d" in result.err
    assert SECRET not in result.err


def test_the_right_is_sent_as_it_was_given(call: Call, daemon: StandIn, state_dir: Path) -> None:
    daemon.body = {"token": DEPLOYS, "secret": SECRET}
    given = ("--right", "operate", "--listen", daemon.listen, "--state-dir", state_dir)
    assert call("token", "make", "deploys", *given).code == 0
    ((_, _, sent),) = daemon.asked
    assert sent["right"] == "operate"
    assert call("token", "make", "x", "--right", "admin", "--listen", daemon.listen).code == 2


def test_those_that_are_good_are_listed_with_the_daemon_s_own_token(
    call: Call, daemon: StandIn, state_dir: Path
) -> None:
    """The list is for who may operate."""
    daemon.body = {"tokens": [GRAFANA, DEPLOYS]}
    result = call("token", "list", "--listen", daemon.listen, "--state-dir", state_dir)
    assert (daemon.asked, daemon.tokens) == ([("GET", "/api/v1/tokens", None)], [f"Bearer {TOKEN}"])
    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines() == [
        "0a1b2c3d  read     grafana (made 2026-11-27T12:00:00+00:00 by ops)",
        "11223344  operate  deploys (made 2026-11-27T12:00:00+00:00 by ops)",
    ]
    daemon.body = {"tokens": []}
    assert (
        "nemo-watchdog token make NAME"
        in call("token", "list", "--listen", daemon.listen, "--state-dir", state_dir).out
    )


def test_one_is_revoked_by_its_id(call: Call, daemon: StandIn, state_dir: Path) -> None:
    """Whatever was typed stays one part of the path."""
    daemon.body = {"tokens": [DEPLOYS]}
    result = call("token", "revoke", "0a/../1b", "--listen", daemon.listen, "--state-dir", state_dir)
    assert daemon.asked == [("POST", "/api/v1/tokens/0a%2F..%2F1b/revoke", {"by": getpass.getuser()})]
    assert result.code == 0
    assert "signed out" in result.out
    assert "11223344" in result.out


@pytest.mark.parametrize("command", [("make", "grafana"), ("list",), ("revoke", "x")])
def test_json_is_the_daemon_s_answer(call: Call, daemon: StandIn, state_dir: Path, command: tuple[str, ...]) -> None:
    daemon.body = {"token": GRAFANA, "secret": SECRET, "tokens": [GRAFANA]}
    result = call("token", *command, "--json", "--listen", daemon.listen, "--state-dir", state_dir)
    assert (result.code, result.err, result.json()) == (0, "", daemon.body)


# -- the token of the environment


def test_reading_brings_the_token_of_the_environment_and_no_other(
    call: Call, daemon: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where reading is open nobody needs one."""
    daemon.body = {"rotas": {}}
    call("oncall", "--listen", daemon.listen)
    monkeypatch.setenv(VARIABLE, "")
    call("oncall", "--listen", daemon.listen)
    monkeypatch.setenv(VARIABLE, f" {SECRET}\n")
    call("oncall", "--listen", daemon.listen)
    assert daemon.tokens == [None, None, f"Bearer {SECRET}"]


def test_a_change_brings_it_instead_of_the_daemon_s_own(
    call: Call, daemon: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that who changes something need not be able to read the state directory."""
    monkeypatch.setenv(VARIABLE, SECRET)
    daemon.body = {"tokens": []}
    assert call("token", "list", "--listen", daemon.listen, "--state-dir", tmp_path / "none").code == 0
    assert call("token", "revoke", "x", "--listen", daemon.listen, "--state-dir", tmp_path / "none").code == 0
    assert daemon.tokens == [f"Bearer {SECRET}"] * 2


@pytest.mark.parametrize("given", ["a\nb", "caf\N{LATIN SMALL LETTER E WITH ACUTE}", "a\x1bb"])
def test_what_is_no_token_is_2_and_nothing_is_sent(
    call: Call, daemon: StandIn, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    """It would be a header of its own, or none."""
    monkeypatch.setenv(VARIABLE, given)
    result = call("oncall", "--listen", daemon.listen)
    assert (result.code, daemon.asked) == (2, [])
    assert f"{VARIABLE} is no token" in result.err


def test_a_refusal_for_want_of_a_token_says_where_one_goes(
    call: Call, daemon: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon.code, daemon.body = 401, problem(401, "reading needs a token here")
    result = call("oncall", "--listen", daemon.listen)
    assert result.code == 1
    assert "the daemon refused: reading needs a token here. Give one in NEMO_WATCHDOG_TOKEN" in result.err
    assert "`nemo-watchdog token make NAME`" in result.err
    monkeypatch.setenv(VARIABLE, SECRET)
    result = call("oncall", "--listen", daemon.listen)
    assert "The token of NEMO_WATCHDOG_TOKEN is none of this daemon's, or was revoked" in result.err
    assert SECRET not in result.err


def test_a_refusal_of_a_token_says_which_it_was(
    call: Call, daemon: StandIn, state_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of the environment may be forgotten there, and the file that of another daemon."""
    daemon.code, daemon.body = 401, problem(401, "a change needs the daemon's token")
    given = ("pause", "--reason", "x", "--listen", daemon.listen, "--state-dir", state_dir)
    assert f"The token of {state_dir / 'token'} is none of this daemon's" in call(*given).err
    monkeypatch.setenv(VARIABLE, SECRET)
    daemon.code, daemon.body = 403, problem(403, "the token grafana may only read")
    result = call(*given)
    assert (result.code, result.err) == (
        1,
        "the daemon refused: the token grafana may only read. The token is that of NEMO_WATCHDOG_TOKEN\n",
    )
