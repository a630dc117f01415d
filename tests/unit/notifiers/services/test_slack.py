"""One thread at Slack for an outage, a headline that says how it stands, and a channel of its own for what is grave."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from nemo_watchdog.channel import Letter, Sent
from nemo_watchdog.model import NotificationKind, Severity, Standing
from nemo_watchdog.notifiers.slack import SlackChannel
from nemo_watchdog.policy.people import Slack
from nemo_watchdog.policy.secret_value import Secret
from tests.unit.notifiers.services.letters import (
    ACKNOWLEDGED,
    GRAVER,
    HEALED,
    OPENED,
    OUTAGE,
    REMINDER,
    RESOLVED,
)
from tests.unit.notifiers.services.server import Server, Wrong, serving
from tests.unit.notifiers.services.slack import TOKEN, SlackService

UNANSWERED = replace(GRAVER, key="i-1:9", kind=NotificationKind.UNANSWERED, body="Nobody has answered.")


async def told(
    server: Server, *letters: Letter, memo: str = "", rooms: bool = False, deadline: float = 10.0
) -> list[Sent]:
    address = Slack(Secret(TOKEN), "outages", server.url, rooms, ("U1", "U2") if rooms else ())
    channel, results = SlackChannel(address, deadline), list[Sent]()
    for letter in letters:
        results.append(await channel.send(letter, results[-1].memo if results else memo))
    await channel.close()
    return results


def asked(server: Server) -> list[str]:
    return [each.path.removeprefix("/api/") for each in server.got]


async def test_one_thread_and_a_headline_that_says_how_it_stands() -> None:
    """Through a rise in severity, an acknowledgement, and that it is part of another outage."""
    service = SlackService()
    async with serving(service) as server:
        results = await told(server, *OUTAGE)
    assert all(each.delivery.delivered for each in results)
    (headline,) = service.in_channel("C1")
    assert (headline.title, headline.edits) == ("[SEV1] gateway is part of i-9", 3)
    assert [(each.title, each.aloud) for each in service.in_thread(headline.ts)] == [
        ("[SEV1] gateway is down", True),
        ("[SEV1] gateway is down", False),
        ("[SEV1] gateway is part of i-9", False),
    ]


async def test_the_headline_says_who_has_it() -> None:
    service = SlackService()
    async with serving(service) as server:
        await told(server, OPENED, ACKNOWLEDGED)
    (headline,) = service.in_channel("C1")
    assert headline.said["blocks"][-1]["elements"] == [
        {"type": "plain_text", "text": "Acknowledged by alice", "emoji": False},
        {"type": "mrkdwn", "text": "<https://watchdog.example/incidents/i-1|The incident>"},
    ]


async def test_what_changes_nothing_edits_nothing() -> None:
    """And whom nobody has answered is told aloud."""
    service = SlackService()
    async with serving(service) as server:
        await told(server, GRAVER, REMINDER, UNANSWERED)
    (headline,) = service.in_channel("C1")
    assert headline.edits == 0
    assert [each.aloud for each in service.in_thread(headline.ts)] == [False, True]


async def test_it_comes_back_after_the_end() -> None:
    """In the same thread, and aloud: nobody reads the thread of what is over."""
    service = SlackService()
    async with serving(service) as server:
        await told(server, OPENED, RESOLVED, replace(OPENED, key="i-1:8"))
    (headline,) = service.in_channel("C1")
    assert headline.title == OPENED.title
    assert [each.aloud for each in service.in_thread(headline.ts)] == [False, True]


async def test_what_healed_begins_no_thread() -> None:
    service = SlackService()
    async with serving(service) as server:
        results = await told(server, HEALED, OPENED)
    assert (results[0].delivery.delivered, results[0].memo) == (True, "")
    assert [each.title for each in service.in_channel("C1")] == [HEALED.title, OPENED.title]


async def test_what_healed_in_the_thread_that_is_there() -> None:
    service = SlackService()
    async with serving(service) as server:
        await told(server, OPENED, RESOLVED, HEALED)
    (headline,) = service.in_channel("C1")
    assert headline.title == RESOLVED.title
    assert [each.title for each in service.in_thread(headline.ts)] == [RESOLVED.title, HEALED.title]


async def test_the_same_letter_twice_is_one_message() -> None:
    service = SlackService()
    async with serving(service) as server:
        results = await told(server, OPENED, OPENED, RESOLVED, RESOLVED)
    assert all(each.delivery.delivered for each in results)
    assert len(service.messages) == 2


async def test_a_failure_in_the_middle_leaves_what_was_done() -> None:
    """The headline was edited; the reply is tried again."""
    service = SlackService()
    async with serving(service) as server:
        (opened,) = await told(server, OPENED)
        server.wrong = [Wrong(200, '{"ok": true}', heard=True), Wrong(500)]
        (failed,) = await told(server, GRAVER, memo=opened.memo)
        assert (failed.delivery.delivered, failed.delivery.retryable) == (False, True)
        server.got.clear()
        (done,) = await told(server, GRAVER, memo=failed.memo)
    assert done.delivery.delivered
    assert asked(server) == ["chat.postMessage"]
    assert len(service.messages) == 2


@pytest.mark.parametrize("code", ["message_not_found", "edit_window_closed", "cant_update_message"])
async def test_a_headline_that_cannot_be_edited_is_no_reason_not_to_tell(code: str) -> None:
    service = SlackService()
    async with serving(service) as server:
        (opened,) = await told(server, OPENED)
        service.refuses["chat.update"] = code
        results = await told(server, GRAVER, UNANSWERED, memo=opened.memo)
    assert all(each.delivery.delivered for each in results)
    assert asked(server).count("chat.update") == 1
    assert len(service.messages) == 3


async def test_a_thread_that_somebody_deleted_begins_anew() -> None:
    service = SlackService()
    async with serving(service) as server:
        (opened,) = await told(server, OPENED)
        service.messages.clear()
        results = await told(server, GRAVER, RESOLVED, memo=opened.memo)
    assert all(each.delivery.delivered for each in results)
    (headline,) = service.in_channel("C1")
    assert headline.title == RESOLVED.title
    assert len(service.in_thread(headline.ts)) == 1


@pytest.mark.parametrize(
    ("code", "retryable", "hint"),
    [
        ("invalid_auth", False, "is `token` right?"),
        ("not_in_channel", False, "invite the bot into the channel"),
        ("ratelimited", True, ""),
        ("internal_error", True, ""),
        ("\x1b[31mnonsense\n", False, ""),
    ],
)
async def test_what_slack_refuses(code: str, retryable: bool, hint: str) -> None:
    """Its answer is 200, and an error by name."""
    service = SlackService(refuses={"chat.postMessage": code})
    async with serving(service) as server:
        (result,) = await told(server, OPENED)
    assert (result.delivery.delivered, result.delivery.retryable) == (False, retryable)
    assert result.delivery.detail.startswith("Slack refused chat.postMessage: ")
    assert hint in result.delivery.detail
    assert result.delivery.detail.isprintable()


async def test_nothing_that_is_told_is_markup() -> None:
    """No mention of a whole channel, no link, no bold; nor does Slack look at what a link leads to."""
    service = SlackService()
    odd = replace(OPENED, title="<!channel> *a* & b", body="<https://evil.example|click> :tada: `x`")
    async with serving(service) as server:
        await told(server, odd)
    (message,) = service.messages
    texts = [block["text"] for block in message.said["blocks"] if "text" in block]
    assert [(each["type"], each["emoji"]) for each in texts] == [("plain_text", False), ("plain_text", False)]
    assert [each["text"] for each in texts] == [odd.title, odd.body]
    assert message.said["text"].startswith("&lt;!channel&gt; *a* &amp; b\n&lt;https://evil.example|click&gt;")
    assert (message.said["unfurl_links"], message.said["unfurl_media"]) == (False, False)


async def test_a_long_letter_fits_into_blocks() -> None:
    """The service checks their lengths."""
    service = SlackService()
    async with serving(service) as server:
        (result,) = await told(server, replace(OPENED, title="t" * 400, body="b" * 20_000))
    assert result.delivery.delivered
    kinds = [block["type"] for block in service.messages[0].said["blocks"]]
    assert kinds == ["section", "section", "section", "section", "context"]


@pytest.mark.parametrize("memo", ["?", "[1]", '{"ts": 5}', "null"])
async def test_a_memo_that_nobody_wrote_is_none(memo: str) -> None:
    service = SlackService()
    async with serving(service) as server:
        (result,) = await told(server, OPENED, memo=memo)
    assert result.delivery.delivered
    assert json.loads(result.memo)["ts"] == service.messages[0].ts


async def test_of_what_nobody_can_take_it_is_not_said_that_nobody_has() -> None:
    """As of the watchdog's own journal: its thread says when it is over, and nothing else."""
    damaged = replace(GRAVER, kind=NotificationKind.JOURNAL, incidents=(), link="")
    accepted = replace(damaged, key="i-1:3", kind=NotificationKind.JOURNAL_ACCEPTED, standing=Standing.OVER)
    service = SlackService()
    async with serving(service) as server:
        (first,) = await told(server, damaged)
        (headline,) = service.in_channel("C1")
        assert "acknowledged" not in json.dumps(headline.said)
        await told(server, accepted, memo=first.memo)
    assert '"Over"' in json.dumps(service.in_channel("C1")[0].said)


