"""The timeline: what is essential, an order with what came of it, what repeats as one, and how much was left out."""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from nemo_watchdog.incident_views import DeliveryView
from nemo_watchdog.report.timeline import MOST_LINES
from tests.unit.report.parts import attempt, entry, facts, written

OPENED = entry("03:12", "incident_opened", "gateway is down: timeout")
RESOLVED = entry("03:40", "incident_resolved", "every member is up", None)


def test_the_milestones_have_their_names() -> None:
    """Those that a post-mortem is asked for, the first sign among them where the record has one."""
    found = written(
        facts(
            entry("03:11", "first_sign", "gateway gave no answer"),
            OPENED,
            entry("03:20", "incident_acknowledged", "ops has taken it", None),
            entry("03:39", "member_recovered", "gateway serves again"),
            RESOLVED,
        ),
        "Timeline",
    )
    assert found == [
        "03:11 - First sign: gateway gave no answer",
        "03:12 - Detected: gateway is down: timeout",
        "03:20 - Acknowledged: ops has taken it",
        "03:39 - Mitigated: gateway serves again",
        "03:40 - Resolved: every member is up",
    ]


def test_only_what_was_seen_of_a_member_is_a_first_sign() -> None:
    """And not what somebody did to it, or what was seen of another."""
    of = facts(entry("03:10", "paused", "a pause"), entry("03:11", "first_sign", "redis is slow", "redis"), OPENED)
    assert written(of, "Timeline")[:2] == ["03:10 - a pause", "03:12 - Detected: gateway is down: timeout"]


def test_an_action_its_outcome_and_its_verification_are_one_line() -> None:
    found = written(facts(*attempt("03:12"), *attempt("03:20", verdict="member_recovered"), RESOLVED), "Timeline")
    assert found[:2] == [
        "03:12 - a restart was ordered; it succeeded; did not help: attempt_failed!",
        "03:20 - a restart was ordered; it succeeded; verified at 03:20",
    ]
    assert found[2:] == ["03:20 - Mitigated: member_recovered!", "03:40 - Resolved: every member is up"]


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        ("failed", "a restart was ordered; it failed"),
        ("succeeded", "a restart was ordered; it succeeded; not verified"),
    ],
)
def test_an_action_that_nobody_verified(outcome: str, said: str) -> None:
    """One that surely failed is not looked at again; one that is under way is said to be so."""
    assert written(facts(*attempt("03:12", outcome, "")), "Timeline") == [f"03:12 - {said}"]


def test_what_was_tried_again_and_again_is_one_line() -> None:
    tried = [each for clock in ("03:12", "03:20", "03:30", "03:40") for each in attempt(clock)]
    assert written(facts(*tried), "Timeline") == [
        "03:12 - gateway restarted 4 times between 03:12 and 03:40, none helped"
    ]


def test_what_ended_otherwise_is_not_folded_with_it() -> None:
    """Three that did not help, and the one that did."""
    tried = [each for clock in ("03:12", "03:20", "03:30") for each in attempt(clock)]
    found = written(facts(*tried, *attempt("03:35", verdict="member_recovered"), RESOLVED), "Timeline")
    assert found[0] == "03:12 - gateway restarted 3 times between 03:12 and 03:30, none helped"
    assert found[1] == "03:35 - a restart was ordered; it succeeded; verified at 03:35"


def test_two_dependencies_are_told_apart() -> None:
    tried = [
        each for clock in ("03:12", "03:20", "03:30") for name in ("a", "b") for each in attempt(clock, dependency=name)
    ]
    assert [each.split(",")[0] for each in written(facts(*tried), "Timeline")] == [
        "03:12 - a restarted 3 times between 03:12 and 03:30",
        "03:12 - b restarted 3 times between 03:12 and 03:30",
    ]


def test_changes_that_repeat_are_one_line() -> None:
    downs = [entry(f"03:{minute}", "member_down", "gateway is down") for minute in range(20, 26)]
    assert written(facts(OPENED, *downs), "Timeline")[1:] == ["03:20 - gateway is down (and so 6 times until 03:25)"]


def test_a_recovery_that_did_not_last_is_no_mitigation() -> None:
    found = written(
        facts(OPENED, entry("03:20", "member_recovered", "up"), entry("03:30", "member_down", "down again"), RESOLVED),
        "Timeline",
    )
    assert found[1:3] == ["03:20 - up", "03:30 - down again"]


def test_the_day_is_named_when_it_changes() -> None:
    """The zone decides when that is, and the report names it once."""
    of = facts(OPENED, entry("2026-11-23T23:30:00", "severity_raised", "now SEV1"), RESOLVED)
    assert written(of, "Timeline")[-1] == "23:30 - now SEV1"
    berlin = replace(of, zone=ZoneInfo("Europe/Berlin"))
    assert written(berlin, "Timeline")[-1] == "2026-11-24 00:30 - now SEV1"
    assert written(berlin, "Incident Summary")[:2] == [
        "Date: 2026-11-23, times in Europe/Berlin",
        "Duration: 28 minutes (04:12 to 04:40)",
    ]


def test_of_five_hundred_entries_thirty_lines_remain() -> None:
    """The milestones among them, in the order of time; the rest is counted, and where it is to be had is said."""
    many = [entry(f"03:{n % 25 + 13:02}:{n // 25:02}", "member_down", f"d{n} is down", f"d{n}") for n in range(498)]
    found = written(facts(OPENED, *sorted(many, key=lambda each: each.at), RESOLVED), "Timeline")
    assert len(found) == MOST_LINES + 1
    assert (found[0], found[-2]) == (
        "03:12 - Detected: gateway is down: timeout",
        "03:40 - Resolved: every member is up",
    )
    clocks = [each[:5] for each in found[:-1]]
    assert clocks == sorted(clocks)
    assert found[-1] == "470 more entries were left out: nemo-watchdog incident 20261123-031200-gateway shows all."


def test_what_is_not_essential_is_counted() -> None:
    """What was decided and what was told well is no news of the incident."""
    told = DeliveryView("ops", "opened", "down", OPENED.at, "delivered", OPENED.at, 0)
    found = written(facts(OPENED, entry("03:12", "delivered"), deliveries=[told]), "Timeline")
    assert found == [
        "03:12 - Detected: gateway is down: timeout",
        "1 more entry was left out: nemo-watchdog incident 20261123-031200-gateway shows all.",
    ]


def test_a_record_without_a_timeline_says_so() -> None:
    assert written(facts(), "Timeline") == ["The record has no timeline any more."]


def test_a_long_line_is_cut() -> None:
    found = written(facts(replace(OPENED, said="x" * 5000)), "Timeline")
    assert len(found[0]) < 330
