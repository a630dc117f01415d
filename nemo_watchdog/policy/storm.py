"""What may stand at `limits.storm`: when so much fails together that what is shared is suspected."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from nemo_watchdog.policy.fields import DAY, HOUR, Name, Section
from nemo_watchdog.policy.policy import Storm
from nemo_watchdog.policy.units import Duration, Ratio, Whole, duration_within, number_within

_STORM = Storm()


class StormSection(Section):
    """When so much fails together that what is shared is suspected, and nothing that runs is restarted."""

    down: Ratio = Field(_STORM.share, description="More than this share must fail together.")
    of: Name | None = Field(None, description="Of the dependencies with this tag; of all when it is not given.")
    least: Annotated[Whole, AfterValidator(number_within(2, 1000)), Field(json_schema_extra={"minimum": 2})] = Field(
        _STORM.least, description="And at least so many, without those that what they need explains."
    )
    within: Annotated[Duration, AfterValidator(duration_within(1.0, HOUR))] = Field(
        _STORM.within, description="They began to fail no further apart than this."
    )
    hold: Annotated[Duration, AfterValidator(duration_within(0.0, DAY))] = Field(
        _STORM.hold, description="It lasts at least so long, unless all serve again before."
    )


def _switched(value: Any) -> Any:
    """`false` turns it off; nothing given is as good as none."""
    return None if value is False else StormSection() if value is None else value


StormSwitch = Annotated[
    StormSection | None, BeforeValidator(_switched, json_schema_input_type=StormSection | Literal[False])
]
"""None where it is turned off."""


def storm_of(section: StormSection | None) -> Storm | None:
    if section is None:
        return None
    return Storm(section.down, section.least, section.of, section.within, section.hold)
