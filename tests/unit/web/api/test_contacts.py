"""`/api/v1/contacts/NAME/test`: the example goes out as every message does, and each address's answer is told."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC

import pytest

from nemo_watchdog import records as r
from nemo_watchdog.channel import Letter, Sent
from nemo_watchdog.engine import events as ev
from nemo_watchdog.model import NotificationKind, Standing
from nemo_watchdog.policy.people import Address, Apprise, Contact, PagerDuty, Rota, Telling
from nemo_watchdog.policy.policy import Policy
from nemo_watchdog.policy.secret_value import Secret
from nemo_watchdog.ports import Delivery
from nemo_watchdog.runtime import contact_test
from tests.unit.web.site import BEARER, Site, detail

MAIL, CHAT = Apprise(Secret("mailto://hunter2@example.com")), Apprise(Secret("slack://hunter2"))
PAGER = PagerDuty(Secret("hunter2"), "https://events.pagerduty.com")
NO = Sent(Delivery(delivered=False, retryable=True, detail="it said no"))


def contacts(site: Site, **more: Contact) -> None:
    """The policy has these as well."""
    core = site.daemon.shell.core
    plan: Policy = core.engine.policy
    templates = {"title.j2": "{{ title }} for {{ contact }}"}
    telling = Telling(link="https://watchdog.example.com")
    all_ = {**plan.contacts, **more}
    core.tell(ev.PolicyChanged(replace(plan, contacts=all_, templates=templates, telling=telling)))


async def sent_to(site: Site, name: str) -> dict[str, object]:
    response = await site.client.post(f"/api/v1/contacts/{name}/test", json={"by": "ada"}, headers=BEARER)
    assert response.status == 200
    answer: dict[str, object] = await response.json()
    return answer


async def test_each_address_gets_the_example_as_it_would_any_message(site: Site) -> None:
    """By the templates of the policy; what each made of it is told by its number, and no address shows."""
    contacts(site, crew=Contact((MAIL, CHAT)))
    site.answers[CHAT] = NO
    answer = await sent_to(site, "crew")
    of_crew = {"contact": "crew", "of": 2, "service": "apprise"}
    assert answer == {
        "contact": "crew",
        "title": "[SEV4] Test: nothing is wrong",
        "ok": False,
        "answers": [
            {**of_crew, "address": 1, "delivered": True, "detail": ""},
            {**of_crew, "address": 2, "delivered": False, "detail": "it said no"},
        ],
    }
    assert [address for address, _, _ in site.sent] == [MAIL, CHAT]
    letter = site.sent[0][1]
    assert letter.title == "[SEV4] Test: nothing is wrong for crew"
    assert "ada asked for it with `nemo-watchdog test-notify crew`" in letter.body
    assert "nemo-watchdog ack" not in letter.body
    assert letter.link == ""
    assert "hunter2" not in str(answer)


async def test_the_link_of_an_example_says_that_it_works_and_takes_nothing(site: Site) -> None:
    """Again and again: nothing is used up."""
    contacts(site, crew=Contact((MAIL,)))
    await sent_to(site, "crew")
    link = next(each for each in site.sent[0][1].body.split() if "/ack/" in each)
    path = link.removeprefix("https://watchdog.example.com")
    for response in (await site.get(path), await site.client.post(path), await site.client.post(path)):
        text = await response.text()
        assert (response.status, "This link works" in text, "<form" in text) == (200, True, False)
    assert r.IncidentAcknowledged.TYPE not in site.daemon.shell.memory.types()


async def test_what_keeps_incidents_hears_that_it_is_over(site: Site) -> None:
    """Of the same thread, with what it gave to remember; where it does not take that, it is said."""
    contacts(site, crew=Contact((PAGER,)))
    assert (await sent_to(site, "crew"))["ok"] is True
    (_, first, before), (_, second, memo) = site.sent
    assert (first.standing, second.standing) == (Standing.FIRING, Standing.OVER)
    assert (first.kind, second.kind) == (NotificationKind.OPENED, NotificationKind.RESOLVED)
    assert first.thread == second.thread
    assert first.key != second.key
    assert (before, memo) == ("", "a memo")

    async def takes_no_end(address: Address, letter: Letter, memo: str) -> Sent:
        return NO if letter.standing is Standing.OVER else Sent(Delivery(delivered=True))

    test = replace(site.contact_test, send=takes_no_end)
    (said,) = (await test.run("crew", "ada")).answers
    assert (said.delivered, said.detail) == (False, "it took that it began, and not that it is over: it said no")


async def test_who_takes_turns_is_asked_for(site: Site) -> None:
    contacts(site, crew=Contact((MAIL,)), rota=Contact(rota=Rota(("crew",), None, 0, UTC)))
    test = replace(site.contact_test, people_of=lambda name: ["crew"] if name == "rota" else [name])
    (said,) = (await test.run("rota", "ada")).answers
    assert (said.contact, said.delivered) == ("crew", True)


async def test_an_address_that_hangs_or_breaks_is_an_answer(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within its time; the others are told all the same."""
    contacts(site, crew=Contact((MAIL, CHAT, PAGER)))
    monkeypatch.setattr(contact_test, "WITHIN", 0.1)

    async def send(address: Address, letter: Letter, memo: str) -> Sent:
        if address is MAIL:
            await asyncio.Event().wait()
        if address is CHAT:
            raise RuntimeError("hunter2")
        return Sent(Delivery(delivered=True))

    test = replace(site.contact_test, send=send)
    view = await test.run("crew", "ada")
    assert [(each.delivered, each.detail) for each in view.answers] == [
        (False, "no answer within 100ms"),
        (False, "the channel raised RuntimeError"),
        (True, ""),
    ]


@pytest.mark.parametrize(
    ("name", "status", "words"),
    [
        ("nobody", 404, "there is no contact nobody; there are: on-call, lead"),
        ("a%1bb", 404, "there is no contact a\\x1bb;"),
        ("on-call", 409, "on-call has no address: what it is told stands in the log only"),
    ],
)
async def test_what_cannot_be_tested_is_answered_with_why(site: Site, name: str, status: int, words: str) -> None:
    response = await site.client.post(f"/api/v1/contacts/{name}/test", json={}, headers=BEARER)
    assert response.status == status
    assert words in await detail(response)
    assert site.sent == []


async def test_it_needs_the_token(site: Site) -> None:
    assert (await site.client.post("/api/v1/contacts/on-call/test", json={})).status == 401
