"""`nemo-watchdog incidents`: the list, for people and for programs, page by page."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from nemo_watchdog.cli.incident_list import page
from nemo_watchdog.cli.page import Screen
from nemo_watchdog.incident_views import IncidentSummaryView, IncidentsView
from nemo_watchdog.views import AcknowledgementView, as_json
from tests.unit.cli.calling import Call, StandIn
from tests.unit.pasts import healed, summary

HEALED = summary(healed())
OPEN = replace(
    HEALED,
    id="20260106-031500-a-very-long-name-of-a-dependency-that-somebody-chose",
    root="a-very-long-name-of-a-dependency-that-somebody-chose",
    members=("a-very-long-name-of-a-dependency-that-somebody-chose", "b", "c"),
    severity="SEV3",
    opened="2026-01-06T03:15:00+00:00",
    resolved=None,
    seconds=3661.0,
    why="",
    actions=0,
    reopened=2,
    acknowledged=AcknowledgementView("2026-01-06T03:20:00+00:00", "anna"),
)
DECLARED = replace(HEALED, root="", members=(), declared="users see old prices", severity="SEV4", actions=1)


def document(*incidents: IncidentSummaryView, following: str | None = None) -> Any:
    return json.loads(as_json(IncidentsView(incidents, following)))


def asked(daemon: StandIn) -> list[dict[str, str]]:
    """The query of each request."""
    assert {urlsplit(path).path for _, path, _ in daemon.asked} == {"/api/v1/incidents"}
    return [{name: value[0] for name, value in parse_qs(urlsplit(path).query).items()} for _, path, _ in daemon.asked]


def test_a_row_says_when_how_long_how_grave_why_and_how_it_ended(call: Call, daemon: StandIn) -> None:
    """Of the last seven days; with exit code 0, for what was is no trouble now."""
    daemon.body = document(OPEN, HEALED, DECLARED)
    result = call("incidents", "--utc", "--listen", daemon.listen)
    assert (result.code, result.err) == (0, "")
    assert asked(daemon) == [{"since": "7d", "limit": "100"}]
    said = " ".join(result.out.split())
    assert f"{HEALED.id} " in said
    assert "2026-01-05 12:00:06 27s SEV1 postgres and 1 more → exited: every member is up, 2 actions" in said
    assert "2026-01-06 03:15:00 1h01m SEV3 a-very-long-name-of-a-dependency-that-somebody-chose and 2 more → " in said
    assert "exited: open, reopened 2x, taken by anna, no actions" in said
    assert "SEV4 users see old prices: every member is up, 1 action" in said


def test_times_are_local_without_utc(call: Call, daemon: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the reader's machine."""
    import time

    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        daemon.body = document(HEALED)
        assert "2026-01-05 21:00:06" in call("incidents", "--listen", daemon.listen).out
    finally:
        monkeypatch.undo()
        time.tzset()


def test_what_is_asked_for_goes_to_the_daemon(call: Call, daemon: StandIn) -> None:
    """Of the open ones all, unless a time is given."""
    daemon.body = document()
    assert call("incidents", "--open", "--dependency", "re&dis", "--listen", daemon.listen).out == "no incidents\n"
    call("incidents", "--open", "--since", "2026-01-05T12:00:00+01:00", "--limit", "7", "--listen", daemon.listen)
    assert asked(daemon) == [
        {"dependency": "re&dis", "open": "true", "limit": "100"},
        {"since": "2026-01-05T12:00:00+01:00", "open": "true", "limit": "7"},
    ]


def test_pages_are_read_up_to_the_limit(call: Call, daemon: StandIn) -> None:
    """And it says that there is more, and what would show it."""
    query = "/api/v1/incidents?since=7d&limit="
    daemon.bodies = {
        f"{query}200": document(*[HEALED] * 200, following="second"),
        f"{query}50&cursor=second": document(*[OPEN] * 50, following="third"),
    }
    result = call("incidents", "--limit", 250, "--listen", daemon.listen)
    assert len(daemon.asked) == 2
    assert "There may be more than these 250: --limit 2500 shows more" in " ".join(result.out.split())
    printed = call("incidents", "--limit", 250, "--json", "--listen", daemon.listen).json()
    assert len(printed["incidents"]) == 250
    assert printed["next"] == "third"


def test_a_page_that_is_not_full_is_not_the_last(call: Call, daemon: StandIn) -> None:
    """The daemon looks only so far for each."""
    daemon.bodies = {
        "/api/v1/incidents?since=7d&limit=100": document(following="on"),
        "/api/v1/incidents?since=7d&limit=100&cursor=on": document(HEALED),
    }
    result = call("incidents", "--json", "--listen", daemon.listen)
    assert result.json() == document(HEALED)


def test_json_is_the_daemons_own_document(call: Call, daemon: StandIn) -> None:
    """With what a newer one has added."""
    body = document(HEALED)
    body["incidents"][0]["later"] = "so"
    daemon.body = body
    assert call("incidents", "--json", "--listen", daemon.listen).json() == body


def test_a_refusal_and_no_daemon(call: Call, daemon: StandIn, nobody: str) -> None:
    """In the daemon's words with 1; with 3 where there is none; with 2 for what no command takes."""
    daemon.code, daemon.body = (
        400,
        {
            "type": "about:blank",
            "title": "Bad Request",
            "status": 400,
            "detail": "since: expected a duration",
        },
    )
    refused = call("incidents", "--since", "yesterday", "--listen", daemon.listen)
    assert (refused.code, refused.err) == (1, "the daemon refused: since: expected a duration\n")
    assert call("incidents", "--listen", nobody).code == 3
    assert call("incidents", "--limit", "0").code == 2


@pytest.mark.parametrize("columns", [40, 80, 120, 200])
def test_no_line_is_longer_than_the_screen(columns: int) -> None:
    """Whatever a dependency is called; and no word of it is lost."""
    lines = page([OPEN, HEALED, DECLARED], Screen(columns), "There may be more.")
    assert max(line.cell_len for line in lines) <= columns
    shown = "".join("".join(line.plain for line in lines).split())
    for each in (OPEN, HEALED, DECLARED):
        assert each.id in shown
    assert shown.count("exited:") == 2
    assert shown.endswith("Theremaybemore.")


def test_what_others_wrote_is_no_command_to_a_terminal(call: Call, daemon: StandIn) -> None:
    """Nor markup."""
    daemon.body = document(replace(DECLARED, declared="\x1b[2Jred [bold]text[/bold]"))
    assert "\\x1b[2Jred [bold]text[/bold]: every member is up" in call("incidents", "--listen", daemon.listen).out
