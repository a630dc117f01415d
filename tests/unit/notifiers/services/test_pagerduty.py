"""One incident at PagerDuty from trigger to resolve, whatever becomes of the outage and of the answers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from nemo_watchdog.channel import Letter, Sent
from nemo_watchdog.notifiers.pagerduty import PagerDutyChannel
from nemo_watchdog.policy.people import PagerDuty
from nemo_watchdog.policy.secret_value import Secret
from tests.unit.notifiers.services.letters import (
    ACKNOWLEDGED,
    GRAVER,
    HEALED,
    MERGED,
    OPENED,
    OUTAGE,
    REMINDER,
    RESOLVED,
)
from tests.unit.notifiers.services.pagerduty import KEY, PagerDutyService
from tests.unit.notifiers.services.server import Server, Wrong, serving


def channel_to(server: Server) -> PagerDutyChannel:
    return PagerDutyChannel(PagerDuty(Secret(KEY), server.url))


async def told(server: Server, *letters: Letter, memo: str = "") -> list[Sent]:
    """Each is given what the one before it left."""
    channel, results = channel_to(server), list[Sent]()
    for letter in letters:
        results.append(await channel.send(letter, results[-1].memo if results else memo))
    await channel.close()
    return results


def actions(server: Server) -> list[tuple[str, str]]:
    return [(each.body["event_action"], each.body["dedup_key"]) for each in server.got]


async def test_one_key_from_trigger_to_resolve() -> None:
    """Through a rise in severity, an acknowledgement, and that it is part of another outage."""
    service = PagerDutyService()
    async with serving(service) as server:
        results = await told(server, *OUTAGE)
    assert all(each.delivery.delivered for each in results)
    assert actions(server) == [("trigger", "i-1"), ("trigger", "i-1"), ("acknowledge", "i-1"), ("resolve", "i-1")]
    (incident,) = service.incidents
    assert incident.state == "resolved"
    assert [each["severity"] for each in incident.log] == ["warning", "critical"]
    assert results[-1].memo == ""


async def test_what_a_trigger_says() -> None:
    async with serving(PagerDutyService()) as server:
        await told(server, OPENED)
    event: dict[str, Any] = server.got[0].body
    assert event == {
        "routing_key": KEY,
        "event_action": "trigger",
        "dedup_key": "i-1",
        "client": "Nemo Watchdog",
        "client_url": "https://watchdog.example/incidents/i-1",
        "links": [{"href": "https://watchdog.example/incidents/i-1", "text": "the incident"}],
        "payload": {
            "summary": "[SEV3] gateway is down",
            "source": "gateway",
            "severity": "warning",
            "timestamp": "2026-11-25T03:04:05+00:00",
            "component": "gateway",
            "class": "opened",
            "custom_details": {
                "message": "Since 03:04 UTC. To take it: nemo-watchdog ack i-1",
                "incidents": ["i-1", "i-2"],
                "key": "i-1:1",
            },
        },
    }


async def test_what_follows_says_only_what_it_is_about() -> None:
    """No text that would be taken for a new problem, and no link where there is none."""
    async with serving(PagerDutyService()) as server:
        await told(server, replace(OPENED, link=""), ACKNOWLEDGED)
    assert not {"links", "client_url"} & server.got[0].body.keys()
    assert server.got[1].body.keys() == {"routing_key", "event_action", "dedup_key"}


async def test_the_same_letter_twice_calls_once() -> None:
    """Whether the answer was lost, or what it left was."""
    service = PagerDutyService()
    async with serving(service, Wrong(0, heard=True)) as server:
        (lost,) = await told(server, OPENED)
        assert (lost.delivery.delivered, lost.delivery.retryable) == (False, True)
        await told(server, OPENED, OPENED)
        await told(server, OPENED)
        await told(server, RESOLVED, RESOLVED)
    (incident,) = service.incidents
    assert incident.state == "resolved"


async def test_nobody_is_called_for_what_healed() -> None:
    async with serving(PagerDutyService()) as server:
        (result,) = await told(server, HEALED)
    assert (result.delivery.delivered, result.delivery.detail) == (True, "no page")
    assert server.got == []


async def test_what_healed_while_its_incident_is_open_there_ends_it() -> None:
    """When the message that it was over could not be delivered before it was down and healed once more."""
    service = PagerDutyService()
    async with serving(service) as server:
        await told(server, OPENED, HEALED)
    assert [each.state for each in service.incidents] == ["resolved"]


async def test_who_was_told_first_that_it_is_taken_or_over_is_not_called() -> None:
    service = PagerDutyService()
    async with serving(service) as server:
        results = await told(server, ACKNOWLEDGED)
        results += await told(server, RESOLVED)
    assert all(each.delivery.delivered for each in results)
    assert service.incidents == []


async def test_an_acknowledgement_that_holds_no_more_calls_again() -> None:
    """With the same key: while it is acknowledged there, a trigger calls nobody."""
    service = PagerDutyService()
    async with serving(service) as server:
        await told(server, OPENED, replace(ACKNOWLEDGED, severity=OPENED.severity), GRAVER, RESOLVED)
    assert [each for each, _ in actions(server)] == ["trigger", "acknowledge", "resolve", "trigger", "resolve"]
    assert [each.key for each in service.incidents] == ["i-1", "i-1"]
    assert {each.state for each in service.incidents} == {"resolved"}


async def test_a_failure_between_the_two_leaves_what_was_done() -> None:
    """So that what is tried again calls once."""
    service = PagerDutyService()
    async with serving(service) as server:
        before = await told(server, OPENED, ACKNOWLEDGED)
        server.wrong = [Wrong(202, "{}", heard=True), Wrong(500)]
        (failed,) = await told(server, REMINDER, memo=before[-1].memo)
        assert (failed.delivery.delivered, failed.memo) == (False, "")
        await told(server, REMINDER, memo=failed.memo)
    assert [each.state for each in service.incidents] == ["resolved", "triggered"]


async def test_it_comes_back_after_the_end() -> None:
    """The same page again: a new incident there, with the same key."""
    service = PagerDutyService()
    async with serving(service) as server:
        await told(server, OPENED, MERGED, replace(OPENED, key="i-1:8"))
    assert [each.state for each in service.incidents] == ["resolved", "triggered"]


async def test_what_is_longer_than_they_take_is_cut() -> None:
    async with serving(PagerDutyService()) as server:
        await told(server, replace(OPENED, title="x" * 2000, body="y" * 1_000_000, thread="z" * 300))
    assert len(server.got[0].raw) < 512_000
    assert server.got[0].body["payload"]["summary"].endswith("…")
    assert len(server.got[0].body["dedup_key"]) == 255
