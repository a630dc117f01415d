"""`when:` of one step of a remedy: the troubles that it is for. For others the ladder goes past it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from nemo_watchdog.model import Category, Reason
from nemo_watchdog.policy.condition import Bound, StepCondition
from nemo_watchdog.policy.fields import Section, one_or_many
from nemo_watchdog.policy.units import EXPANSION, wrong
from nemo_watchdog.policy.when import parse_bound

_TIMES_HELP = "expected a comparison with a number of times, in quotes, such as `< 2` or `>= 1`"


def _times(value: object) -> Bound:
    try:
        bound = parse_bound(value)
    except PydanticCustomError:
        raise wrong(_TIMES_HELP) from None
    if "%" in bound.written or not bound.value.is_integer():
        raise wrong(_TIMES_HELP)
    if bound.value < 0 or (bound.comparison, bound.value) == ("<", 0):
        raise wrong(f"{_TIMES_HELP}: nothing has helped less often than never")
    return bound


TimesText = Annotated[
    Bound,
    PlainValidator(_times),
    WithJsonSchema({"type": "string", "pattern": rf"^(>=|<=|>|<|=) ?[0-9]+$|{EXPANSION}"}),
]


class StepWhenSection(Section):
    """Every part that is given must hold; nothing given: the step is for all that its remedy is for."""

    reason: Annotated[list[Reason], one_or_many(Reason)] = Field(
        default_factory=list, description="The dependency fails with one of these."
    )
    category: Annotated[list[Category], one_or_many(Category)] = Field(
        default_factory=list, description="What it fails with is of one of these kinds."
    )
    helped: TimesText | None = Field(
        None, description="How often the step has helped before, for this reason and this image, such as `< 2`."
    )


def step_condition_of(when: StepWhenSection) -> StepCondition:
    """What the engine reads."""
    reasons = frozenset(reason.value for reason in when.reason)
    return StepCondition(reasons, frozenset(when.category), when.helped)
