"""What a webhook gets, and how whoever takes it knows who sent it."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import replace
from pathlib import Path

from nemo_watchdog.notifiers.webhook import WebhookChannel, document_of, signature
from nemo_watchdog.policy.people import Webhook
from nemo_watchdog.policy.secret_value import Secret
from tests.unit.notifiers.services.letters import HEALED, OPENED, OUTAGE
from tests.unit.notifiers.services.server import Wrong, serving
from tests.unit.notifiers.services.webhook import KEY, WebhookService

PAGE = Path(__file__).parents[4] / "docs" / "policy.md"


async def test_the_document() -> None:
    """As docs/policy.md has it."""
    service = WebhookService()
    async with serving(service) as server:
        channel = WebhookChannel(Webhook(Secret(f"{server.url}/hook"), Secret(KEY)))
        result = await channel.send(OPENED, "")
        await channel.close()
    assert (result.delivery.delivered, result.delivery.detail) == (True, "HTTP 204")
    assert service.taken == {
        "i-1:1": {
            "version": 1,
            "key": "i-1:1",
            "thread": "i-1",
            "contact": "on-call",
            "kind": "opened",
            "standing": "firing",
            "severity": "SEV3",
            "root": "gateway",
            "title": "[SEV3] gateway is down",
            "body": "Since 03:04 UTC. To take it: nemo-watchdog ack i-1",
            "at": "2026-11-25T03:04:15.000Z",
            "since": "2026-11-25T03:04:05.000Z",
            "incidents": ["i-1", "i-2"],
            "owner": "",
            "link": "https://watchdog.example/incidents/i-1",
        }
    }


def test_the_page_shows_the_document() -> None:
    """As it is posted, field by field."""
    shown = PAGE.read_text(encoding="utf-8").split("<!-- webhook -->")[1].split("<!-- /webhook -->")[0]
    document = json.loads(shown.partition("```json")[2].partition("```")[0])
    assert document == document_of(OPENED)
    assert list(document) == list(document_of(OPENED))


def test_the_signature() -> None:
    """Over the time, a point and the body, in hexadecimal digits."""
    expected = hmac.new(b"s3cret", b'1764039845.{"a": 1}', hashlib.sha256).hexdigest()
    assert signature("s3cret", 1764039845, b'{"a": 1}') == f"t=1764039845,v1={expected}"


def test_a_secret_of_bytes_that_are_no_text_signs_as_those_bytes() -> None:
    expected = hmac.new(b"s\xff", b"1.{}", hashlib.sha256).hexdigest()
    assert signature("s\udcff", 1, b"{}") == f"t=1,v1={expected}"


async def test_the_time_is_that_of_sending() -> None:
    """Not of the letter: one that is sent late would be taken for an old one that is replayed."""
    async with serving(WebhookService()) as server:
        channel = WebhookChannel(Webhook(Secret(server.url), Secret(KEY)), now=lambda: 1_800_000_000.9)
        await channel.send(OPENED, "")
        await channel.close()
    assert server.got[0].headers["x-nemo-watchdog-signature"].startswith("t=1800000000,v1=")


async def test_without_a_secret_it_is_not_signed() -> None:
    async with serving(WebhookService(), Wrong(200)) as server:
        channel = WebhookChannel(Webhook(Secret(server.url), Secret("")))
        result = await channel.send(OPENED, "")
        await channel.close()
    assert result.delivery.delivered
    assert "x-nemo-watchdog-signature" not in server.got[0].headers
    assert server.got[0].headers["x-nemo-watchdog-key"] == "i-1:1"


async def test_a_letter_that_is_sent_again_has_the_same_key() -> None:
    """Whoever takes it knows by it that there is one, though the answer was lost."""
    service = WebhookService()
    async with serving(service, Wrong(0, heard=True)) as server:
        channel = WebhookChannel(Webhook(Secret(server.url), Secret(KEY)))
        results = [await channel.send(letter, "") for letter in (OPENED, OPENED, *OUTAGE, HEALED)]
        await channel.close()
    assert [each.delivery.delivered for each in results] == [False, *[True] * 6]
    assert list(service.taken) == ["i-1:1", "i-1:2", "i-1:3", "i-1:5", "i-1:7"]
    assert {each["thread"] for each in service.taken.values()} == {"i-1"}
    assert [each["standing"] for each in service.taken.values()] == [
        "firing",
        "firing",
        "acknowledged",
        "over",
        "no_page",
    ]


async def test_what_of_the_address_is_secret_is_told_nowhere() -> None:
    """Its path and its questions may be keys, and a page of an error repeats them."""
    page = "no route for T0k3nInThePath01 with ?sig=Qu3st10nK3y99 by ops and hunter2!pass"
    async with serving(WebhookService(), Wrong(404, page)) as server:
        where = server.url.replace("http://", "http://ops:hunter2!pass@")
        channel = WebhookChannel(Webhook(Secret(f"{where}/hooks/T0k3nInThePath01?sig=Qu3st10nK3y99"), Secret(KEY)))
        result = await channel.send(OPENED, "")
        await channel.close()
    assert not result.delivery.delivered
    assert "no route for" in result.delivery.detail
    assert not any(each in result.delivery.detail for each in ("T0k3nInThePath01", "Qu3st10nK3y99", "hunter2"))
    assert server.got[0].headers["authorization"].startswith("Basic ")


async def test_a_key_that_no_header_can_carry_is_a_failure_for_good() -> None:
    async with serving(WebhookService()) as server:
        channel = WebhookChannel(Webhook(Secret(server.url), Secret("")))
        result = await channel.send(replace(OPENED, key="a\r\nX-Evil: b"), "")
        await channel.close()
    assert (result.delivery.delivered, result.delivery.retryable) == (False, False)
    assert "Evil" not in result.delivery.detail
    assert server.got == []


async def test_what_cannot_be_written_in_utf_8_is_taken_as_it_is_signed() -> None:
    """Half of a pair of surrogates."""
    service = WebhookService()
    async with serving(service) as server:
        channel = WebhookChannel(Webhook(Secret(server.url), Secret(KEY)))
        result = await channel.send(replace(OPENED, body="half \ud83d"), "")
        await channel.close()
    assert result.delivery.delivered
    assert service.taken["i-1:1"]["body"] == "half \ud83d"
