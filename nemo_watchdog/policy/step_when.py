"""`when:` of one step of a remedy: the troubles that it is for. For others the ladder goes past it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from nemo_watchdog.model import Category, Reason
from nemo_watchdog.policy.condition import StepCondition
from nemo_watchdog.policy.fields import Section, one_or_many


class StepWhenSection(Section):
    """Every part that is given must hold; nothing given: the step is for all that its remedy is for."""

    reason: Annotated[list[Reason], one_or_many(Reason)] = Field(
        default_factory=list, description="The dependency fails with one of these."
    )
    category: Annotated[list[Category], one_or_many(Category)] = Field(
        default_factory=list, description="What it fails with is of one of these kinds."
    )


def step_condition_of(when: StepWhenSection) -> StepCondition:
    """What the engine reads."""
    return StepCondition(frozenset(reason.value for reason in when.reason), frozenset(when.category))
