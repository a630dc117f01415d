"""One alert at Opsgenie from its creation to its end, whatever becomes of the outage and of the answers."""

from __future__ import annotations

from dataclasses import replace

from nemo_watchdog.channel import Letter, Sent
from nemo_watchdog.model import Standing
from nemo_watchdog.notifiers.opsgenie import OpsgenieChannel
from nemo_watchdog.policy.people import Opsgenie
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
from tests.unit.notifiers.services.opsgenie import KEY, OpsgenieService
from tests.unit.notifiers.services.server import Server, Wrong, serving


async def told(server: Server, *letters: Letter, memo: str = "") -> list[Sent]:
    """As a contact remembers it: who leaves nothing keeps what it had."""
    channel, results = OpsgenieChannel(Opsgenie(Secret(KEY), server.url)), list[Sent]()
    for letter in letters:
        results.append(await channel.send(letter, memo))
        memo = results[-1].memo or memo
    await channel.close()
    return results


def asked(server: Server) -> list[str]:
    return [f"{each.method} {each.path.removeprefix('/v2/alerts').partition('?')[0]}" for each in server.got]


async def test_one_alert_from_creation_to_close() -> None:
    """Through a rise in severity, an acknowledgement, and that it is part of another outage."""
    service = OpsgenieService()
    async with serving(service) as server:
        results = await told(server, *OUTAGE)
    assert all(each.delivery.delivered for each in results)
    assert asked(server) == [
        "POST ",
        "PUT /i-1/message",
        "PUT /i-1/priority",
        "POST /i-1/notes",
        "POST /i-1/acknowledge",
        "POST /i-1/close",
    ]
    (alert,) = service.alerts
    assert (alert.alias, alert.priority, alert.state, alert.owner) == ("i-1", "P1", "closed", "alice")
    assert alert.message == "[SEV1] gateway is down"
    assert [note.splitlines()[1] for note in alert.notes] == ["Now SEV1.", "alice has it.", "It goes on there."]
    assert results[0].delivery.detail == "accepted as request r-1"
    assert results[-1].memo == f"over P1 {MERGED.key}"


async def test_what_the_creation_says() -> None:
    async with serving(OpsgenieService()) as server:
        await told(server, OPENED)
    assert server.got[0].body == {
        "message": "[SEV3] gateway is down",
        "alias": "i-1",
        "description": "[SEV3] gateway is down\nSince 03:04 UTC. To take it: nemo-watchdog ack i-1",
        "priority": "P3",
        "source": "Nemo Watchdog",
        "entity": "gateway",
        "details": {
            "severity": "SEV3",
            "since": "2026-11-25T03:04:05+00:00",
            "incidents": "i-1 i-2",
            "link": "https://watchdog.example/incidents/i-1",
        },
    }


async def test_the_same_letter_twice_calls_once() -> None:
    """Whether the answer was lost, or what it left was; what was noted is not noted again."""
    service = OpsgenieService()
    async with serving(service, Wrong(0, heard=True)) as server:
        (lost,) = await told(server, OPENED)
        assert (lost.delivery.delivered, lost.delivery.retryable) == (False, True)
        results = await told(server, OPENED, GRAVER, GRAVER)
        assert results[-1].delivery.delivered
        await told(server, RESOLVED, RESOLVED)
    (alert,) = service.alerts
    assert (alert.state, alert.count) == ("closed", 2)
    assert [note.splitlines()[1] for note in alert.notes] == ["Now SEV1.", "It was down for 5 minutes."]


async def test_nobody_is_called_for_what_healed() -> None:
    async with serving(OpsgenieService()) as server:
        (result,) = await told(server, HEALED)
    assert (result.delivery.delivered, result.delivery.detail) == (True, "no page")
    assert server.got == []


async def test_what_healed_while_its_alert_is_open_there_ends_it() -> None:
    """When the message that it was over could not be delivered before it was down and healed once more."""
    service = OpsgenieService()
    async with serving(service) as server:
        await told(server, OPENED, HEALED)
    assert [each.state for each in service.alerts] == ["closed"]


async def test_who_was_told_first_that_it_is_taken_or_over_is_not_called() -> None:
    service = OpsgenieService()
    async with serving(service) as server:
        results = await told(server, ACKNOWLEDGED)
        results += await told(server, RESOLVED)
    assert all(each.delivery.delivered for each in results)
    assert service.alerts == []


async def test_an_acknowledgement_that_holds_no_more_is_taken_back() -> None:
    """So that Opsgenie calls on."""
    service = OpsgenieService()
    async with serving(service) as server:
        await told(server, OPENED, replace(ACKNOWLEDGED, severity=OPENED.severity), GRAVER)
    (alert,) = service.alerts
    assert (alert.state, alert.priority) == ("open", "P1")
    assert "POST /i-1/unacknowledge" in asked(server)


async def test_what_was_answered_before_it_was_told_there_calls_when_that_holds_no_more() -> None:
    """The first letter that arrives says that somebody has it: there is no alert yet to acknowledge."""
    service = OpsgenieService()
    async with serving(service) as server:
        results = await told(server, ACKNOWLEDGED, GRAVER, RESOLVED)
    assert all(each.delivery.delivered for each in results)
    (alert,) = service.alerts
    assert (alert.message, alert.priority, alert.state) == ("[SEV1] gateway is down", "P1", "closed")


async def test_a_failure_in_the_middle_leaves_what_was_done() -> None:
    service = OpsgenieService()
    async with serving(service) as server:
        before = await told(server, OPENED, replace(ACKNOWLEDGED, severity=OPENED.severity))
        accepted = Wrong(202, '{"requestId": "r"}', heard=True)
        server.wrong = [accepted, accepted, accepted, accepted, Wrong(503)]
        (failed,) = await told(server, REMINDER, memo=before[-1].memo)
        assert (failed.delivery.delivered, failed.delivery.retryable) == (False, True)
        server.got.clear()
        (done,) = await told(server, REMINDER, memo=failed.memo)
    assert done.delivery.delivered
    assert asked(server) == ["POST /i-1/notes"]
    assert service.alerts[0].notes[-1].endswith("Still down.")


async def test_it_comes_back_after_the_end() -> None:
    """The same page again: a new alert, with the same alias."""
    service = OpsgenieService()
    async with serving(service) as server:
        await told(server, OPENED, MERGED, replace(OPENED, key="i-1:8"))
    assert [(each.alias, each.state) for each in service.alerts] == [("i-1", "closed"), ("i-1", "open")]


async def test_an_alias_is_part_of_an_address() -> None:
    """Whatever is in it."""
    service = OpsgenieService()
    odd = replace(OPENED, thread="a/../b?c=d#e %2F ü")
    async with serving(service) as server:
        await told(server, odd, replace(odd, standing=Standing.OVER, key="i-1:2"))
    assert [(each.alias, each.state) for each in service.alerts] == [("a/../b?c=d#e %2F ü", "closed")]


async def test_what_is_longer_than_they_take_is_cut() -> None:
    async with serving(OpsgenieService()) as server:
        await told(server, replace(OPENED, title="x" * 2000, body="y" * 100_000))
    assert len(server.got[0].body["message"]) == 130
    assert len(server.got[0].body["description"]) == 15_000


async def test_a_memo_that_nobody_wrote_is_none() -> None:
    async with serving(OpsgenieService()) as server:
        (result,) = await told(server, OPENED, memo="?")
    assert result.delivery.delivered
    assert asked(server) == ["POST "]
