"""Which of Docker's events end a run, how long they work, and whether none is missing. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from nemo_watchdog.model import ContainerEvent, ContainerStatus, Past, RunState

INT, QUIT, ABRT, KILL, TERM = 2, 3, 6, 9, 15
CONT = 18

DEADLY_SIGNALS = frozenset({INT, QUIT, ABRT, KILL, TERM})
"""Signals by which `docker stop` and `docker kill` end a container; an image may choose another to be stopped by."""

FREEZING_SIGNALS = frozenset({19, 20, 21, 22})
"""STOP, TSTP, TTIN and TTOU, on every architecture but MIPS."""

A_STOP_TAKES = timedelta(minutes=15)
"""How long a stop may take: its event does not say how long `docker stop -t` waits."""

OUTLIVED_AFTER = timedelta(seconds=10)
"""What answers so long after another signal than those of a stop was not ended by it: a thread dump.

A server that drains stops to answer at once or within moments, and may go on for minutes.
"""

THAWED_AFTER = timedelta(minutes=15)
"""What answers so long after a signal that freezes was not frozen, or goes on.

Of Postgres the session that looks answers on, while the first process, which would open another one, is frozen.
"""

OOM_JUST_BEFORE = timedelta(seconds=10)
"""An `oom` event that is older than that is another end's, or a child's."""


STARTED_LATE = timedelta(seconds=5)
"""A program works, and may have ended, before the time that Docker gives as its start: by 15 ms on an idle machine and
by more on a busy one (measured, Engine 20.10). What is further apart was a clock that was set back."""


def deadly(event: ContainerEvent, status: ContainerStatus) -> bool:
    """A signal, sent through Docker, that ends the container or is meant to."""
    return event.action == "kill" and event.signal in DEADLY_SIGNALS | {status.stop_signal}


def may_be_outlived(event: ContainerEvent, status: ContainerStatus) -> bool:
    """It is another signal than those of a stop: what still answers a while later was not ended by it."""
    return event.action == "kill" and event.signal not in {TERM, KILL, status.stop_signal}


def surely_sent(status: ContainerStatus, past: Past) -> bool:
    """One of a stop has ended this run; another may have ended it or not."""
    return any(not may_be_outlived(event, status) for event in sent(status, past))


def frozen_by(status: ContainerStatus, past: Past) -> ContainerEvent | None:
    """The signal that has frozen this run, as far as these events tell."""
    word = _last_of_freezing(status, past)
    return word if word is not None and word.signal != CONT else None


def let_go_on(status: ContainerStatus, past: Past) -> bool:
    """The last word about freezing it is that it goes on."""
    word = _last_of_freezing(status, past)
    return word is not None and word.signal == CONT


def _last_of_freezing(status: ContainerStatus, past: Past) -> ContainerEvent | None:
    words = FREEZING_SIGNALS | {CONT}
    told = [e for e in _of_this_run(status, past) if e.action == "kill" and e.signal in words]
    return told[-1] if told else None


def is_told(status: ContainerStatus, past: Past) -> bool:
    """The end of this run is among the events."""
    return any(event.action == "die" for event in _of_this_run(status, past))


def is_whole(status: ContainerStatus, past: Past) -> bool:
    """The events reach back before a signal that ended this run could have been sent.

    Docker forgets its oldest event first, so that one which remembers the start of the run remembers all of it.
    """
    if any(event.action == "start" for event in _of_this_run(status, past)):
        return True
    since = [at for at in (status.started_at, status.finished_at and status.finished_at - A_STOP_TAKES) if at]
    return past.whole_since is not None and bool(since) and past.whole_since <= max(since)


def sent(status: ContainerStatus, past: Past, at: datetime | None = None) -> list[ContainerEvent]:
    """The signals, sent through Docker, that have ended this run, or still may end it at `at` while it goes on.

    A `stop` of what has ended is as good: of what Docker is about to start again it tells no `kill` and no other end
    (Engine 20.10).
    """
    ended = at or status.finished_at

    def counts(event: ContainerEvent) -> bool:
        if event.action == "stop":  # told when it has ended: an older one was of another end
            return at is None and (ended is None or event.at is None or event.at >= ended)
        in_time = ended is None or event.at is None or ended - event.at < A_STOP_TAKES
        return deadly(event, status) and in_time

    return [e for e in _of_this_run(status, past) if counts(e) and not _while_away(e.at, past)]


def gave_up(before: ContainerStatus | None, status: ContainerStatus, past: Past) -> bool:
    """Docker was about to start it again and does so no more: somebody ended that.

    A `docker kill` does, of which Docker tells no event; a start that fails leaves its error (Engine 20.10).
    """
    if before is None or before.state is not RunState.RESTARTING or status.state is not RunState.EXITED:
        return False
    ended = status.finished_at
    goes_down = past.away is not None and (ended is None or ended <= past.away[1])
    return before.run == status.run and not status.detail and not goes_down


def by_the_engine(status: ContainerStatus, past: Past) -> bool:
    """It has ended while the Engine went down, was away or came back, when nobody else could end it."""
    return _while_away(status.finished_at, past)


def for_memory(status: ContainerStatus, past: Past) -> bool:
    """The kernel has ended this run for memory.

    Docker's flag alone does not say it: it is set when a child died, and stays until the next start (Engine 20.10).
    """
    ended = status.finished_at
    if status.exit_code != 128 + KILL or ended is None:
        return False
    events = _of_this_run(status, past)
    return any(e.action == "oom" and e.at is not None and abs(ended - e.at) < OOM_JUST_BEFORE for e in events)


def _while_away(at: datetime | None, past: Past) -> bool:
    return past.away is not None and at is not None and past.away[0] <= at <= past.away[1]


def first_words_since(status: ContainerStatus, past: Past) -> datetime | None:
    """What was written before that is another run's; None where times do not tell."""
    begun = status.started_at
    if begun is None or _set_back(status):
        return None
    ends = [event.at for event in past.events if event.action == "die" and event.at is not None and event.at < begun]
    return max((begun - STARTED_LATE, *ends))


def _set_back(status: ContainerStatus) -> bool:
    """The clock was, while it ran."""
    begun, ended = status.started_at, status.finished_at
    return begun is not None and ended is not None and ended < begun - STARTED_LATE


def _of_this_run(status: ContainerStatus, past: Past) -> list[ContainerEvent]:
    begun, ended = status.started_at, status.finished_at
    set_back = _set_back(status)

    def is_of_this_run(at: datetime | None) -> bool:
        if begun is None or at is None or at >= begun:
            return True
        # What came since the clock was set back bears times before its start.
        return set_back and ended is not None and timedelta() <= ended - at < A_STOP_TAKES

    return [event for event in past.events if is_of_this_run(event.at)]
