"""`nemo-watchdog incident`: one incident for people, its evidence, and a folder of all of it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from nemo_watchdog import records as r
from nemo_watchdog.cli.incident_page import page
from nemo_watchdog.cli.page import Screen
from nemo_watchdog.cli.raw_text import for_people, for_programs
from nemo_watchdog.incident_views import IncidentDetailView
from nemo_watchdog.views import as_json
from tests.unit.cli.calling import Call, StandIn
from tests.unit.pasts import at, detail, healed, incident_of, taken

WORLD = healed()
ID = incident_of(WORLD)
PATH = f"/api/v1/incidents/{ID}"
LOG = "\x1b[31mFATAL\x1b[0m:\tno space\r\nLOG: \x9b2Jready\x07\n"


def view() -> IncidentDetailView:
    """With evidence and with what people said."""
    said: list[Any] = [
        r.IncidentAcknowledged(ID, "anna", 3600.0),
        r.NoteAdded(ID, "root_cause", "the disk was full", "anna"),
        r.NoteAdded(ID, "note", "grown since", "bob"),
        r.NoteAdded(ID, "public", "We are restoring Chat.", "bob"),
    ]
    return detail(WORLD, kept=[taken(ID, text=LOG)], more=[(at(300.0), each.body()) for each in said])


@pytest.fixture
def daemon(daemon: StandIn) -> StandIn:
    """It knows the incident, and each part of its evidence."""
    daemon.bodies = {
        PATH: json.loads(as_json(view())),
        f"{PATH}/evidence/postgres.log": LOG.encode(),
        f"{PATH}/evidence/1/postgres.log": LOG.encode(),
        f"{PATH}/evidence/1/postgres.inspect.json": b"{}",
    }
    return daemon


def test_it_is_told_from_the_whole_to_the_single(call: Call, daemon: StandIn) -> None:
    """What it was in sentences, each thing that happened, who was told, what is kept, what people wrote."""
    result = call("incident", ID, "--utc", "--listen", daemon.listen)
    assert (result.code, result.err) == (0, "")
    assert daemon.asked == [("GET", PATH, None)]
    lines, said = result.out.splitlines(), " ".join(result.out.split())
    assert lines[0] == f"{ID}: SEV1 Complete outage"
    for sentence in (
        "The root is postgres: exited (container exited with code 1).",
        "With it failed gateway.",
        "It opened at 2026-01-05 12:00:06 UTC and ended after 27s: every member is up.",
        "It is SEV1 by the rule outage; 2 actions were taken.",
        "Affected when it opened: postgres and gateway (2 of 2 core).",
        "anna took it on at 2026-01-05 12:05:00 until 2026-01-05 13:05:00.",
        "Root cause, by anna: the disk was full",
        "12:00:14 docker.restart, attempt 1, did not help postgres: still exited after docker.restart",
        "12:00:06 on-call: 7 messages, the last at 12:00:33",
        "12:00:06 1: of postgres (before docker.restart), in 800ms",
        f"nemo-watchdog incident {ID} --evidence 1/postgres.log # {len(LOG)} characters, the end of more",
        "postgres.activity.txt could not be had: no session could be had within 2s",
        "12:05:00 anna (root cause): the disk was full",
        "12:05:00 bob: grown since",
        "12:05:00 bob (for users): We are restoring Chat.",
        "12:05:00 bob wrote for users: We are restoring Chat.",
    ):
        assert sentence in said
    headings = ("what happened", "who was told", "evidence", "notes")
    assert tuple(line for line in lines if line in headings) == headings


def test_what_nobody_has_heard_is_said(call: Call, daemon: StandIn) -> None:
    """With why, where that is known."""
    first, second, third, *_ = daemon.bodies[PATH]["deliveries"]
    waits, failed = {**second, "state": "pending"}, {**third, "state": "given_up", "detail": "401"}
    daemon.bodies[PATH]["deliveries"] = [first, waits, failed]
    said = " ".join(call("incident", ID, "--utc", "--listen", daemon.listen).out.split())
    assert "12:00:06 on-call: 1 message 12:00:06 on-call: waits to be told: [SEV2] postgres: docker.restart" in said
    assert "12:00:09 on-call: given up (401): [SEV1] postgres: now SEV1" in said


def test_what_has_nothing_to_say_is_left_out(call: Call, daemon: StandIn) -> None:
    """No heading without lines below it."""
    daemon.bodies[PATH] = {**daemon.bodies[PATH], "deliveries": [], "evidence": [], "notes": []}
    out = call("incident", ID, "--listen", daemon.listen).out
    assert "what happened\n" in out
    for heading in ("who was told", "evidence", "notes"):
        assert f"\n{heading}\n" not in out


def test_an_open_one_and_a_declared_one_are_told_as_such(call: Call, daemon: StandIn) -> None:
    """With how long it is open; and what the person said."""
    body = daemon.bodies[PATH]
    changed: dict[str, Any] = {
        "resolved": None,
        "declared": "users see old prices",
        "root": "",
        "members": [],
        "rule": "",
        "actions": 1,
    }
    body["incident"] = {**body["incident"], **changed}
    said = " ".join(call("incident", ID, "--utc", "--listen", daemon.listen).out.split())
    assert "A person declared it: users see old prices It has been open since 2026-01-05 12:00:06 UTC, for 27s." in said
    assert "1 action was taken." in said


def test_a_declared_one_that_nothing_was_done_for(call: Call, daemon: StandIn) -> None:
    body = daemon.bodies[PATH]
    body["incident"] = {**body["incident"], "rule": "", "actions": 0}
    assert "No actions were taken." in " ".join(call("incident", ID, "--listen", daemon.listen).out.split())


def test_json_is_the_daemons_own_document(call: Call, daemon: StandIn) -> None:
    daemon.bodies[PATH]["later"] = "so"
    assert call("incident", ID, "--json", "--listen", daemon.listen).json() == daemon.bodies[PATH]


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_no_line_is_longer_than_the_screen(columns: int) -> None:
    """And nothing is cut; but a command for the shell is one line, so that it can be copied."""
    lines = page(view(), Screen(columns))
    commands = [line for line in lines if line.plain.startswith("  nemo-watchdog ")]
    assert len(commands) == 2
    assert max(line.cell_len for line in lines if line not in commands) <= columns
    shown = "".join("".join(line.plain for line in lines).split())
    for entry in view().timeline:
        assert "".join(entry.said.split()) in shown


def test_an_unknown_one_is_1(call: Call, daemon: StandIn, nobody: str) -> None:
    """What was typed stays one part of the address; 3 where no daemon answers."""
    daemon.code, daemon.body = (
        404,
        {
            "type": "about:blank",
            "title": "Not Found",
            "status": 404,
            "detail": "there is no incident ../x",
        },
    )
    result = call("incident", "../x?y", "--listen", daemon.listen)
    assert (result.code, result.err) == (1, "the daemon refused: there is no incident ../x\n")
    call("incident", ID, "--evidence", "a/../b.log", "--listen", daemon.listen)
    assert [path for _, path, _ in daemon.asked] == ["/api/v1/incidents/..%2Fx%3Fy", f"{PATH}/evidence/a%2F..%2Fb.log"]
    assert call("incident", ID, "--listen", nobody).code == 3


def test_a_part_is_printed_without_what_a_terminal_obeys(
    call: Call, daemon: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a terminal that is shown as such, and through a pipe taken out."""
    assert call("incident", ID, "--evidence", "postgres.log", "--listen", daemon.listen).out == (
        "FATAL:\tno space\nLOG: ready\n"
    )
    assert call("incident", ID, "--evidence", "1/postgres.log", "--listen", daemon.listen).code == 0
    assert daemon.asked[-1][1] == f"{PATH}/evidence/1/postgres.log"
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert call("incident", ID, "--evidence", "postgres.log", "--listen", daemon.listen).out == (
        "\\x1b[31mFATAL\\x1b[0m:\tno space\nLOG: \\x9b2Jready\\x07\n"
    )


