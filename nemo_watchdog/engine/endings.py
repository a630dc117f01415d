"""How a container's run came to its end: what Docker's events of that run say about who ended it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from nemo_watchdog.engine.state import Durable, Whose
from nemo_watchdog.model import ContainerEvent, ContainerStatus, RunState

ENDED = frozenset({RunState.EXITED, RunState.DEAD})

DEADLY_SIGNALS = frozenset({2, 3, 6, 9, 15})
"""Signals by which `docker stop` and `docker kill` end a container; an image may choose another to be stopped by."""

QUIET_EXITS = frozenset({0, 130, 137, 143})
"""Exit codes that a stop by hand leaves behind: success, INT, KILL, TERM."""

KILL_REMEMBERED = timedelta(minutes=15)
"""An end that comes this long after a signal is not the signal's doing; longer than any stop timeout in use."""


def deadly(event: ContainerEvent, status: ContainerStatus) -> bool:
    """A signal, sent through Docker, that ends the container or is meant to."""
    return event.action == "kill" and event.signal in DEADLY_SIGNALS | {status.stop_signal}


def is_told(status: ContainerStatus, past: Iterable[ContainerEvent]) -> bool:
    """The events reach from before the end of this run to its end, so that a signal they do not show was not sent."""
    return any(event.action == "die" for event in _of_this_run(status, past))


def signals(status: ContainerStatus, past: Iterable[ContainerEvent]) -> list[ContainerEvent]:
    """The signals, sent through Docker, that may have ended this run."""
    kills = [event for event in _of_this_run(status, past) if deadly(event, status)]
    ended = status.finished_at
    return [kill for kill in kills if ended is None or kill.at is None or ended - kill.at < KILL_REMEMBERED]


def touch(status: ContainerStatus, past: Iterable[ContainerEvent], durable: Durable) -> str | None:
    """What a person did to a container that does not run, as far as one can know; None when it did this by itself."""
    if status.state is RunState.PAUSED:
        return "somebody paused the container through Docker"
    if status.state is RunState.CREATED:
        return "somebody created the container and has not started it yet"
    if status.state not in ENDED:
        return None
    past = list(past)
    sent = signals(status, past)
    for signal in sent:
        who = durable.whose(status, signal)
        if who is not Whose.OURS:
            return f"{who} stopped the container through Docker (signal {signal.signal})"
    if not sent and not is_told(status, past) and is_quiet(status):
        return f"it was stopped while nobody watched (exit code {status.exit_code})"
    return None


def is_quiet(status: ContainerStatus) -> bool:
    """It ended the way a stop by hand ends it."""
    return not status.oom_killed and status.exit_code in QUIET_EXITS


def _of_this_run(status: ContainerStatus, past: Iterable[ContainerEvent]) -> list[ContainerEvent]:
    begun = status.started_at
    return [event for event in past if begun is None or event.at is None or event.at >= begun]
