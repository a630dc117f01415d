"""How many may be in at once, and for how long: a client that takes its time must not take our file descriptors.

Every look and every word to Docker needs a file descriptor as well, and those come first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from nemo_watchdog.runtime.files import soft_limit

MOST = 256
SHARE = 4
"""The HTTP side gets one part in so many of the file descriptors that this process may have."""

LIVE_SHARE = 2
"""Answers without an end get one place in so many."""

EVERY = 0.5
"""Seconds between looks at who is overdue."""

LEAVES_WITHIN = 2.0
"""Seconds in which who was refused may read why."""


def connections_within(files: int) -> int:
    """The most connections for a process that may have so many file descriptors."""
    return max(1, min(MOST, files // SHARE))


@dataclass(frozen=True, slots=True)
class Limits:
    """Connections at once, and seconds: for a head, for a body, for handling and answering, for doing nothing."""

    connections: int
    head: float = 10.0
    body: float = 10.0
    answer: float = 30.0
    idle: float = 75.0
    young: float = 1.0
    """A client gets so long to send its request also while others wait for its place."""

    @classmethod
    def of_this_process(cls) -> Limits:
        return cls(connections_within(soft_limit()))


class Phase(Enum):
    """What a connection waits for."""

    HEAD = "a request line and headers, from the client"
    BODY = "a body, from the client"
    ANSWER = "our answer, and the client to read it"
    IDLE = "another request, perhaps"
    LIVE = "what happens next, for as long as the client wants to hear of it"
    REFUSED = "the client to go"


class Guest(Protocol):
    """A connection as the door sees it. `since` is when its phase began, in seconds of the event loop's clock."""

    phase: Phase
    since: float

    def refuse(self, status: int, detail: str) -> None:
        """Says why on what is left of it, and hears nothing more."""

    def too_slow(self) -> None:
        """The body did not come in time: whoever reads it is told."""

    def end(self) -> None:
        """Over now, whatever is still to be sent."""


FULL = "too many connections are open: call again"
SLOW_HEAD = "the request's head did not come in time"


class Door:
    """Lets in, shows out. `refused` is told why somebody had to go, in a word of a closed set."""

    def __init__(self, limits: Limits, refused: Callable[[str], None]) -> None:
        self._limits = limits
        self._refused = refused
        self._in: dict[Guest, None] = {}
        self._tick: asyncio.TimerHandle | None = None

    def came(self, guest: Guest) -> None:
        """May refuse the guest, or show out whoever has kept a place for the longest time without need."""
        self._in[guest] = None
        if self._tick is None:
            self._tick = asyncio.get_running_loop().call_later(EVERY, self._look)
        if sum(each.phase is not Phase.REFUSED for each in self._in) <= self._limits.connections:
            return
        self._refused("full")
        idle = [each for each in self._in if each.phase is Phase.IDLE]
        # A page that is shown out comes back by itself; an order that is refused must be given again.
        if spare := idle or [each for each in self._in if each.phase is Phase.LIVE]:
            self._end(_oldest(spare))
            return
        now = asyncio.get_running_loop().time()
        slow = [
            each
            for each in self._in
            if each.phase in (Phase.HEAD, Phase.BODY) and now - each.since > self._limits.young
        ]
        self._show_out(_oldest(slow) if slow else guest, FULL, 503)

    def left(self, guest: Guest) -> None:
        self._in.pop(guest, None)

    def may_stay(self) -> bool:
        """Whether one more answer may be without an end: half of the places are for those that have one."""
        live = sum(each.phase is Phase.LIVE for each in self._in)
        return live < max(1, self._limits.connections // LIVE_SHARE)

    def let_go(self, guest: Guest) -> None:
        """Who stays, and does not read what it is told."""
        self._refused("slow_reader")
        self._end(guest)

    def _end(self, guest: Guest) -> None:
        self.left(guest)  # at once: who comes in the same moment must not count it again
        guest.end()

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        self._tick = loop.call_later(EVERY, self._look) if self._in else None
        now, limits = loop.time(), self._limits
        for guest in list(self._in):
            waited = now - guest.since
            match guest.phase:
                case Phase.HEAD if waited > limits.head:
                    self._refused("slow_head")
                    self._show_out(guest, SLOW_HEAD, 408)
                case Phase.BODY if waited > limits.body:
                    self._refused("slow_body")
                    guest.too_slow()
                case Phase.ANSWER if waited > limits.answer:
                    self._refused("slow_reader")
                    self._end(guest)
                case Phase.IDLE if waited > limits.idle:
                    self._end(guest)
                case Phase.REFUSED if waited > LEAVES_WITHIN:
                    self._end(guest)

    def _show_out(self, guest: Guest, detail: str, status: int) -> None:
        """With a word. Those who are being told so are few: who has had the longest time to read it goes at once."""
        leaving = [each for each in self._in if each.phase is Phase.REFUSED]
        if len(leaving) > self._limits.connections // 4:
            self._end(_oldest(leaving))
        guest.refuse(status, detail)


def _oldest(guests: Iterable[Guest]) -> Guest:
    return min(guests, key=lambda each: each.since)
