"""`nemo-watchdog explain`: what is asked of the daemon, and how the answer reads."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest
from rich.cells import cell_len

from nemo_watchdog.cli.page import Screen
from nemo_watchdog.cli.page_of_explanation import page_of_explanation
from nemo_watchdog.cli.times import past
from nemo_watchdog.engine.explaining import explain_now
from nemo_watchdog.engine.explaining_past import explanation_at
from nemo_watchdog.incident_views import ExplanationView, LookRunView
from tests.unit.cli.calling import Call, StandIn
from tests.unit.engine.test_gates import failed_just_now
from tests.unit.engine.world import NOON, World
from tests.unit.statuses import on_the_wire

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 27, 10, 30, tzinfo=UTC)
PROBLEM = {"type": "about:blank", "title": "Not Found", "status": 404}


@pytest.fixture
def world() -> World:
    return failed_just_now()


def now(world: World) -> ExplanationView:
    run = LookRunView("failed", "refused", NOON.isoformat(), (NOON + timedelta(seconds=4)).isoformat(), 3, 0.012, 0.09)
    good = replace(run, outcome="ok", reason=None, last=run.first)
    return explain_now(world.engine, "gateway", world.now, (run, good))


def then(world: World) -> ExplanationView:
    history = [(at, record.body()) for at, record in world.records]
    return explanation_at("gateway", history, None, (), world.utc, NOON)


def wire(view: Any) -> dict[str, Any]:
    return on_the_wire(view)


def shown(view: ExplanationView, screen: Screen, *, past: bool = False) -> Iterator[str]:
    for line in page_of_explanation(view, screen, past=past):
        assert cell_len(line.plain) <= screen.columns
        yield line.plain


def test_sentences_come_first_and_the_table_after(call: Call, daemon: StandIn, world: World) -> None:
    """With every gate, and the last looks."""
    daemon.body = wire(now(world))
    result = call("explain", "gateway", "--utc", "--listen", daemon.listen)
    assert (result.code, result.err) == (0, "")
    assert daemon.asked == [("GET", "/api/v1/dependencies/gateway/explain", None)]
    said, _, table = result.out.partition("\n\n")
    assert said.startswith("gateway, at 12:00:03 UTC\ngateway is down since 12:00:03: exited (container exited with ")
    assert "The next action can come at 12:00:08, when the backoff ends." in said
    assert "gate         backoff: wait until 12:00:08: 5.77s after attempt 1\n" in table
    assert "open gates   bug, stopping, in_flight, " in table
    assert "looks        3 failed (refused), 12:00:00 to 12:00:04, mean 12ms, longest 90ms\n" in table
    assert "looks        3 ok, 12:00:00, mean 12ms, longest 90ms\n" in table


def test_a_time_goes_to_the_daemon_with_its_zone(call: Call, daemon: StandIn, world: World) -> None:
    """And the page has its day."""
    daemon.body = wire(then(world))
    result = call("explain", "gateway", "--at", "2026-01-05T13:00:03+01:00", "--utc", "--listen", daemon.listen)
    assert result.code == 0
    ((_, path, _),) = daemon.asked
    assert parse_qs(urlsplit(path).query) == {"at": ["2026-01-05T12:00:03+00:00"]}
    assert result.out.startswith("gateway, at 2026-01-05 12:00:03 UTC\nAt 12:00:03 gateway was down since 12:00:03: ")
    assert "gate         backoff: wait; how the others stood was not kept\n" in result.out


def test_a_duration_ago_may_begin_with_a_minus(call: Call, daemon: StandIn, world: World) -> None:
    """It is no option."""
    daemon.body = wire(then(world))
    assert call("explain", "gateway", "--at", "-2h", "--listen", daemon.listen).code == 0
    asked = datetime.fromisoformat(parse_qs(urlsplit(daemon.asked[0][1]).query)["at"][0])
    assert timedelta(hours=2) <= datetime.now(UTC) - asked < timedelta(hours=2, minutes=1)


def test_json_is_the_daemons_answer(call: Call, daemon: StandIn, world: World) -> None:
    daemon.body = wire(now(world)) | {"newer": 1}
    assert call("explain", "gateway", "--json", "--listen", daemon.listen).json() == daemon.body


def test_a_name_that_nobody_knows_is_1(call: Call, daemon: StandIn) -> None:
    """With those that there are; whatever stands in it goes as one part of the path."""
    daemon.code, daemon.body = 404, {**PROBLEM, "detail": "there is no dependency a/b?c; there are: gateway, redis"}
    result = call("explain", "a/b?c", "--listen", daemon.listen)
    assert result.code == 1
    assert "there is no dependency a/b?c; there are: gateway, redis" in result.err
    assert daemon.asked[0][1] == "/api/v1/dependencies/a%2Fb%3Fc/explain"


def test_without_a_daemon_it_is_3(call: Call, nobody: str) -> None:
    assert call("explain", "gateway", "--listen", nobody).code == 3


def test_a_time_that_cannot_be_is_2(call: Call, daemon: StandIn) -> None:
    """Nobody is asked."""
    result = call("explain", "gateway", "--at", "noonish", "--listen", daemon.listen)
    assert result.code == 2
    right = "write 03:12, 2026-11-27 03:12, 2026-11-27T02:12:00Z, -2h or 2h ago"
    assert result.err == f"--at noonish is no time that can be read: {right}\n"
    assert call("explain", "gateway", "--at", "9999-01-01", "--listen", daemon.listen).code == 2
    assert daemon.asked == []


def test_times_are_those_of_the_reader(world: World) -> None:
    """In the sentences as in the table; with their day where it is another one."""
    lines = "\n".join(shown(now(world), Screen(200, zone=BERLIN)))
    assert "gateway, at 13:00:03 CET" in lines
    assert "The next action can come at 13:00:08, when the backoff ends." in lines
    assert "UTC" not in lines
    early = replace(then(world), said=("It was so from 2026-01-04 23:30:00 UTC, planned until 2026-01-05 01:30 UTC.",))
    local = "\n".join(shown(early, Screen(200, zone=BERLIN), past=True))
    assert "It was so from 00:30:00, planned until 02:30:00." in local
    assert "Jan 04 23:30:00" in "\n".join(shown(early, Screen(200, zone=UTC), past=True))


def test_a_narrow_terminal_cuts_nothing(world: World) -> None:
    lines = " ".join(line.strip() for line in shown(now(world), Screen(40, zone=UTC)))
    assert "Actions left: 4 of 5 per 1h for it, 9 of 10 per 1h for all together." in lines


def test_what_others_wrote_is_no_markup(call: Call, daemon: StandIn, world: World) -> None:
    """Nor a command to the terminal."""
    daemon.body = wire(replace(now(world), said=("[bold red]x[/] \x1b[2J https://x/%1b",)))
    assert "[bold red]x[/] \\x1b[2J https://x/%1b" in call("explain", "gateway", "--listen", daemon.listen).out


def test_where_nothing_is_known_there_is_no_table() -> None:
    view = explanation_at("redis", [], None, (), NOON, None)
    (head, said) = shown(view, Screen(200, zone=UTC), past=True)
    assert head == "redis, at 2026-01-05 12:00:00 UTC"
    assert said == "The records are empty: nothing is known of redis at 12:00:00."


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("03:12", "2026-11-27T02:12:00"),
        (" 3:12:30 ", "2026-11-27T02:12:30"),
        ("11:30", "2026-11-27T10:30:00"),
        ("11:31", "2026-11-26T10:31:00"),
        ("2026-11-27 03:12", "2026-11-27T02:12:00"),
        ("2026-07-27 03:12", "2026-07-27T01:12:00"),
        ("2026-11-27T03:12:00Z", "2026-11-27T03:12:00"),
        ("2026-11-27T03:12:00-05:00", "2026-11-27T08:12:00"),
        ("-2h", "2026-11-27T08:30:00"),
        ("- 1h30m", "2026-11-27T09:00:00"),
        ("2h ago", "2026-11-27T08:30:00"),
        ("0", None),
        ("25:00", None),
        ("03:60", None),
        ("-", None),
        ("-2", None),
        ("-2h ago ago", None),
        ("", None),
        ("2026-11-27T11:31", None),
        ("2026-11-28 03:12", None),
        ("0001-01-01T00:00:00+14:00", None),
    ],
)
def test_times_as_people_write_them(text: str, utc: str | None) -> None:
    """In the zone of the reader: 11:30 in Berlin when it is asked, and 11:31 is yesterday's."""
    if utc is None:
        with pytest.raises(ValueError, match=r"is no time that can be read|is still to come"):
            past(text, NOW, BERLIN)
    else:
        assert past(text, NOW, BERLIN).astimezone(UTC).isoformat() == f"{utc}+00:00"


def test_of_yesterday_the_clock_is_read_and_not_the_hours_counted() -> None:
    """The night in which clocks are set has another length."""
    after = datetime(2026, 10, 25, 4, 0, tzinfo=UTC)  # 05:00 there, after the change at 03:00
    assert past("05:30", after, BERLIN).astimezone(UTC) == datetime(2026, 10, 24, 3, 30, tzinfo=UTC)


def test_without_a_zone_it_is_this_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        assert past("03:12", NOW, None).astimezone(UTC) == datetime(2026, 11, 27, 8, 12, tzinfo=UTC)
        assert past("2026-07-01 03:12", NOW, None).astimezone(UTC) == datetime(2026, 7, 1, 7, 12, tzinfo=UTC)
    finally:
        monkeypatch.undo()
        time.tzset()
