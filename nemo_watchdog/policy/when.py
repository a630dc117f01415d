"""The conditions of the policy language: what may stand at `when:`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from nemo_watchdog.model import Category, Health, Reason
from nemo_watchdog.policy.fields import Names, Section, one_or_many
from nemo_watchdog.policy.units import wrong


class DownSection(Section):
    """Exactly one of the two."""

    all: str | None = Field(None, description="Holds when every dependency with this tag is down.")
    any: str | None = Field(None, description="Holds when at least one dependency with this tag is down.")

    @model_validator(mode="after")
    def _one(self) -> DownSection:
        if (self.all is None) == (self.any is None):
            raise wrong("expected one of `{all: TAG}` and `{any: TAG}`")
        return self


class WhenSection(Section):
    """Every part that is given must hold; nothing given always holds."""

    health: Annotated[list[Health], one_or_many(Health)] = Field(default_factory=list)
    category: Annotated[list[Category], one_or_many(Category)] = Field(default_factory=list)
    reason: Annotated[list[Reason], one_or_many(Reason)] = Field(default_factory=list)
    tags: Names = Field(default_factory=list, description="It carries every one of these tags.")
    dependencies: Names = Field(default_factory=list, description="It is one of these.")
    down: DownSection | None = Field(None, description="Looks at all dependencies with a tag.")