# -- the channel of an outage


async def test_what_is_grave_gets_a_channel_of_its_own() -> None:
    """Its people are invited, it hears all of it, and the thread says where it is."""
    service = SlackService()
    async with serving(service) as server:
        results = await told(server, GRAVER, ACKNOWLEDGED, RESOLVED, rooms=True)
    assert [each.delivery.detail for each in results] == ["", "", ""]
    assert service.channels == {"outages": "C1", "inc-20261125-gateway": "C2"}
    assert service.invited == {"C2": ["U1", "U2"]}
    (headline,) = service.in_channel("C1")
    assert service.in_thread(headline.ts)[0].title == "The channel of this outage: <#C2>"
    assert {"type": "mrkdwn", "text": "<#C2>"} in headline.said["blocks"][-1]["elements"]
    assert [each.title for each in service.in_channel("C2")] == [
        "[SEV1] gateway is down",
        "[SEV1] gateway is down",
        "[SEV1] gateway is up again",
    ]


@pytest.mark.parametrize(
    "letter",
    [
        OPENED,
        replace(GRAVER, standing=Standing.OVER),
        replace(GRAVER, standing=Standing.NO_PAGE),
        replace(GRAVER, kind=NotificationKind.JOURNAL, incidents=()),
    ],
)
async def test_what_is_not_grave_or_over_or_no_outage_gets_none(letter: Letter) -> None:
    service = SlackService()
    async with serving(service) as server:
        await told(server, letter, rooms=True)
    assert service.channels == {"outages": "C1"}


