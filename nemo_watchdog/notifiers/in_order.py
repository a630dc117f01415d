"""To one address nothing overtakes what it has not taken, whichever of a contact's addresses have it already."""

from __future__ import annotations

from nemo_watchdog.ports import Clock

HOLDS_BACK_FOR = 1800.0
"""Seconds that a thread which is not taken holds back the others: it may be this message that is never taken."""


class InOrder:
    """The threads that wait at each address, oldest first, with the monotonic second from which on they do."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: dict[str, dict[str, float]] = {}

    def waits(self, address: str, thread: str) -> None:
        self._waiting.setdefault(address, {}).setdefault(thread, self._clock.now().monotonic)

    def settled(self, address: str, thread: str) -> None:
        """It was taken, or refused for good."""
        waiting = self._waiting.get(address)
        if waiting is not None:
            waiting.pop(thread, None)
            if not waiting:
                del self._waiting[address]

    def forget(self, thread: str) -> None:
        """A contact has it, or never will; who else waits for it begins anew."""
        for address in list(self._waiting):
            self.settled(address, thread)

    def may_go(self, address: str, thread: str) -> bool:
        """Whether it is the first, or what is before it has waited for long enough. It waits from now on."""
        self.waits(address, thread)
        now, waiting = self._clock.now().monotonic, self._waiting[address]
        for older, since in list(waiting.items()):
            if older == thread:
                return True
            if now - since < HOLDS_BACK_FOR:
                return False
            del waiting[older]
        return True
