"""A letter as Slack has it: blocks of plain text, and the name of an outage's channel. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from nemo_watchdog.channel import Letter
from nemo_watchdog.errors import in_one_line
from nemo_watchdog.model import Standing

_LONGEST_HEADER, _LONGEST_SECTION, _MOST_SECTIONS = 150, 3000, 3
"""A message with more than some 13,000 characters in its blocks is refused."""

_LONGEST_ROOM, _MOST_ROOMS = 80, 9
_NOT_IN_A_NAME = re.compile("[^a-z0-9_-]+")
_SILENT = {"unfurl_links": False, "unfurl_media": False}
"""Slack would ask for what a link leads to: one that can be used once would be used."""


def message(letter: Letter, room: str = "") -> dict[str, Any]:
    """`text` is what a notification on a phone shows; `room` is the id of the outage's channel, where it has one."""
    title, body = in_one_line(letter.title) or str(letter.kind), letter.body[: _LONGEST_SECTION * _MOST_SECTIONS]
    blocks = [_block("header" if len(title) <= _LONGEST_HEADER else "section", title[:_LONGEST_SECTION])]
    parts = (body[at : at + _LONGEST_SECTION].strip() for at in range(0, len(body), _LONGEST_SECTION))
    blocks += [_block("section", part) for part in parts if part]
    stands = [_plain(words)] if (words := _stands(letter)) else []
    if letter.link:
        stands.append({"type": "mrkdwn", "text": f"<{_in_markup(letter.link).replace('|', '%7C')}|The incident>"})
    if room:
        stands.append({"type": "mrkdwn", "text": f"<#{room}>"})
    if stands:
        blocks.append({"type": "context", "elements": stands})
    return {"text": _in_markup(f"{title}\n{body}".strip()[:_LONGEST_SECTION]), "blocks": blocks, **_SILENT}


def where_it_is_talked_of(room: str) -> dict[str, Any]:
    return {"text": f"The channel of this outage: <#{room}>", **_SILENT}


def invitation(room: str, users: Sequence[str]) -> dict[str, Any]:
    """`force`: one who cannot be invited keeps nobody else out."""
    return {"channel": room, "users": ",".join(users), "force": True}


def room_names(letter: Letter) -> Iterator[str]:
    """`inc-20261125-gateway`, and with a number where that is taken. The day is that of the beginning, in UTC."""
    root = _NOT_IN_A_NAME.sub("-", letter.root.lower()).strip("-") or "outage"
    name = f"inc-{letter.since or letter.at:%Y%m%d}-{root}"[: _LONGEST_ROOM - 2].rstrip("-")
    yield name
    yield from (f"{name}-{number}" for number in range(2, _MOST_ROOMS + 1))


def _stands(letter: Letter) -> str:
    if letter.standing is Standing.ACKNOWLEDGED:
        return in_one_line(f"Acknowledged by {letter.owner}" if letter.owner else "Acknowledged")
    if letter.standing is Standing.FIRING:
        return "Not acknowledged" if letter.incidents else ""  # nobody takes what is no outage
    return "Over" if letter.standing is Standing.OVER else ""


def _block(kind: str, text: str) -> dict[str, Any]:
    return {"type": kind, "text": _plain(text)}


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}


def _in_markup(text: str) -> str:
    """https://docs.slack.dev/messaging/formatting-message-text: these three begin links and mentions."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
