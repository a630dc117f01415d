"""What the options of all actions share: unknown keys are mistakes, and options never change."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class ActionOptions(BaseModel):
    """Base of every options model. Its docstring says what the action does; values leave in base units."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
