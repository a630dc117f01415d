"""The entries of `maintenance` in the policy language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, Field, PlainValidator

from nemo_watchdog.policy.cron import Cron, mistake
from nemo_watchdog.policy.fields import DAY, MINUTE, Name, Names, Section
from nemo_watchdog.policy.policy import Dependency
from nemo_watchdog.policy.public import LONGEST_TEXT, for_users
from nemo_watchdog.policy.units import Duration, duration_within, wrong
from nemo_watchdog.policy.windows import MaintenanceWindow
from nemo_watchdog.policy.zones import UTC_NAME, ZoneText


def _check_cron(text: str) -> str:
    if problem := mistake(text):
        raise wrong(f"not a cron schedule: {problem}")
    return text


def _announcement(value: Any) -> bool | str:
    """Also the `true` of an expansion."""
    if value in ("true", "false"):
        return bool(value == "true")
    if isinstance(value, str) and len(value) <= LONGEST_TEXT:
        return for_users(value)
    if isinstance(value, bool):
        return value
    raise wrong(f"expected `true`, or words for users, {LONGEST_TEXT} characters at most")


CronText = Annotated[str, AfterValidator(_check_cron)]
Announcement = Annotated[
    bool | str,
    PlainValidator(
        _announcement, json_schema_input_type=bool | Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT)]
    ),
]
Planned = Annotated[Duration, AfterValidator(duration_within(MINUTE, 7 * DAY))]


class MaintenanceSection(Section):
    """Work that is planned: meanwhile nothing is restarted, and what begins to fail in it is told when it is over."""

    name: Name = Field(description="What people call it; each only once.")
    cron: CronText = Field(description="When it begins: minute, hour, day of the month, month, day of the week.")
    zone: ZoneText = Field(UTC_NAME, description="The time zone of `cron`, such as Europe/Berlin.")
    duration: Planned = Field(description="How long it lasts, 1m to 7d.")
    dependencies: Names = Field(default_factory=list, description="What is worked on; without `tags`, too: everything.")
    tags: Names = Field(default_factory=list, description="Also what carries at least one of these tags.")
    public: Announcement = Field(
        default=False, description="Whether users are told of it, up to 7 days before: true, or what they are told."
    )


def compile_window(section: MaintenanceSection, dependencies: Mapping[str, Dependency]) -> MaintenanceWindow:
    """The window of an entry in which no problem was found."""
    everything = not section.dependencies and not section.tags
    chosen = (
        name
        for name, spec in dependencies.items()
        if everything or name in section.dependencies or not spec.tags.isdisjoint(section.tags)
    )
    told = section.public if isinstance(section.public, str) else None
    if section.public is True:
        told = ""
    schedule, scope = Cron(section.cron, section.zone), frozenset(chosen)
    return MaintenanceWindow(section.name, schedule, section.duration, scope, told)
