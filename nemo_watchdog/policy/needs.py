"""What may stand at `needs:`: names of dependencies, and groups of them of which any one is enough."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Any

from pydantic import BeforeValidator, Discriminator, Field, Tag

from nemo_watchdog.policy.fields import Name, Section


class AnySection(Section):
    """Any one of these is enough."""

    any: Annotated[list[Name], Field(min_length=1)] = Field(description="Dependencies that stand in for each other.")


def _listed(value: Any) -> Any:
    """One is a list of one."""
    return [value] if isinstance(value, str | dict) else value


def _kind(value: Any) -> str:
    return "group" if isinstance(value, dict | AnySection) else "name"


Need = Annotated[Annotated[Name, Tag("name")] | Annotated[AnySection, Tag("group")], Discriminator(_kind)]
Needs = Annotated[list[Need], BeforeValidator(_listed, json_schema_input_type=Need | list[Need])]


def plain(needs: Iterable[Need]) -> tuple[str, ...]:
    """What must be there, each once."""
    return tuple(dict.fromkeys(need for need in needs if isinstance(need, str)))


def groups(needs: Iterable[Need]) -> tuple[tuple[str, ...], ...]:
    """The names of each group; two of the same names are one."""
    alike = {frozenset(need.any): tuple(need.any) for need in needs if isinstance(need, AnySection)}
    return tuple(alike.values())


def placed(needs: Iterable[Need]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every name, and where it stands below `needs`."""
    for index, need in enumerate(needs):
        if isinstance(need, str):
            yield (index,), need
        else:
            yield from (((index, "any", each), name) for each, name in enumerate(need.any))
