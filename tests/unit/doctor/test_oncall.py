"""Who has a rota by policy and calendar, and a calendar that cannot be used."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from nemo_watchdog.doctor.oncall import look_at_rotas
from nemo_watchdog.policy.people import Contact, Rota
from nemo_watchdog.policy.policy import Policy
from tests.unit.doctor.parts import told
from tests.unit.engine.world import dependency, policy
from tests.unit.test_oncall_calendar import calendar, event

AT = datetime(2026, 11, 27, 12, tzinfo=UTC)


def with_rota(people: tuple[str, ...], file: str = "") -> Policy:
    rota = Rota(people, 0, 540, ZoneInfo("Europe/Berlin"), file)
    contacts = {"on-call": Contact(rota=rota), "alice": Contact(), "bob": Contact()}
    return replace(policy(dependency("redis")), contacts=contacts)


def test_a_policy_without_a_rota_has_no_line() -> None:
    assert list(look_at_rotas(policy(dependency("redis")), AT)) == []


def test_it_says_who_has_it_until_when() -> None:
    assert told(list(look_at_rotas(with_rota(("bob", "alice")), AT))) == [
        ("on call on-call", "good", "by policy and calendar alice has it until Mon 2026-11-30 09:00 CET", "")
    ]
    assert told(list(look_at_rotas(with_rota(("bob",)), AT)))[0][2] == "by policy and calendar bob has it"


def test_a_calendar_counts(tmp_path: Path) -> None:
    file = tmp_path / "oncall.ics"
    file.write_text(calendar(event("DTSTART:20261127T100000Z\nDTEND:20261127T140000Z", "bob")))
    ((_, grade, seen, _),) = told(list(look_at_rotas(with_rota(("alice", "alice"), str(file)), AT)))
    assert (grade, seen) == ("good", "by policy and calendar bob has it until Fri 2026-11-27 15:00 CET")


def test_a_calendar_that_cannot_be_used_is_bad_and_the_turn_is_said(tmp_path: Path) -> None:
    file = tmp_path / "oncall.ics"
    bad, good = told(list(look_at_rotas(with_rota(("bob", "alice"), str(file)), AT)))
    assert bad[:3] == ("on call on-call", "bad", f"the calendar {file} is not used: there is no such file")
    assert "contacts.on-call.calendar" in bad[3]
    assert "alice has it" in good[2]
    file.write_text(calendar(event("DTSTART:20261127T100000Z\nDTEND:20261127T140000Z", "Alcie")))
    bad, _ = told(list(look_at_rotas(with_rota(("bob", "alice"), str(file)), AT)))
    assert "it says `Alcie`" in bad[2]
