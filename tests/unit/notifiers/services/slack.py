"""Slack's Web API, as far as a bot needs it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.unit.notifiers.services.server import Asked

TOKEN = "xoxb-no-token-of-anybody-0123456789"


@dataclass
class Message:
    channel: str
    ts: str
    title: str
    said: dict[str, Any]
    thread: str = ""
    aloud: bool = False
    edits: int = 0


@dataclass
class SlackService:
    channels: dict[str, str] = field(default_factory=lambda: {"outages": "C1"})
    """Names and ids."""
    messages: list[Message] = field(default_factory=list)
    invited: dict[str, list[str]] = field(default_factory=dict)
    refuses: dict[str, str] = field(default_factory=dict)
    """Methods, and the error with which each is refused."""

    def answer(self, asked: Asked) -> tuple[int, Any]:
        method, body = asked.path.removeprefix("/api/"), asked.body
        if asked.headers.get("authorization") != f"Bearer {TOKEN}":
            return 200, {"ok": False, "error": "invalid_auth"}
        if code := self.refuses.get(method):
            return 200, {"ok": False, "error": code}
        match method:
            case "chat.postMessage":
                return 200, self._post(body)
            case "chat.update":
                return 200, self._update(body)
            case "conversations.create":
                return 200, self._create(body["name"])
            case "conversations.invite":
                self.invited[body["channel"]] = body["users"].split(",")
                return 200, {"ok": True, "channel": {"id": body["channel"]}}
        return 200, {"ok": False, "error": "unknown_method"}

    def in_channel(self, channel: str) -> list[Message]:
        return [each for each in self.messages if each.channel == channel and not each.thread]

    def in_thread(self, ts: str) -> list[Message]:
        return [each for each in self.messages if each.thread == ts]

    def _post(self, body: dict[str, Any]) -> dict[str, Any]:
        channel = self.channels.get(body["channel"], body["channel"])
        if channel not in self.channels.values():
            return {"ok": False, "error": "channel_not_found"}
        thread = body.get("thread_ts", "")
        if thread and not any(each.ts == thread for each in self.messages):
            return {"ok": False, "error": "thread_not_found"}
        ts = f"1764{len(self.messages):06d}.000100"
        aloud = body.get("reply_broadcast", False)
        self.messages.append(Message(channel, ts, _title(body), body, thread, aloud))
        return {"ok": True, "channel": channel, "ts": ts, "message": {"text": body["text"]}}

    def _update(self, body: dict[str, Any]) -> dict[str, Any]:
        for each in self.messages:
            if (each.channel, each.ts) == (body["channel"], body["ts"]):
                each.title, each.said, each.edits = _title(body), body, each.edits + 1
                return {"ok": True, "channel": each.channel, "ts": each.ts, "text": body["text"]}
        return {"ok": False, "error": "message_not_found"}

    def _create(self, name: str) -> dict[str, Any]:
        assert len(name) <= 80
        assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_")
        if name in self.channels:
            return {"ok": False, "error": "name_taken"}
        self.channels[name] = f"C{len(self.channels) + 1}"
        return {"ok": True, "channel": {"id": self.channels[name], "name": name}}


def _title(body: dict[str, Any]) -> str:
    for block in body.get("blocks", ()):
        longest = {"header": 150, "section": 3000}.get(block["type"])
        if longest is not None:
            assert block["text"]["type"] == "plain_text"
            assert 0 < len(block["text"]["text"]) <= longest
    return str(body["blocks"][0]["text"]["text"]) if "blocks" in body else str(body["text"])
