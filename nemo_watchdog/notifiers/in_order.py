"""To one address nothing overtakes what it has not taken, whichever of a contact's addresses have it already."""

from __future__ import annotations

from dataclasses import dataclass, field

from nemo_watchdog.ports import Clock

HOLDS_BACK_FOR = 1800.0
"""Seconds that a thread which is not taken holds back the others: it may be this message that is never taken."""


@dataclass(slots=True)
class _Wait:
    since: float
    """Monotonic seconds."""
    contacts: set[str] = field(default_factory=set)
    """For whom: an address may be that of several."""


class InOrder:
    """The threads that wait at each address, oldest first."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: dict[str, dict[str, _Wait]] = {}

    def waits(self, address: str, thread: str, contact: str) -> None:
        wait = self._waiting.setdefault(address, {}).setdefault(thread, _Wait(self._clock.now().monotonic))
        wait.contacts.add(contact)

    def settled(self, address: str, thread: str) -> None:
        """It was taken, or refused for good."""
        waiting = self._waiting.get(address)
        if waiting is not None:
            waiting.pop(thread, None)
            if not waiting:
                del self._waiting[address]

    def forget(self, contact: str, thread: str) -> None:
        """The contact has it, or never will; it may wait for another one."""
        for address, waiting in list(self._waiting.items()):
            if (wait := waiting.get(thread)) is not None:
                wait.contacts.discard(contact)
                if not wait.contacts:
                    self.settled(address, thread)

    def waits_for(self, address: str, thread: str, contact: str) -> set[str]:
        """For whom waits what comes before it; nobody when it may go: it is the first, or that has waited long enough.

        It waits from now on.
        """
        self.waits(address, thread, contact)
        now, waiting = self._clock.now().monotonic, self._waiting[address]
        for older, wait in list(waiting.items()):
            if older == thread:
                break
            if now - wait.since < HOLDS_BACK_FOR:
                return wait.contacts
            del waiting[older]
        return set()
