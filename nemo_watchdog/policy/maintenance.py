"""The entries of `maintenance` in the policy language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Field

from nemo_watchdog.policy.cron import Cron, mistake
from nemo_watchdog.policy.fields import DAY, MINUTE, Name, Names, Section
from nemo_watchdog.policy.policy import Dependency
from nemo_watchdog.policy.units import Duration, duration_within, wrong
from nemo_watchdog.policy.windows import MaintenanceWindow
from nemo_watchdog.policy.zones import UTC_NAME, ZoneText


def _check_cron(text: str) -> str:
    if problem := mistake(text):
        raise wrong(f"not a cron schedule: {problem}")
    return text


CronText = Annotated[str, AfterValidator(_check_cron)]
Planned = Annotated[Duration, AfterValidator(duration_within(MINUTE, 7 * DAY))]


class MaintenanceSection(Section):
    """Work that is planned: meanwhile nothing is restarted, and what begins to fail in it is told when it is over."""

    name: Name = Field(description="What people call it; each only once.")
    cron: CronText = Field(description="When it begins: minute, hour, day of the month, month, day of the week.")
    zone: ZoneText = Field(UTC_NAME, description="The time zone of `cron`, such as Europe/Berlin.")
    duration: Planned = Field(description="How long it lasts, 1m to 7d.")
    dependencies: Names = Field(default_factory=list, description="What is worked on; without `tags`, too: everything.")
    tags: Names = Field(default_factory=list, description="Also what carries at least one of these tags.")


def compile_window(section: MaintenanceSection, dependencies: Mapping[str, Dependency]) -> MaintenanceWindow:
    """The window of an entry in which no problem was found."""
    everything = not section.dependencies and not section.tags
    chosen = (
        name
        for name, spec in dependencies.items()
        if everything or name in section.dependencies or not spec.tags.isdisjoint(section.tags)
    )
    return MaintenanceWindow(section.name, Cron(section.cron, section.zone), section.duration, frozenset(chosen))
