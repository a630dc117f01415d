"""What a contact reads: how it stands now, how to answer, from where; and a template that fails keeps nothing back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from structlog.testing import capture_logs

from nemo_watchdog.engine import events as ev
from nemo_watchdog.model import Notification, NotificationKind, Severity, Standing
from nemo_watchdog.policy.people import Apprise, Contact, Rota, Telling
from nemo_watchdog.policy.secret_value import Secret
from nemo_watchdog.runtime.answer_links import AnswerLinks
from nemo_watchdog.runtime.rendering import Rendering
from tests.unit.engine.world import dependency, policy
from tests.unit.runtime.shell import Shell

BASE = "https://watchdog.example.com/nemo/"
REACHED = Contact((Apprise(Secret("json://127.0.0.1")),))


class Desk:
    """A declared incident, and who writes about it."""

    def __init__(self, **templates: str) -> None:
        plan = replace(
            policy(dependency("gateway", grace=0.0)),
            contacts={"on-call": REACHED, "lead": Contact(), "team": Contact(rota=Rota(("on-call",), None, 0, UTC))},
            telling=Telling(link=BASE, zone=ZoneInfo("Europe/Berlin")),
            templates={name.replace("__", "."): text for name, text in templates.items()},
        )
        self.shell = Shell(plan)
        core = self.core = self.shell.core
        self.links = AnswerLinks(b"key", lambda: core.clock.now().utc)
        self.rendering = Rendering(core, self.links, "box", lambda name: self.rota.get(name, (name,)))
        self.rota: dict[str, tuple[str, ...]] = {}
        core.tell(ev.DeclareAsked("the provider answers 500", Severity.SEV2, "", "ada"))
        (self.page,) = core.engine.durable.declared

    def notification(self, **more: Any) -> Notification:
        told = Notification(
            key=f"{self.page}:1",
            kind=NotificationKind.OPENED,
            incident=self.page,
            severity=Severity.SEV2,
            root="declared",
            title="[SEV2] reported: the provider",
            body="Reported by ada.\nNext: the watchdog does nothing about it.",
            contacts=("on-call",),
            at=datetime(2026, 1, 5, 12, 0, tzinfo=UTC),
            since=datetime(2026, 1, 5, 11, 59, tzinfo=UTC),
            incidents=(self.page,),
        )
        return replace(told, **more)

    def body(self, contact: str = "on-call", **more: Any) -> list[str]:
        """The lines after the message's own."""
        return self.rendering.render(self.notification(**more), contact).body.splitlines()[2:]

    def troubles(self) -> list[tuple[str, str]]:
        return [(each.what, each.why) for each in self.core.troubles.views()]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_it_says_how_to_answer_and_where_it_comes_from(desk: Desk) -> None:
    """The time in the policy's zone; the link names the page, the contact and the letter."""
    letter = desk.rendering.render(desk.notification(), "on-call")
    page, lines = desk.page, letter.body.splitlines()
    assert lines[2] == f"Answer: `nemo-watchdog ack {page}`"
    assert lines[4:] == [
        f"More: https://watchdog.example.com/nemo/incidents/{page}",
        f"{page}, 2026-01-05 13:00:00 CET, nemo-watchdog on box",
    ]
    start, _, token = lines[3].rpartition("/")
    assert start == "Answer here: https://watchdog.example.com/nemo/ack"
    link = desk.links.read(token)
    assert link is not None
    assert (link.page, link.contact, link.letter) == (page, "on-call", f"{page}:1")
    assert (letter.standing, letter.thread, letter.owner) == (Standing.FIRING, page, "")
    assert letter.link == f"https://watchdog.example.com/nemo/incidents/{page}"


def test_how_it_stands_is_asked_when_it_is_sent(desk: Desk) -> None:
    """Taken since, or over since: a message that was made before says so."""
    desk.core.tell(ev.AcknowledgeAsked(desk.page, "anna"))
    letter = desk.rendering.render(desk.notification(), "on-call")
    assert (letter.standing, letter.owner) == (Standing.ACKNOWLEDGED, "anna")
    assert f"Taken by anna; `nemo-watchdog ack {desk.page}` takes it over." in letter.body
    assert "Answer" not in letter.body
    desk.core.tell(ev.ResolveAsked(desk.page, "mended", "anna"))
    letter = desk.rendering.render(desk.notification(), "on-call")
    assert letter.standing is Standing.OVER
    assert "It is over since 20" in letter.body
    assert "ack" not in letter.body


def test_an_end_does_not_say_twice_that_it_is_over(desk: Desk) -> None:
    desk.core.tell(ev.ResolveAsked(desk.page, "mended", "anna"))
    lines = desk.body(kind=NotificationKind.RESOLVED)
    assert [line for line in lines if "over" in line or "ack" in line] == []


