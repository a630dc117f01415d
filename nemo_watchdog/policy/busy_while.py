"""`busy_while:`, what tells the watchdog that somebody is at work and that a restart must wait."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from nemo_watchdog.policy.fields import Name, Section, check_absolute
from nemo_watchdog.policy.policy import BusyWhile
from nemo_watchdog.policy.units import wrong

MOST_SIGNS = 20


class BusyWhileSection(Section):
    """Exactly one of the three."""

    file: Annotated[str, AfterValidator(check_absolute)] | None = Field(None, description="While this path exists.")
    lock: Annotated[str, AfterValidator(check_absolute)] | None = Field(
        None, description="While a process of this machine holds a lock (flock or fcntl) on this file."
    )
    dependency: Name | None = Field(None, description="While the last look at this dependency was good.")

    @model_validator(mode="after")
    def _one(self) -> BusyWhileSection:
        if len(self.model_fields_set) != 1 or None in (getattr(self, key) for key in self.model_fields_set):
            raise wrong("expected one of `{file: PATH}`, `{lock: PATH}` and `{dependency: NAME}`")
        return self

    @property
    def sign(self) -> BusyWhile:
        (kind,) = self.model_fields_set
        return BusyWhile(kind, getattr(self, kind))
