"""What may stand at `public` of a dependency: which part of the platform its users know it by."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from nemo_watchdog.errors import in_one_line
from nemo_watchdog.policy.fields import Section
from nemo_watchdog.policy.policy import Public
from nemo_watchdog.policy.units import wrong

LONGEST_TEXT = 300


def for_users(text: str) -> str:
    """Users read it, on pages that we do not know."""
    if not text.strip() or in_one_line(text) != text:
        raise wrong("expected words for users, one line without control characters")
    return text.strip()


class PublicSection(Section):
    """How users know it. Dependencies with the same name are one component to them."""

    name: Annotated[str, Field(min_length=1, max_length=80), AfterValidator(for_users)] = Field(
        description="What users call it, such as Chat."
    )
    description: Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT), AfterValidator(for_users)] | None = Field(
        None, description="What it is for them; of dependencies with the same name one has it, or all the same."
    )


def public_of(section: PublicSection | None) -> Public | None:
    return None if section is None else Public(section.name, section.description or "")
