"""What the options of all probes share: unknown keys are mistakes, and options never change."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict


class ProbeOptions(BaseModel):
    """Base of every options model. Values arrive as the policy file has them and leave in base units."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    needs_container: ClassVar[bool] = False
    """The policy must give the dependency's `container`."""

    need_container: ClassVar[frozenset[str]] = frozenset()
    """Options that need the dependency's `container` when they are set."""

    runs_a_program: ClassVar[bool] = False
    """On this host: a container's labels may not ask for it."""

    def __deepcopy__(self, memo: dict[int, object] | None = None) -> Self:
        """Itself: options never change, and pydantic copies a default for every dependency that leaves it out."""
        return self
