"""`flapping:`, the marks between which something flaps, or `false`."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    Field,
    GetJsonSchemaHandler,
    ModelWrapValidatorHandler,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from nemo_watchdog.policy.fields import DAY, MINUTE, Section
from nemo_watchdog.policy.policy import Flapping
from nemo_watchdog.policy.units import Duration, Ratio, duration_within, number_within, wrong

_FLAPPING = Flapping()

Mark = Annotated[Ratio, AfterValidator(number_within(0.01, 1.0))]


class FlappingSection(Section):
    """When it flaps; false: never. What is not given is as here, whatever `defaults` says."""

    window: Annotated[Duration, AfterValidator(duration_within(MINUTE / 6, DAY))] = Field(
        _FLAPPING.window, description="How far back changes count, 10s to 1d; the newest weigh most."
    )
    high: Mark = Field(_FLAPPING.high, description="It begins when the share of changes reaches this.")
    low: Mark = Field(_FLAPPING.low, description="It ends when the share of changes is below this.")

    @model_validator(mode="wrap")
    @classmethod
    def _or_off(cls, value: Any, handler: ModelWrapValidatorHandler[FlappingSection]) -> FlappingSection:
        return OFF if value is False else handler(value)

    @model_validator(mode="after")
    def _ordered(self) -> FlappingSection:
        if self.low >= self.high:
            raise wrong("`low` must be below `high`")
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema = handler.resolve_ref_schema(handler(core_schema))
        return {"anyOf": [schema, {"const": False}]}

    def marks(self) -> Flapping | None:
        """As the engine reads it; None when it is off."""
        return None if self is OFF else Flapping(self.window, self.high, self.low)


OFF = FlappingSection()
"""What `false` is read as."""
