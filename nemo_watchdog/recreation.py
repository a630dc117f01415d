"""The seam to what makes one container anew: small orders, each for one container, that an action puts in a row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

_OLD, _NEW = "-nemo-old", "-nemo-new"

KEPT = "nemo-watchdog/keep"
"""The repository of our tags: each has the name of the container whose image it keeps from being pruned."""


def name_of_old(name: str) -> str:
    """What the one that is kept is called."""
    return f"{name}{_OLD}"


def name_of_new(name: str) -> str:
    """What the other one is called before it takes its place."""
    return f"{name}{_NEW}"


def tag_of(container: str) -> str:
    """The name by which the image is kept that a container may go back to."""
    return f"{KEPT}:{container}"


def is_beside(name: str) -> bool:
    """Whether a container that is called so stands beside the one that is meant, with the same labels."""
    return name.endswith((_OLD, _NEW))


class Recreation(Protocol):
    """What the container engine is asked and ordered while one container takes the place of another.

    Questions raise `ContainersUnreachable`. Every order is bounded in time, and raises `OrderFailed` when the engine
    said no, `OrderUncertain` when it may have heard the order, `ContainersUnreachable` when it surely has not. An order
    for what is so already, such as a stop of what has ended, succeeds. A container is named by its name or its id.
    """

    async def show(self, container: str) -> Mapping[str, Any] | None:
        """All that the engine knows of it, in its own words: secrets among it. None when there is none of that name."""
        ...

    async def image(self, image: str) -> Mapping[str, Any] | None:
        """All that the engine knows of the image of that id, or that a name means now; None when there is none."""
        ...

    async def keep(self, image: str, container: str) -> None:
        """Gives the image of that id the tag of that container, which the one before loses."""
        ...

    async def create(self, name: str, body: Mapping[str, Any]) -> str:
        """The id of a container that is made and not started."""
        ...

    async def connect(self, network: str, container: str, endpoint: Mapping[str, Any]) -> None:
        """Puts it on one more network."""
        ...

    async def set_restart_policy(self, container: str, policy: Mapping[str, Any]) -> None:
        """What the engine does by itself when it ends, or when the engine is started anew."""
        ...

    async def stop(self, container: str, stop_timeout: float) -> None:
        """Returns when it has ended; `stop_timeout` in seconds before it is killed."""
        ...

    async def start(self, container: str) -> None: ...

    async def rename(self, container: str, name: str) -> None: ...

    async def remove(self, container: str) -> None:
        """Never one that runs, and never a volume of it."""
        ...