def test_what_calls_nobody_asks_for_no_answer(desk: Desk) -> None:
    """Nor does it lead anywhere, where it is about several outages."""
    told = desk.notification(kind=NotificationKind.MAINTENANCE, incident="", key=":work", incidents=())
    letter = desk.rendering.render(told, "on-call")
    assert letter.body.splitlines()[2:] == ["2026-01-05 13:00:00 CET, nemo-watchdog on box"]
    assert (letter.thread, letter.standing, letter.link) == (":work", Standing.NO_PAGE, "")


def test_a_damaged_journal_calls_until_a_person_accepts_it_and_nobody_takes_it(desk: Desk) -> None:
    """One thread of this host from the damage to its end, which says itself that it is one."""
    desk.core.tell(ev.JournalChanged("record 3 is missing", damaged=True))
    damaged = desk.notification(kind=NotificationKind.JOURNAL, incident="", key="journal:1", incidents=(), since=None)
    letter = desk.rendering.render(damaged, "on-call")
    assert (letter.thread, letter.standing, letter.link) == ("journal on box", Standing.FIRING, "")
    origin = ["2026-01-05 13:00:00 CET, nemo-watchdog on box"]
    assert letter.body.splitlines()[2:] == origin
    desk.core.tell(ev.JournalAccepted("I have looked", "ops", "record 3 is missing"))
    accepted = replace(damaged, kind=NotificationKind.JOURNAL_ACCEPTED, key="journal:2")
    over = desk.rendering.render(accepted, "on-call")
    assert (over.thread, over.standing) == (letter.thread, Standing.OVER)
    assert over.body.splitlines()[2:] == origin
    assert desk.rendering.render(damaged, "on-call").standing is Standing.OVER


def test_what_stands_in_the_log_only_holds_no_link_that_takes_it(desk: Desk) -> None:
    """A contact without an address is logged; who takes turns has addresses elsewhere."""
    assert not any("/ack/" in line for line in desk.body("lead"))
    assert not any("/ack/" in line for line in desk.body("nobody"))
    assert any("/ack/" in line for line in desk.body("team"))


def test_a_link_is_of_who_has_the_turn_when_it_is_sent(desk: Desk) -> None:
    """Of several who have it at once nobody knows which one will answer."""

    def person() -> str:
        (line,) = (line for line in desk.body("team") if "/ack/" in line)
        link = desk.links.read(line.rpartition("/")[2])
        assert link is not None
        assert link.contact == "team"
        return link.person

    found = [person()]
    for people in (("anna",), ("anna", "ben")):
        desk.rota["team"] = people
        found.append(person())
    assert found == ["team", "anna", "team"]


def test_a_template_of_the_policy_writes_it() -> None:
    desk = Desk(title__j2="{{ severity }}\n{{ root }}", body__j2="{{ ack }} {{ since }}")
    letter = desk.rendering.render(desk.notification(), "on-call")
    assert letter.title == "SEV2 declared"
    assert letter.body == f"nemo-watchdog ack {desk.page} 2026-01-05 12:59:00 CET"
    assert desk.troubles() == []


def test_a_template_that_fails_keeps_nothing_back() -> None:
    """The default stands in; that is a trouble until it works again, said once, without what it was given."""
    desk = Desk(body__j2="{% if incidents | length > 1 %}{{ incidents[5] }}{% endif %}\n{{ body }}")
    two = desk.notification(incidents=(desk.page, "another"))
    with capture_logs() as lines:
        for _ in range(2):
            assert "Answer: `nemo-watchdog ack" in desk.rendering.render(two, "on-call").body
    (said,) = (line for line in lines if line["event"] == "a template failed: the default stands in")
    assert (said["template"], said["where"]) == ("body.j2", "line 1 of body.j2: UndefinedError")
    assert desk.troubles() == [
        ("template body.j2 is not used", "the default stands in; line 1 of body.j2: UndefinedError")
    ]
    assert desk.rendering.render(desk.notification(), "on-call").body == desk.notification().body
    assert desk.troubles() == []


def test_what_even_the_default_cannot_write_is_sent_as_it_is(desk: Desk) -> None:
    """Whatever it is, a message leaves."""
    letter = desk.rendering.render(desk.notification(title=" ", body="y" * 50_000), "on-call")
    assert letter.body == "y" * 4000
    assert letter.title == ""


def test_a_reload_takes_effect_with_the_next_letter(desk: Desk) -> None:
    plan = desk.core.engine.policy
    desk.core.tell(ev.PolicyChanged(replace(plan, templates={"title.j2": "new"})))
    assert desk.rendering.render(desk.notification(), "on-call").title == "new"
