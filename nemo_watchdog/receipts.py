"""What each address of a contact has taken: on disk, and for whoever tells people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from nemo_watchdog.model import Moment


@dataclass(frozen=True, slots=True)
class Receipt:
    """What one address has taken: a letter that told all these messages. `address` is a digest, and holds no secret."""

    address: str
    thread: str
    keys: tuple[str, ...] = ()
    memo: str = ""
    """What its channel wants to be given with the next letter of the thread; empty: what it was given."""


@dataclass(frozen=True, slots=True)
class Received:
    """What addresses have taken: `told` holds (key, address), `memos` are by (thread, address)."""

    told: Sequence[tuple[str, str]] = ()
    memos: Mapping[tuple[str, str], str] = field(default_factory=dict)


class Receipts(Protocol):
    """What was delivered, on disk. Both raise `JournalError` when they cannot."""

    def received(self, limit: int) -> Received:
        """The newest so many of each, oldest first."""
        ...

    def keep_receipts(self, kept: Sequence[Receipt], at: Moment) -> None: ...


class Memory(Protocol):
    """The same for whoever tells people. Nothing raises, and nothing waits for a disk for longer than a moment."""

    async def ready(self) -> None:
        """What outlived the last process is known, if the disk has it."""
        ...

    def has(self, key: str, address: str) -> bool:
        """Whether it has taken that message."""
        ...

    def knows_of(self, thread: str, address: str) -> bool:
        """Whether it has taken any message of that thread."""
        ...

    def memo(self, thread: str, address: str) -> str: ...

    async def keep(self, receipt: Receipt) -> None: ...
