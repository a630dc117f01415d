"""When a cron schedule begins, in its time zone. Counted by `cronsim`, which does on days that change their hours what
Debian's cron does: a time that does not exist is the moment at which the clock goes on, one that exists twice is the
first of the two; `*` and `*/n` in minutes or hours go by real time instead. Pure: it asks no clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo

from cronsim import CronSim, CronSimError

from nemo_watchdog.policy.zones import parse_zone

FIELDS = {
    "minute": "0 to 59",
    "hour": "0 to 23",
    "day-of-month": "1 to 31, or `L` for the last",
    "month": "1 to 12, or `JAN` to `DEC`",
    "day-of-week": "0 to 7, or `SUN` to `SAT`",
}
"""The fields as `cronsim` names them, with what may stand in each."""

NEVER = "never"
DAY_REFUSED = "Bad day-of-month"
"""What `cronsim` says of a bad day, and of one that none of the months has."""

_REFERENCE = datetime(2024, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_LONGEST_JUMP = timedelta(hours=3)
"""No zone has set its clocks by more in this century, but for two that moved a whole day over the date line."""


@dataclass(frozen=True, slots=True)
class Cron:
    """Moments come and go as aware datetimes; answers are in UTC. Equal where text and zone are."""

    text: str
    zone: str = "UTC"
    _zone: tzinfo = field(init=False, repr=False, compare=False)
    _kept: list[tuple[datetime | None, datetime | None]] = field(
        init=False, repr=False, compare=False, default_factory=list
    )
    """The last answer: it is good for all moments between the two."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "_zone", parse_zone(self.zone))

    def last(self, at: datetime) -> datetime | None:
        """The newest start at `at` or before it; None when there was none for 50 years."""
        return self._around(at)[0]

    def next(self, at: datetime) -> datetime | None:
        """The first start after `at`; None when there is none for 50 years."""
        return self._around(at)[1]

    def _around(self, at: datetime) -> tuple[datetime | None, datetime | None]:
        for last, following in self._kept:
            if (last is None or last <= at) and (following is None or at < following):
                return last, following
        at = at.astimezone(UTC).replace(microsecond=0)
        margin = self._margin(at)
        last = next((start for start in self._starts(at + margin + _SECOND, back=True) if start <= at), None)
        following = next((start for start in self._starts(at - margin, back=False) if start > at), None)
        self._kept[:] = [(last, following)]
        return last, following

    def _margin(self, at: datetime) -> timedelta:
        """Near a change of the zone's hours its wall clock does not tell what comes before what."""
        before, after = ((at + by).astimezone(self._zone).utcoffset() for by in (-_LONGEST_JUMP, _LONGEST_JUMP))
        return timedelta(0) if before == after else _LONGEST_JUMP

    def _starts(self, at: datetime, *, back: bool) -> Iterator[datetime]:
        for start in CronSim(self.text, at.astimezone(self._zone), reverse=back):
            yield start.astimezone(UTC)


def mistake(text: str) -> str:
    """What is wrong with a schedule, for people; empty when nothing is. Never repeats the text."""
    if len(text.split()) != len(FIELDS):
        return "it has five fields: minute, hour, day of the month, month and day of the week"
    said = _refused(text)
    if not said:
        return ""
    minute, hour, day, _, weekday = text.split()
    if said in (NEVER, DAY_REFUSED) and not _refused(f"{minute} {hour} {day} * {weekday}"):
        return "it never comes: none of its months has such a day"
    wrong = next((name for name in FIELDS if said.endswith(name)), "")
    return f"its {wrong} is wrong: expected {FIELDS[wrong]}, `*`, a list or a range" if wrong else "cron cannot read it"


def _refused(text: str) -> str:
    """What `cronsim` says against it; `NEVER` when it reads it, and it does not come in 50 years."""
    try:
        first = next(CronSim(text, _REFERENCE), None)
    except CronSimError as error:
        return str(error)
    return "" if first is not None else NEVER