async def test_what_becomes_grave_gets_one_then() -> None:
    service = SlackService()
    async with serving(service) as server:
        await told(server, OPENED, replace(GRAVER, severity=Severity.SEV2), rooms=True)
    assert "inc-20261125-gateway" in service.channels


async def test_a_name_that_is_taken_gets_a_number() -> None:
    service = SlackService()
    service.channels |= {"inc-20261125-gateway": "C8", "inc-20261125-gateway-2": "C9"}
    async with serving(service) as server:
        await told(server, GRAVER, rooms=True)
    assert "inc-20261125-gateway-3" in service.channels
    assert service.in_channel("C8") == []


async def test_when_every_name_is_taken_people_are_told_all_the_same() -> None:
    service = SlackService(refuses={"conversations.create": "name_taken"})
    async with serving(service) as server:
        (result,) = await told(server, GRAVER, rooms=True)
    assert result.delivery.delivered
    assert result.delivery.detail == "told, but the channel of the outage: every name for it is taken"
    assert asked(server).count("conversations.create") == 9


@pytest.mark.parametrize(
    ("root", "name"),
    [
        ("Model Server: #1/größe", "inc-20261125-model-server-1-gr-e"),
        ("", "inc-20261125-outage"),
        ("日本", "inc-20261125-outage"),
        ("x" * 100, "inc-20261125-" + "x" * 65),
    ],
)
async def test_a_name_that_slack_takes(root: str, name: str) -> None:
    """The service checks what a name may hold, and its length."""
    service = SlackService()
    async with serving(service) as server:
        await told(server, replace(GRAVER, root=root), rooms=True)
    assert name in service.channels


async def test_a_channel_that_cannot_be_had_is_tried_again_with_the_next_letter() -> None:
    """And keeps nobody from being told."""
    service = SlackService(refuses={"conversations.create": "missing_scope"})
    async with serving(service) as server:
        (first,) = await told(server, GRAVER, rooms=True)
        assert first.delivery.delivered
        assert "missing_scope (the bot lacks a scope" in first.delivery.detail
        service.refuses.clear()
        (second,) = await told(server, REMINDER, memo=first.memo, rooms=True)
    assert second.delivery.detail == ""
    assert [each.title for each in service.in_channel("C2")] == [REMINDER.title]
    assert service.invited == {"C2": ["U1", "U2"]}


@pytest.mark.parametrize(("code", "said"), [("already_in_channel", ""), ("user_not_found", "nobody was invited")])
async def test_an_invitation_that_is_refused(code: str, said: str) -> None:
    """Is said, and keeps nobody from being told."""
    service = SlackService(refuses={"conversations.invite": code})
    async with serving(service) as server:
        results = await told(server, GRAVER, REMINDER, rooms=True)
    assert all(each.delivery.delivered for each in results)
    assert said in results[0].delivery.detail
    assert asked(server).count("conversations.invite") == 1
    assert len(service.in_channel("C2")) == 2


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (Wrong(429, "", {"Retry-After": "60"}), "HTTP 429: asked to be left alone for "),
        (Wrong(-1), "not accepted within 500ms"),
        (Wrong(500, "oh"), "HTTP 500 oh"),
    ],
)
async def test_a_channel_that_hangs_keeps_nobody_from_being_told(wrong: Wrong, said: str) -> None:
    """Its deadline ends what follows the message, not the message."""
    service = SlackService()
    async with serving(service) as server:
        (opened,) = await told(server, OPENED, rooms=True)
        server.wrong = [Wrong(200, '{"ok": true}', heard=True)] * 2 + [wrong]
        (result,) = await told(server, GRAVER, memo=opened.memo, rooms=True, deadline=0.5)
    assert result.delivery.delivered
    assert result.delivery.detail.startswith(f"told, but the channel of the outage: {said}")
    (headline,) = service.in_channel("C1")
    assert [each.title for each in service.in_thread(headline.ts)] == [GRAVER.title]
