"""What may stand at `retention`: for how long is kept what is over."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from nemo_watchdog.durations import duration
from nemo_watchdog.policy.fields import DAY, HOUR, Section
from nemo_watchdog.policy.policy import Retention
from nemo_watchdog.policy.units import Duration, Size, duration_within, wrong

SHORTEST_RECORDS = 31 * DAY
"""The engine counts what was spent by records: what a budget may still ask for must be there."""

LONGEST = 366 * DAY
SMALLEST, LARGEST = 2**20, 2**40

_RETENTION = Retention()


def _within_sizes(size: int) -> int:
    if not SMALLEST <= size <= LARGEST:
        raise wrong("expected a size from 1MiB to 1TiB")
    return size


class RetentionSection(Section):
    """For how long is kept what is over."""

    records: Annotated[Duration, AfterValidator(duration_within(SHORTEST_RECORDS, LONGEST))] = Field(
        _RETENTION.records,
        description=f"Of the journal what is over, and how each look went; at least {duration(SHORTEST_RECORDS)}.",
    )
    evidence: Annotated[Duration, AfterValidator(duration_within(HOUR, LONGEST))] = Field(
        _RETENTION.evidence, description="Evidence of incidents."
    )
    evidence_size: Annotated[Size, AfterValidator(_within_sizes)] = Field(
        _RETENTION.evidence_size, description="So much evidence at most, compressed; the oldest goes first."
    )


def retention_of(section: RetentionSection | None) -> Retention:
    if section is None:
        return _RETENTION
    return Retention(section.records, section.evidence, section.evidence_size)
