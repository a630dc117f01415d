"""`nemo-watchdog oncall`: who has a rota until when, and a swap as a person orders it."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from nemo_watchdog.cli import times
from tests.unit.cli.calling import TOKEN, Call, StandIn

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
"""A Friday."""

TURN: dict[str, Any] = {
    "people": ["alice"],
    "because": "turn",
    "until": "2026-11-30T08:00:00+00:00",
    "then": ["bob"],
    "turns": ["alice", "bob"],
    "zone": "Europe/Berlin",
    "swap": None,
}
SWAP = {"person": "dave", "until": "2026-11-28T06:30:15+00:00", "reason": "ill", "by": "ada"}
SWAPPED = TURN | {"people": ["dave"], "because": "swap", "until": SWAP["until"], "then": ["alice"], "swap": SWAP}


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    (tmp_path / "token").write_text(f"{TOKEN}\n", encoding="ascii")
    return tmp_path


def rotas(**said: Any) -> dict[str, Any]:
    return {"rotas": said}


def test_it_says_who_has_it_until_when_and_who_comes_next(call: Call, daemon: StandIn) -> None:
    calendar = TURN | {"because": "calendar", "people": ["alice", "dave"]}
    daemon.body = rotas(first=TURN, second=SWAPPED, third=calendar, fourth=TURN | {"until": None, "then": []})
    result = call("oncall", "--utc", "--listen", daemon.listen)
    assert (result.code, result.err) == (0, "")
    assert daemon.asked == [("GET", "/api/v1/oncall", None)]
    assert result.out.splitlines() == [
        "first: alice until Mon 2026-11-30 08:00 UTC, then bob (by turns: alice, bob)",
        "second: dave until Sat 2026-11-28 06:30:15 UTC, then alice (a swap)",
        "  the swap ends Sat 2026-11-28 06:30:15 UTC; by ada: ill",
        "third: alice and dave until Mon 2026-11-30 08:00 UTC, then bob (its calendar says so)",
        "fourth: alice, and nobody after (by turns: alice, bob)",
    ]


def test_without_a_rota_it_says_how_one_is_written(call: Call, daemon: StandIn) -> None:
    daemon.body = rotas()
    result = call("oncall", "--listen", daemon.listen)
    assert result.code == 0
    assert "on-call: {rota: [alice, bob], weekly: monday 09:00" in result.out


def test_json_is_the_daemon_s_answer(call: Call, daemon: StandIn, state_dir: Path) -> None:
    daemon.body = rotas(first=TURN)
    given = ("--json", "--listen", daemon.listen)
    assert call("oncall", *given).json() == daemon.body
    swap = ("oncall", "swap", "first", "dave", "--for", "8h", "--reason", "ill", "--state-dir", state_dir)
    assert call(*swap, *given).json() == daemon.body


def test_a_swap_for_a_while(call: Call, daemon: StandIn, state_dir: Path) -> None:
    """With the token, and the name of who asks; what it says is that rota alone."""
    daemon.body = {"rotas": {"on-call": SWAPPED, "other": TURN}}
    given = ("--listen", daemon.listen, "--state-dir", state_dir, "--utc")
    result = call("oncall", "swap", "on-call", "dave", "--for", "8h", "--reason", "ill", *given)
    assert (result.code, result.err) == (0, "")
    sent = {"person": "dave", "reason": "ill", "by": getpass.getuser(), "for": 28800.0}
    assert daemon.asked == [("POST", "/api/v1/oncall/on-call/swap", sent)]
    assert daemon.tokens == [f"Bearer {TOKEN}"]
    assert result.out.startswith(
        "on-call: dave until Sat 2026-11-28 06:30:15 UTC, then alice (a swap)\n  the swap ends"
    )
    assert "other" not in result.out


def test_a_swap_until_a_time_is_sent_with_its_zone(call: Call, daemon: StandIn, state_dir: Path) -> None:
    daemon.body = rotas()
    given = ("--listen", daemon.listen, "--state-dir", state_dir, "--utc", "--reason", "x")
    assert call("oncall", "swap", "a/b", "dave", "--until", "2999-01-01 09:00", *given).code == 0
    ((_, path, sent),) = daemon.asked
    assert (path, sent["until"], "for" in sent) == ("/api/v1/oncall/a%2Fb/swap", "2999-01-01T09:00:00+00:00", False)


def test_unswap(call: Call, daemon: StandIn, state_dir: Path) -> None:
    daemon.body = {"rotas": {"on-call": TURN}}
    result = call("oncall", "unswap", "on-call", "--listen", daemon.listen, "--state-dir", state_dir, "--utc")
    assert daemon.asked == [("POST", "/api/v1/oncall/on-call/unswap", {"by": getpass.getuser()})]
    assert result.out == "on-call: alice until Mon 2026-11-30 08:00 UTC, then bob (by turns: alice, bob)\n"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((), "say when it ends, with --until or with --for"),
        (("--for", "8h", "--until", "18:00"), "say when it ends, with --until or with --for"),
        (("--for", "soon"), "--for soon:"),
        (("--until", "soon"), "--until soon is no time that can be read: write 18:00, monday 09:00"),
        (("--until", "2020-01-01 09:00"), "--until 2020-01-01 09:00 is past: it is "),
    ],
)
def test_an_end_that_is_none_is_2_and_nothing_is_sent(
    call: Call, daemon: StandIn, state_dir: Path, given: tuple[str, ...], said: str
) -> None:
    swap = ("oncall", "swap", "on-call", "dave", "--reason", "x", "--listen", daemon.listen, "--state-dir", state_dir)
    result = call(*swap, *given)
    assert (result.code, daemon.asked) == (2, [])
    assert said in result.err


def test_a_swap_needs_a_reason(call: Call, daemon: StandIn, state_dir: Path) -> None:
    given = ("--listen", daemon.listen, "--state-dir", state_dir)
    result = call("oncall", "swap", "on-call", "dave", "--for", "1h", *given)
    assert (result.code, daemon.asked) == (2, [])
    assert "--reason" in result.err


def test_a_refusal_is_1_with_the_daemon_s_words(call: Call, daemon: StandIn, state_dir: Path) -> None:
    daemon.code = 404
    daemon.body = {"type": "about:blank", "title": "No", "status": 404, "detail": "there is no rota off-call"}
    result = call("oncall", "unswap", "off-call", "--listen", daemon.listen, "--state-dir", state_dir)
    assert (result.code, result.err) == (1, "the daemon refused: there is no rota off-call\n")


# -- times that are still to come


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("18:00", "2026-11-27 18:00"),
        ("13:00", "2026-11-28 13:00"),  # it is 13:00 there
        (" 13:00:01 ", "2026-11-27 13:00:01"),
        ("monday 09:00", "2026-11-30 09:00"),
        ("Friday 18:00", "2026-11-27 18:00"),
        ("friday 09:00", "2026-12-04 09:00"),
        ("2026-12-24 18:00", "2026-12-24 18:00"),
        ("2026-12-24", "2026-12-24 00:00"),
        ("2026-11-30T08:00:00Z", "2026-11-30 09:00"),
        ("2027-03-28 09:00", "2027-03-28 09:00"),  # the other half of the year
    ],
)
def test_a_time_that_is_to_come(text: str, meant: str) -> None:
    assert times.ahead(text, NOW, BERLIN) == datetime.fromisoformat(meant).replace(tzinfo=BERLIN)


@pytest.mark.parametrize("text", ["", "soon", "mon 09:00", "25:00", "monday", "monday 24:61", "-2h", "9999999-01-01"])
def test_what_is_no_time_says_how_one_is_written(text: str) -> None:
    with pytest.raises(ValueError, match="is no time that can be read: write 18:00, monday 09:00"):
        times.ahead(text, NOW, BERLIN)


def test_a_time_that_is_past_is_refused() -> None:
    with pytest.raises(ValueError, match="2026-11-27 13:00 is past: it is 2026-11-27 13:00:00 CET"):
        times.ahead("2026-11-27 13:00", NOW, BERLIN)


def test_a_time_without_a_zone_is_this_machine_s() -> None:
    at = times.ahead("2030-01-01 09:00", NOW, None)
    assert at == datetime(2030, 1, 1, 9).astimezone()
    assert times.ahead("23:59:59", NOW, None) - NOW < timedelta(days=1)
