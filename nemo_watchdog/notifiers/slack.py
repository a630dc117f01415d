"""Speaks Slack's Web API as a bot: one thread for a page, whose first message says how it stands.

https://docs.slack.dev/reference/methods/chat.postMessage (and chat.update, conversations.create, conversations.invite),
https://docs.slack.dev/apis/web-api/rate-limits and https://docs.slack.dev/reference/block-kit/blocks (lengths). Every
answer of the API itself is 200 and says `ok`; what is said is plain text there, so that nothing in it is markup.

Slack has no key that makes a message unique: when the answer to a post is lost, the message may stand there twice.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import Any

from nemo_watchdog.channel import DEADLINE, Channel, Letter, Sent
from nemo_watchdog.model import NotificationKind, Severity, Standing
from nemo_watchdog.notifiers.http_service import Exchange, HttpService, NotTaken
from nemo_watchdog.notifiers.slack_words import invitation, message, room_names, where_it_is_talked_of
from nemo_watchdog.policy.people import Slack
from nemo_watchdog.ports import Delivery

_PASSING = frozenset(
    {
        "fatal_error",
        "internal_error",
        "rate_limited",
        "ratelimited",
        "request_timeout",
        "service_unavailable",
        "team_added_to_org",
    }
)
_HINTS = {
    "channel_not_found": "is `channel` right, and is the bot in it?",
    "invalid_auth": "is `token` right?",
    "is_archived": "the channel is archived",
    "missing_scope": "the bot lacks a scope: chat:write, and for `rooms` channels:manage",
    "not_in_channel": "invite the bot into the channel",
}
_NO_THREAD = frozenset({"cannot_reply_to_message", "message_not_found", "thread_not_found"})
_INVITED_ALREADY = frozenset({"already_in_channel", "cant_invite_self"})
_WITH_A_ROOM = (Severity.SEV1, Severity.SEV2)


class _Refused(NotTaken):
    def __init__(self, code: str, said: str) -> None:
        super().__init__(said, retryable=code in _PASSING)
        self.code = code


@dataclass(slots=True)
class _Thread:
    """What stands there: the memo."""

    channel: str = ""
    ts: str = ""
    """Of the headline."""
    severity: str = ""
    """The gravest that the headline has said."""
    standing: str = ""
    owner: str = ""
    last: str = ""
    """The key of the last letter in the thread."""
    room: str = ""
    room_last: str = ""
    invited: str = ""
    announced: str = ""

    @classmethod
    def read(cls, memo: str) -> _Thread:
        """Nothing where it is not what was written."""
        try:
            known = json.loads(memo) if memo else {}
        except ValueError:
            return cls()
        if not isinstance(known, dict):
            return cls()
        names = {each.name for each in fields(cls)}
        return cls(**{name: value for name, value in known.items() if name in names and isinstance(value, str)})

    def memo(self) -> str:
        return json.dumps({name: value for name, value in asdict(self).items() if value}) if self.ts else ""

    def is_graver(self, letter: Letter) -> bool:
        return bool(self.severity) and letter.severity < self.severity

    def has_changed(self, letter: Letter) -> bool:
        stands = (str(letter.standing), letter.owner)
        return self.is_graver(letter) or stands != (self.standing, self.owner)

    def says(self, letter: Letter) -> None:
        over = self.standing == Standing.OVER
        self.severity = str(letter.severity) if over else min(self.severity or str(letter.severity), letter.severity)
        self.standing, self.owner = str(letter.standing), letter.owner


class SlackChannel(Channel):
    """Satisfies `channel.Channel`. A room that cannot be had keeps nobody from being told: it is said in `detail`."""

    def __init__(self, address: Slack, deadline: float = DEADLINE) -> None:
        token = address.token.reveal()
        self._address = address
        self._headers = {"Authorization": f"Bearer {token}"}
        self._api = address.url.rstrip("/") + "/api/"
        self._service = HttpService([token], deadline)

    async def send(self, letter: Letter, memo: str) -> Sent:
        thread, told, trouble = _Thread.read(memo), False, ""
        try:
            async with self._service.exchange() as exchange:
                await self._tell(exchange, letter, thread)
                told = True
                trouble = await self._tell_the_room(exchange, letter, thread)
        except NotTaken as failed:
            if not told:
                return Sent(failed.delivery(), thread.memo())
            trouble = failed.detail
        detail = self._service.shown(f"told, but the channel of the outage: {trouble}") if trouble else ""
        return Sent(Delivery(delivered=True, detail=detail), thread.memo())

    async def close(self) -> None:
        await self._service.close()

    # -- the thread

    async def _tell(self, exchange: Exchange, letter: Letter, thread: _Thread) -> None:
        if not thread.ts:
            await self._begin(exchange, letter, thread)
            return
        worse = thread.is_graver(letter) or thread.standing != Standing.FIRING
        aloud = letter.standing is Standing.FIRING and (worse or letter.kind is NotificationKind.UNANSWERED)
        if letter.standing is not Standing.NO_PAGE and thread.has_changed(letter):
            await self._edit(exchange, letter, thread)
        if letter.key == thread.last:
            return
        reply = message(letter) | {"thread_ts": thread.ts, "reply_broadcast": aloud}
        try:
            await self._call(exchange, "chat.postMessage", {"channel": thread.channel, **reply})
        except _Refused as refused:
            if refused.code not in _NO_THREAD:
                raise
            thread.ts = ""
            await self._begin(exchange, letter, thread)
            return
        thread.last = letter.key

    async def _begin(self, exchange: Exchange, letter: Letter, thread: _Thread) -> None:
        """What nobody is called for begins no thread: what comes after it is told as news."""
        posted = await self._call(
            exchange, "chat.postMessage", {"channel": self._address.channel, **message(letter)}, "channel", "ts"
        )
        if letter.standing is not Standing.NO_PAGE:
            thread.channel, thread.ts, thread.last = posted["channel"], posted["ts"], letter.key
            thread.says(letter)

    async def _edit(self, exchange: Exchange, letter: Letter, thread: _Thread) -> None:
        """A headline that may not be edited any more is no reason not to tell."""
        edited = {"channel": thread.channel, "ts": thread.ts, **message(letter, thread.room)}
        try:
            await self._call(exchange, "chat.update", edited)
        except _Refused as refused:
            if refused.retryable:
                raise
        thread.says(letter)

    # -- the channel of an outage

    async def _tell_the_room(self, exchange: Exchange, letter: Letter, thread: _Thread) -> str:
        """What kept it from being as it should be. What is missing is done with the next letter."""
        stands = bool(letter.incidents) and letter.standing in {Standing.FIRING, Standing.ACKNOWLEDGED}
        if not thread.ts or not self._address.rooms:
            return ""
        if not thread.room and stands and letter.severity in _WITH_A_ROOM:
            await self._create(exchange, letter, thread)
        if not thread.room:
            return ""
        trouble = ""
        if not thread.invited and self._address.invite:
            trouble = await self._invite(exchange, thread)
        if not thread.announced:
            said = {"channel": thread.channel, "thread_ts": thread.ts, **where_it_is_talked_of(thread.room)}
            await self._call(exchange, "chat.postMessage", said)
            thread.announced = "yes"
        if thread.room_last != letter.key:
            await self._call(exchange, "chat.postMessage", {"channel": thread.room, **message(letter)})
            thread.room_last = letter.key
        return trouble

    async def _create(self, exchange: Exchange, letter: Letter, thread: _Thread) -> None:
        for name in room_names(letter):
            try:
                made = await self._call(exchange, "conversations.create", {"name": name}, "channel")
            except _Refused as refused:
                if refused.code == "name_taken":
                    continue
                raise
            thread.room = made["channel"]
            return
        raise NotTaken("every name for it is taken", retryable=False)

    async def _invite(self, exchange: Exchange, thread: _Thread) -> str:
        try:
            await self._call(exchange, "conversations.invite", invitation(thread.room, self._address.invite))
        except _Refused as refused:
            if refused.retryable:
                raise
            thread.invited = "yes"
            return "" if refused.code in _INVITED_ALREADY else f"nobody was invited: {refused.detail}"
        thread.invited = "yes"
        return ""

    async def _call(self, exchange: Exchange, method: str, document: dict[str, Any], *wanted: str) -> dict[str, str]:
        """What is wanted of the answer: texts, or what has an id."""
        answer = await exchange.ask(self._api + method, document, self._headers)
        said = answer.document()
        if said.get("ok") is False and isinstance(code := said.get("error"), str):
            hint = f" ({_HINTS[code]})" if code in _HINTS else ""
            raise _Refused(code, self._service.shown(f"Slack refused {method}: {code}{hint}"))
        found = {name: _text_or_id(said.get(name)) for name in wanted}
        if said.get("ok") is not True or not all(found.values()):
            raise self._service.strange(answer, f"is no answer of Slack to {method}")
        return found


def _text_or_id(value: Any) -> str:
    told = value.get("id") if isinstance(value, dict) else value
    return told if isinstance(told, str) else ""
