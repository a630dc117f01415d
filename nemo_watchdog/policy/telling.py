"""What may stand at `notifications`: how people are told."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag

from nemo_watchdog.policy.fields import DAY, HOUR, MINUTE, HttpUrl, Name, Section
from nemo_watchdog.policy.people import NextInLine, Telling
from nemo_watchdog.policy.units import Duration, duration_within
from nemo_watchdog.policy.zones import UTC_NAME, ZoneText, parse_zone

_TELLING = Telling()

Answer = Annotated[Duration, AfterValidator(duration_within(MINUTE, 30 * DAY))]


class NextSection(Section):
    """Who is told when nobody has answered for a while more."""

    to: Name = Field(description="The contact.")
    after: Answer | None = Field(None, description="How long; unless given, the severity's `respond_within`.")


def _kind(value: Any) -> str:
    return "entry" if isinstance(value, dict | NextSection) else "name"


def _listed(value: Any) -> Any:
    """One is a list of one."""
    return [value] if isinstance(value, str | dict) else value


Next = Annotated[Annotated[Name, Tag("name")] | Annotated[NextSection, Tag("entry")], Discriminator(_kind)]
Line = Annotated[list[Next], BeforeValidator(_listed, json_schema_input_type=Next | list[Next])]
"""Contacts in the order in which they are told."""


class NotificationsSection(Section):
    """How people are told."""

    group_wait: Annotated[Duration, AfterValidator(duration_within(0.0, 5 * MINUTE))] = Field(
        _TELLING.group_wait, description="What begins so soon after one another is told as one message."
    )
    heal_quietly: Annotated[Duration, AfterValidator(duration_within(0.0, HOUR))] = Field(
        _TELLING.heal_quietly,
        description="What the watchdog heals so soon pages nobody, and is told when it is over; 0s: it pages.",
    )
    settle: Annotated[Duration, AfterValidator(duration_within(0.0, HOUR))] = Field(
        _TELLING.settle, description="What has come back again is told to be over when it has held for so long."
    )
    actions: bool = Field(_TELLING.actions, description="Tell also that the first action of an incident begins.")
    zone: ZoneText = Field(UTC_NAME, description="The time zone of times in messages, such as Europe/Berlin.")
    link: HttpUrl | None = Field(None, description="Where people reach this daemon, for the links in messages.")


def telling_of(section: NotificationsSection | None) -> Telling:
    if section is None:
        return _TELLING
    return Telling(
        section.group_wait,
        section.heal_quietly,
        section.settle,
        section.actions,
        parse_zone(section.zone),
        section.link or "",
    )


def line_of(sections: Line, respond_within: float) -> tuple[NextInLine, ...]:
    """Who is told, one after the other, while nobody answers."""
    named = (NextSection(to=each) if isinstance(each, str) else each for each in sections)
    return tuple(NextInLine(each.to, respond_within if each.after is None else each.after) for each in named)
