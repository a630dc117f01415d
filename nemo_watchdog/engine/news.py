"""What is news: a fact about an incident with its words, as it waits to be told."""

from __future__ import annotations

from dataclasses import dataclass

from nemo_watchdog.model import Moment, NotificationKind

LOOK = "a person must look: "
"""What makes it no news that one more person must: with whom."""
FLAPPING, STILL = "flapping", "still"
"""Of what people know; each makes the other news again."""


@dataclass(frozen=True, slots=True)
class Words:
    """`key` is unique in its incident for the fact that is told: the same fact is told once."""

    key: str
    title: str
    body: str


@dataclass(frozen=True, slots=True)
class News:
    """`to`: whom the fact itself names, beside those of the severity. `once` is what makes the same again no news.

    `but` is the contact whose own deed it is, and who is not told of it.
    """

    at: Moment
    kind: NotificationKind
    incident: str
    words: Words
    to: tuple[str, ...] = ()
    once: str = ""
    but: str = ""
