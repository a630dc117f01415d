"""Whether what gives no answer takes connections on another way than that of its looks. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nemo_watchdog.engine.health import Tracker
from nemo_watchdog.engine.states import NO_ANSWER
from nemo_watchdog.model import Reason, RunState

ASKED_EVERY = 15.0
"""Seconds from one question for another way to the next."""

MISSES = 2
"""Questions in a row by which what took connections elsewhere takes none any more: a busy host misses one."""


@dataclass(slots=True)
class Asked:
    """At monotonic seconds `at`."""

    at: float
    is_answered: bool = False
    misses: int = 0
    """How often in a row it did not, since it did."""


class Elsewhere:
    """What is known of that now, of those that fail."""

    def __init__(self, trackers: Mapping[str, Tracker]) -> None:
        self._trackers = trackers
        self._asked: dict[str, Asked] = {}

    def ask(self, name: str, now: float) -> bool:
        """Whether it is to be asked now; it counts as asked then."""
        asked = self._asked.get(name)
        if not may_be_asked(self._trackers[name]) or (asked is not None and now - asked.at < ASKED_EVERY):
            return False
        self._asked.setdefault(name, Asked(now)).at = now
        return True

    def hear(self, name: str, detail: str) -> None:
        """`detail` says what takes connections, and is empty where nothing does: that is believed the second time."""
        asked = self._asked.setdefault(name, Asked(0.0))
        asked.is_answered, asked.misses = True, 0 if detail else asked.misses + 1
        if detail or asked.misses >= MISSES:
            self._trackers[name].elsewhere = detail

    def is_settled(self, name: str) -> bool:
        """All is known that will be known soon."""
        asked = self._asked.get(name)
        return (asked is not None and asked.is_answered) or not may_be_asked(self._trackers[name])

    def forget(self, name: str) -> None:
        """It does not fail any more."""
        self._asked.pop(name, None)


def may_be_asked(tracker: Tracker) -> bool:
    """It runs, is published, and gives no answer."""
    container = tracker.container
    runs = container is not None and container.state is RunState.RUNNING and bool(container.ways)
    return runs and reason_of(tracker) in NO_ANSWER


def reason_of(tracker: Tracker) -> Reason | None:
    """Of its state, or of its last look alone where that is all there is against it."""
    if tracker.unhealthy or tracker.last is None:
        return tracker.state.reason
    return tracker.last.finding.reason
