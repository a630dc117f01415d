"""What the options of all actions share: unknown keys are mistakes, and options never change."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict

from nemo_watchdog.policy.units import wrong
from nemo_watchdog.ports import Subject

_LONGEST_TARGET = 200


class ActionOptions(BaseModel):
    """Base of every options model. Its docstring says what the action does; values leave in base units."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


def _one_line(name: str) -> str:
    if not (name.strip() and name.isprintable() and len(name) <= _LONGEST_TARGET):
        raise wrong(f"expected a name of one line and at most {_LONGEST_TARGET} characters")
    return name


TargetName = Annotated[str, AfterValidator(_one_line)]
"""What an action that can act on anything is said to act on. It is shown: no secret."""


def named_target(options: Any, subject: Subject) -> str:
    """Its `target`, or the name of the dependency: two dependencies have two, unless the policy says otherwise."""
    return options.target or subject.dependency
