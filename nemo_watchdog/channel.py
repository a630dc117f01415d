"""What one address of a contact gets, and who brings it there: the words between the outbox and the services."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from nemo_watchdog.model import NotificationKind, Severity, Standing
from nemo_watchdog.ports import Delivery

DEADLINE = 20.0
"""Seconds that a channel may take for one letter, with all that is asked for it."""


@dataclass(frozen=True, slots=True)
class Letter:
    """`thread` is the page, or the journal: the same from the first letter to the last. `key` is unique for the letter.

    `title` and `body` are rendered for the contact; `at` is when it was made, `since` when the trouble began (UTC).
    `link` leads to the incident; empty where the policy gives no address of the daemon. No secret is in any of them.
    """

    key: str
    thread: str
    contact: str
    kind: NotificationKind
    standing: Standing
    severity: Severity
    root: str
    title: str
    body: str
    at: datetime
    since: datetime | None = None
    incidents: tuple[str, ...] = ()
    owner: str = ""
    """Who has acknowledged it; empty: nobody."""
    link: str = ""


@dataclass(frozen=True, slots=True)
class Sent:
    """How it went; `memo` is what the channel wants to be given with the next letter of the same thread.

    Also after a failure: it says what of the letter was done, so that a retry does not do it twice.
    """

    delivery: Delivery
    memo: str = ""


class Channel(Protocol):
    """Speaks one service's language to one address. Failures are results, never exceptions; no text holds a secret.

    A letter that is sent again after an answer was lost must not call anybody twice: `key` and `thread` say what it is.
    """

    async def send(self, letter: Letter, memo: str) -> Sent:
        """`memo` is what the last letter of that thread to this address left; empty for the first."""
        ...

    def took(self, key: str) -> bool:  # noqa: ARG002 - most services say in time what they took
        """Whether that letter was accepted after all, when nobody waited for the answer any more."""
        return False

    async def close(self) -> None: ...
