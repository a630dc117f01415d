"""`nemo-watchdog test-notify`: what is sent, what each address answered, and the exit code."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.calling import TOKEN, Call, StandIn

TITLE = "[SEV4] Test: nothing is wrong"


def answered(*took: bool) -> dict[str, Any]:
    return {
        "contact": "on-call",
        "title": TITLE,
        "ok": all(took),
        "answers": [
            {
                "contact": "on-call",
                "address": number,
                "of": len(took),
                "service": "apprise",
                "delivered": each,
                "detail": "" if each else "it said \x1b[2J no",
            }
            for number, each in enumerate(took, start=1)
        ],
    }


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    (tmp_path / "token").write_text(f"{TOKEN}\n", encoding="ascii")
    return tmp_path


def test_it_says_what_each_address_answered(call: Call, daemon: StandIn, state_dir: Path) -> None:
    """Exit code 1 where one did not take it; what others wrote is no command to the terminal."""
    daemon.body = answered(True, False)
    result = call("test-notify", "on-call", "--listen", daemon.listen, "--state-dir", state_dir)
    assert (result.code, result.out.splitlines()) == (
        1,
        [
            "on-call, address 1 of 2 (apprise) took it",
            "on-call, address 2 of 2 (apprise) did not take it: it said \\x1b[2J no",
        ],
    )
    assert daemon.asked == [("POST", "/api/v1/contacts/on-call/test", {"by": getpass.getuser()})]
    assert daemon.tokens == [f"Bearer {TOKEN}"]


def test_where_all_took_it_a_person_looks_whether_it_came(call: Call, daemon: StandIn, state_dir: Path) -> None:
    daemon.body = answered(True)
    result = call("test-notify", "on-call", "--listen", daemon.listen, "--state-dir", state_dir)
    assert (result.code, result.out.splitlines()[-1]) == (0, f"Did it arrive? Its title is: {TITLE}")


def test_json_is_the_daemon_s_answer_and_nothing_else(call: Call, daemon: StandIn, state_dir: Path) -> None:
    daemon.body = answered(False)
    result = call("test-notify", "on/call", "--json", "--listen", daemon.listen, "--state-dir", state_dir)
    assert (result.code, result.json()) == (1, answered(False) | {"answers": result.json()["answers"]})
    assert [path for _, path, _ in daemon.asked] == ["/api/v1/contacts/on%2Fcall/test"]


def test_a_contact_must_be_named(call: Call) -> None:
    assert call("test-notify").code == 2
