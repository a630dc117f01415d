"""`container:` that names no container but says how it is known: by its Compose service, or by a label.

Which one that is, Docker's labels say at every reading of the policy. None, or several, is no container at all: never
the first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from nemo_watchdog.policy.fields import ContainerName, Section
from nemo_watchdog.policy.units import wrong
from nemo_watchdog.recreation import is_beside

PROJECT, SERVICE, ONE_OFF = (f"com.docker.compose.{word}" for word in ("project", "service", "oneoff"))
"""What `docker compose` writes on what it makes."""

_SERVICE = re.compile(r"[a-z0-9][a-z0-9_-]*/[a-zA-Z0-9][a-zA-Z0-9._-]*")
_LABEL = re.compile(r"[^\s=]+=[^\n]*")
_SHOWN = 4
"""Of several that match, so many are named."""

Labels = Mapping[str, str]


def _check_service(text: str) -> str:
    if not _SERVICE.fullmatch(text):
        raise wrong("expected `project/service`, as `docker compose ls` and `docker compose ps` show them")
    return text


def _check_label(text: str) -> str:
    if not _LABEL.fullmatch(text) or not text.isprintable():
        raise wrong("expected `key=value`, as `docker inspect` shows a label")
    return text


class SelectorSection(Section):
    """How the container is known; which one that is may change while its dependency stays the same."""

    compose: Annotated[str, AfterValidator(_check_service)] | None = Field(
        None, description="`project/service`: the container of that Compose service, whatever it is called."
    )
    label: Annotated[str, AfterValidator(_check_label)] | None = Field(
        None, description="`key=value`: the container that carries this label."
    )

    @model_validator(mode="after")
    def _one(self) -> SelectorSection:
        if (self.compose is None) == (self.label is None):
            raise wrong("expected one of `compose: project/service` and `label: key=value`")
        return self


def _kind(value: Any) -> str:
    return "name" if isinstance(value, str) else "selector"


ContainerRef = Annotated[
    Annotated[ContainerName, Tag("name")] | Annotated[SelectorSection, Tag("selector")], Discriminator(_kind)
]


@dataclass(frozen=True, slots=True)
class Selected:
    """What a `container:` means now. `container` is what it is asked for by: a name that none can have, where `why`."""

    container: str
    words: str = ""
    """How it is known, for people; empty for one that the policy names."""
    why: str = ""
    """Why no container is meant; empty where one is."""
    keys: frozenset[str] = field(default_factory=frozenset)
    """The labels that say which one it is."""


def select(ref: str | SelectorSection, containers: Mapping[str, Labels] | None) -> Selected:
    """The one of these containers that is meant; None for `containers` where Docker has not been asked."""
    if isinstance(ref, str):
        return Selected(ref)
    words, wanted = _wanted(ref)
    keys = frozenset({*wanted, ONE_OFF})
    if containers is None:
        return Selected(words, words, f"Docker has not told yet which container is {words}", keys)
    found = [
        name
        for name, labels in containers.items()
        if wanted.items() <= labels.items() and labels.get(ONE_OFF, "").lower() != "true" and not is_beside(name)
    ]
    if len(found) == 1:
        return Selected(found[0], words, "", keys)
    if not found:
        return Selected(words, words, f"no container is {words}", keys)
    shown = ", ".join(sorted(found)[:_SHOWN]) + (", ..." if len(found) > _SHOWN else "")
    return Selected(words, words, f"{len(found)} containers are {words}, and one is meant: {shown}", keys)


def _wanted(ref: SelectorSection) -> tuple[str, dict[str, str]]:
    if ref.compose is not None:
        project, _, service = ref.compose.partition("/")
        return f"compose {ref.compose}", {PROJECT: project, SERVICE: service}
    key, _, value = (ref.label or "").partition("=")
    return f"label {ref.label}", {key: value}