@pytest.mark.parametrize(
    ("text", "programs"),
    [
        ("plain\n\ttext\n", "plain\n\ttext\n"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;http://x\x1b\\link", "link"),
        ("\x1bPdevice\x1b\\after", "after"),
        ("\x1bcreset \x1b(Bset", "reset set"),
        ("\x9b31mred \x9dtitle\x9cx", "red x"),
        ("a\x1b", "a"),
        ("bell\x07 back\x08 null\x00", "bell back null"),
        ("one\rtwo\r\nthree", "onetwo\nthree"),
        ("\x1b]0;never ended", ""),
    ],
)
def test_nothing_is_left_that_a_terminal_obeys(text: str, programs: str) -> None:
    """Of any kind of sequence, whole or broken off."""
    assert for_programs(text) == programs
    shown = for_people(text)
    assert all(each.isprintable() or each in "\n\t" for each in shown)
    assert for_programs(shown) == shown


def test_all_of_it_goes_into_a_folder(call: Call, daemon: StandIn, tmp_path: Path) -> None:
    """For whoever reads it later: the document, the page, each part; for nobody else on this machine."""
    folder = tmp_path / "kept" / "here"
    result = call("incident", ID, "--export", folder, "--utc", "--listen", daemon.listen)
    assert (result.code, result.err) == (0, "")
    assert "4 files are in" in result.out
    assert {each.name for each in folder.iterdir()} == {
        *("incident.json", "timeline.txt", "evidence-1-postgres.log", "evidence-1-postgres.inspect.json"),
    }
    assert json.loads((folder / "incident.json").read_text()) == daemon.bodies[PATH]
    assert (folder / "timeline.txt").read_text().startswith(f"{ID}: SEV1 Complete outage\n")
    assert (folder / "evidence-1-postgres.log").read_text() == "FATAL:\tno space\nLOG: ready\n"
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_holds_something_is_left_as_it_is(call: Call, daemon: StandIn, tmp_path: Path) -> None:
    """With what to do instead; a file is no folder."""
    (tmp_path / "mine.txt").write_text("mine")
    result = call("incident", ID, "--export", tmp_path, "--listen", daemon.listen)
    assert (result.code, result.err) == (2, f"{tmp_path} is not empty: name a folder that is new or empty\n")
    assert [each.name for each in tmp_path.iterdir()] == ["mine.txt"]
    result = call("incident", ID, "--export", tmp_path / "mine.txt", "--listen", daemon.listen)
    assert (result.code, result.err) == (1, f"{tmp_path / 'mine.txt'} cannot be written: File exists\n")


def test_a_part_cannot_leave_the_folder(call: Call, daemon: StandIn, tmp_path: Path) -> None:
    """Whatever a daemon says that it is called."""
    daemon.bodies[PATH]["evidence"][0]["parts"] = [{"name": "../../x\n", "size": 2, "cut": False}]
    daemon.body = b"{}"
    folder = tmp_path / "a" / "b"
    assert call("incident", ID, "--export", folder, "--listen", daemon.listen).code == 0
    assert {each.name for each in folder.iterdir()} == {
        *("incident.json", "timeline.txt", "evidence-1-.._.._x_n"),
    }
    assert [each.name for each in tmp_path.iterdir()] == ["a"]


def test_one_thing_is_printed(call: Call, tmp_path: Path) -> None:
    result = call("incident", ID, "--json", "--export", tmp_path)
    assert result.code == 2
    assert "give one of them" in result.err
