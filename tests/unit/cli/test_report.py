"""`nemo-watchdog report`: what is asked of the daemon, where the answer goes, and in which zone its times are."""

from __future__ import annotations

from pathlib import Path

import pytest

from nemo_watchdog.cli import report as command
from tests.unit.cli.calling import Call, StandIn

TEXT = "# Incident x: Complete outage\n\n- 03:12 - **Detected**: größer\n"


@pytest.fixture(autouse=True)
def _in_berlin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")


@pytest.fixture
def writes(daemon: StandIn) -> StandIn:
    daemon.body, daemon.content_type = TEXT.encode(), "text/markdown; charset=utf-8"
    return daemon


def test_a_report_is_printed_as_it_came_in_this_machine_s_zone(call: Call, writes: StandIn) -> None:
    result = call("report", "20261123-031207-gateway", "--listen", writes.listen)
    assert (result.code, result.out, result.err) == (0, TEXT, "")
    path = "/api/v1/incidents/20261123-031207-gateway/report?format=markdown&zone=Europe%2FBerlin"
    assert writes.asked == [("GET", path, None)]


def test_a_page_in_utc_in_a_file(call: Call, writes: StandIn, tmp_path: Path) -> None:
    writes.content_type = "text/html; charset=utf-8"
    file = tmp_path / "report.html"
    result = call("report", "x", "--html", "--utc", "--output", file, "--listen", writes.listen)
    assert (result.code, result.out, result.err) == (0, "", "")
    assert file.read_text(encoding="utf-8") == TEXT
    assert writes.asked == [("GET", "/api/v1/incidents/x/report?format=html&zone=UTC", None)]


def test_an_id_is_one_part_of_the_path(call: Call, writes: StandIn) -> None:
    """Whatever is in it."""
    call("report", "../status?x=#", "--utc", "--listen", writes.listen)
    assert writes.asked[0][1] == "/api/v1/incidents/..%2Fstatus%3Fx%3D%23/report?format=markdown&zone=UTC"


def test_a_terminal_obeys_nothing_of_it(call: Call, writes: StandIn) -> None:
    """The daemon shows control characters; the command does not count on that."""
    writes.body = b"a \x1b[31mred\r\nb\n"
    assert call("report", "x", "--listen", writes.listen).out == "a \\x1b[31mred\\r\nb\n"


def test_a_file_that_cannot_be_written_is_said(call: Call, writes: StandIn, tmp_path: Path) -> None:
    result = call("report", "x", "--output", tmp_path / "no" / "file", "--listen", writes.listen)
    assert (result.code, result.out) == (1, "")
    assert "cannot write" in result.err
    assert "No such file or directory" in result.err


def test_what_the_daemon_refuses_is_said(call: Call, daemon: StandIn) -> None:
    daemon.code = 404
    daemon.body = {"type": "about:blank", "title": "Not Found", "status": 404, "detail": "there is no incident x"}
    result = call("report", "x", "--listen", daemon.listen)
    assert (result.code, result.err) == (1, "the daemon refused: there is no incident x\n")


def test_an_answer_of_something_else_is_no_report(call: Call, daemon: StandIn) -> None:
    """A page of a proxy is not printed as one."""
    daemon.body, daemon.content_type = b"<html>login</html>", "text/html"
    result = call("report", "x", "--listen", daemon.listen)
    assert (result.code, result.out) == (3, "")
    assert "is not a nemo-watchdog that writes text/markdown" in result.err


def test_without_a_daemon_there_is_no_report(call: Call, nobody: str) -> None:
    result = call("report", "x", "--listen", nobody)
    assert result.code == 3
    assert "no daemon answers" in result.err


@pytest.mark.parametrize(
    ("tz", "localtime", "zone"),
    [
        ("America/New_York", "Europe/Berlin", "America/New_York"),
        (":Asia/Tokyo", "Europe/Berlin", "Asia/Tokyo"),
        (":/usr/share/zoneinfo/Asia/Tokyo", "Europe/Berlin", "Asia/Tokyo"),
        ("", "Europe/Berlin", "Europe/Berlin"),
        ("", "", "UTC"),
        ("/srv/own-zone", "Europe/Berlin", "UTC"),
    ],
)
def test_the_zone_of_the_machine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tz: str, localtime: str, zone: str
) -> None:
    """As TZ has it, or the link at /etc/localtime; what has no name is UTC, and the report names its zone."""
    link = tmp_path / "localtime"
    if localtime:
        target = tmp_path / "usr" / "zoneinfo" / localtime
        target.parent.mkdir(parents=True)
        target.touch()
        link.symlink_to(target)
    monkeypatch.setattr(command, "LOCALTIME", link)
    monkeypatch.setenv("TZ", tz)
    assert command.machine_zone() == zone
