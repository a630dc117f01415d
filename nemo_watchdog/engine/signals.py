"""Which of Docker's events end a run, and whether they tell all of it. Pure; who sent them is `attribution`'s."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from nemo_watchdog.model import ContainerEvent, ContainerStatus

DEADLY_SIGNALS = frozenset({2, 3, 6, 9, 15})
"""Signals by which `docker stop` and `docker kill` end a container; an image may choose another to be stopped by."""

KILL_REMEMBERED = timedelta(minutes=15)
"""An end that comes this long after a signal is not the signal's doing; longer than any stop timeout in use."""


def deadly(event: ContainerEvent, status: ContainerStatus) -> bool:
    """A signal, sent through Docker, that ends the container or is meant to."""
    return event.action == "kill" and event.signal in DEADLY_SIGNALS | {status.stop_signal}


def is_told(status: ContainerStatus, past: Iterable[ContainerEvent]) -> bool:
    """The events reach from before the end of this run to its end, so that a signal they do not show was not sent."""
    return any(event.action == "die" for event in _of_this_run(status, past))


def sent(status: ContainerStatus, past: Iterable[ContainerEvent]) -> list[ContainerEvent]:
    """The signals, sent through Docker, that may have ended this run."""
    kills = [event for event in _of_this_run(status, past) if deadly(event, status)]
    ended = status.finished_at
    return [kill for kill in kills if ended is None or kill.at is None or ended - kill.at < KILL_REMEMBERED]


def _of_this_run(status: ContainerStatus, past: Iterable[ContainerEvent]) -> list[ContainerEvent]:
    begun = status.started_at
    return [event for event in past if begun is None or event.at is None or event.at >= begun]
