"""`nemo-watchdog declare`, `ack`, `resolve` and a note: what is sent, with what right, and what is said."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Any

import pytest

from nemo_watchdog.cli.notes import ROOT_CAUSE, add_note
from nemo_watchdog.cli.output import CommandFailed
from nemo_watchdog.views import NoteView
from tests.unit.cli.calling import TOKEN, Call, StandIn

ID = "20260105-120000-declared"
ME = getpass.getuser()
TAKEN = {"at": "2026-01-05T12:00:00+00:00", "by": ME, "until": "2026-01-05T14:00:00+00:00"}


def stands(**more: Any) -> dict[str, Any]:
    return {"incident": ID, "severity": "SEV2", "open": True, "acknowledged": None, **more}


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    (tmp_path / "token").write_text(f"{TOKEN}\n", encoding="ascii")
    return tmp_path


@pytest.mark.parametrize(
    ("more", "sent"),
    [
        ((), {"severity": "SEV2"}),
        (("--severity", "SEV1", "--dependency", "redis"), {"severity": "SEV1", "dependency": "redis"}),
    ],
)
def test_declare_says_how_it_ends(
    call: Call, daemon: StandIn, state_dir: Path, more: tuple[str, ...], sent: dict[str, str]
) -> None:
    """With the token of the state directory, and the name of who asks."""
    daemon.body, daemon.code = stands(), 201
    result = call("declare", "it is slow", *more, "--listen", daemon.listen, "--state-dir", state_dir)
    assert (result.code, result.err) == (0, "")
    assert daemon.asked == [("POST", "/api/v1/incidents", {"text": "it is slow", "by": ME, **sent})]
    assert daemon.tokens == [f"Bearer {TOKEN}"]
    assert result.out == f"{ID} is open, SEV2. It stays open until `nemo-watchdog resolve {ID} --reason …`.\n"


@pytest.mark.parametrize(
    ("more", "sent", "taken", "said"),
    [
        ((), {}, {**TAKEN, "until": None}, f"{ID} is yours.\n"),
        (("--for", "2h"), {"for": 7200.0}, TAKEN, f"{ID} is yours until 2026-01-05T14:00:00+00:00.\n"),
        ((), {}, None, f"{ID} is yours.\n"),
    ],
)
def test_ack_says_until_when(
    call: Call,
    daemon: StandIn,
    state_dir: Path,
    more: tuple[str, ...],
    sent: dict[str, Any],
    taken: dict[str, Any] | None,
    said: str,
) -> None:
    """Where it has an end."""
    daemon.body = stands(acknowledged=taken)
    result = call("ack", ID, *more, "--listen", daemon.listen, "--state-dir", state_dir)
    assert (result.code, result.out) == (0, said)
    assert daemon.asked == [("POST", f"/api/v1/incidents/{ID}/acknowledge", {"by": ME, **sent})]


def test_ack_says_what_else_is_taken(call: Call, daemon: StandIn, state_dir: Path) -> None:
    """All that people were told of together."""
    daemon.body = stands(acknowledged={**TAKEN, "until": None}, also=["one", "two"])
    result = call("ack", ID, "--listen", daemon.listen, "--state-dir", state_dir)
    assert (result.code, result.out) == (0, f"{ID} is yours, and with it one, two.\n")


def test_resolve_brings_its_reason(call: Call, daemon: StandIn, state_dir: Path) -> None:
    """Whoever was told of it reads that."""
    daemon.body = stands(open=False)
    result = call("resolve", ID, "--reason", "mended", "--listen", daemon.listen, "--state-dir", state_dir)
    assert (result.code, result.out) == (0, f"{ID} is over.\n")
    assert daemon.asked == [("POST", f"/api/v1/incidents/{ID}/resolve", {"by": ME, "reason": "mended"})]


@pytest.mark.parametrize("command", [("declare", "slow"), ("ack", ID), ("resolve", ID, "--reason", "mended")])
def test_json_is_the_daemon_s_answer_and_nothing_else(
    call: Call, daemon: StandIn, state_dir: Path, command: tuple[str, ...]
) -> None:
    """For programs."""
    daemon.body = stands()
    assert call(*command, "--json", "--listen", daemon.listen, "--state-dir", state_dir).json() == stands()


@pytest.mark.parametrize("arguments", [("declare",), ("ack",), ("resolve", ID), ("resolve", "--reason", "x")])
def test_what_is_left_out_is_a_usage_error(call: Call, arguments: tuple[str, ...]) -> None:
    """Nothing is guessed."""
    assert call(*arguments).code == 2


def test_a_duration_that_is_none_is_2_and_nothing_is_sent(call: Call, daemon: StandIn, state_dir: Path) -> None:
    """The message says what would be right."""
    result = call("ack", ID, "--for", "soon", "--listen", daemon.listen, "--state-dir", state_dir)
    assert (result.code, daemon.asked) == (2, [])
    assert "--for soon:" in result.err


def test_an_id_stays_one_part_of_the_path(call: Call, daemon: StandIn, state_dir: Path) -> None:
    """Whatever was typed, no other address is asked."""
    daemon.body = stands()
    call("ack", "../pause?x#y", "--listen", daemon.listen, "--state-dir", state_dir)
    assert [path for _, path, _ in daemon.asked] == ["/api/v1/incidents/..%2Fpause%3Fx%23y/acknowledge"]


def test_a_refusal_is_1_with_the_daemon_s_words(call: Call, daemon: StandIn, state_dir: Path) -> None:
    """Such as what still fails."""
    daemon.code = 409
    daemon.body = {"type": "about:blank", "title": "Conflict", "status": 409, "detail": "gateway is down"}
    result = call("resolve", ID, "--reason", "x", "--listen", daemon.listen, "--state-dir", state_dir)
    assert (result.code, result.err) == (1, "the daemon refused: gateway is down\n")


def test_a_note_is_sent_with_what_it_is_about(daemon: StandIn, state_dir: Path) -> None:
    """The answer is the note as the daemon keeps it."""
    daemon.body = {"at": TAKEN["at"], "by": ME, "about": ROOT_CAUSE, "text": "the disk was old"}
    answer = add_note(daemon.listen, state_dir, ID, ROOT_CAUSE, "the disk was old")
    assert answer.view == NoteView(**daemon.body)
    sent = {"about": "root_cause", "text": "the disk was old", "by": ME}
    assert daemon.asked == [("POST", f"/api/v1/incidents/{ID}/notes", sent)]
    assert daemon.tokens == [f"Bearer {TOKEN}"]


@pytest.mark.parametrize(
    ("option", "about", "said"),
    [
        ("--note", "note", "as its note"),
        ("--root-cause", "root_cause", "as its root cause"),
        ("--public", "public", "for users to read"),
    ],
)
def test_what_is_written_about_it_is_said_with_what_it_is_for(
    call: Call, daemon: StandIn, state_dir: Path, option: str, about: str, said: str
) -> None:
    """What users will read is not taken for a note of operators."""
    daemon.body, daemon.code = {"at": TAKEN["at"], "by": ME, "about": about, "text": "x"}, 201
    result = call("incident", ID, option, "x", "--listen", daemon.listen, "--state-dir", state_dir)
    assert (result.code, result.out) == (0, f"Written down by {ME}, {said}.\n")
    assert daemon.asked == [("POST", f"/api/v1/incidents/{ID}/notes", {"about": about, "text": "x", "by": ME})]


def test_a_note_that_is_not_taken_fails_with_the_daemon_s_words(daemon: StandIn, state_dir: Path) -> None:
    """The command ends with them."""
    daemon.code = 404
    daemon.body = {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "the journal has no incident x",
    }
    with pytest.raises(CommandFailed, match="the daemon refused: the journal has no incident x"):
        add_note(daemon.listen, state_dir, "x", ROOT_CAUSE, "y")
