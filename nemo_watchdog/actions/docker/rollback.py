"""The container is made anew from the image that has last proven itself, where that is another one than now.

The engine knows which image that is (`engine/proving.py`) and skips the step where it is the same one. What is left
behind is ended as with `docker.recreate`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

from pydantic import AfterValidator

from nemo_watchdog.actions.docker.replacing import Replacing
from nemo_watchdog.actions.docker.settling import ReplacingOptions, Settling, stop_timeout
from nemo_watchdog.actions.docker.versions import why_not_between
from nemo_watchdog.actions.guard import act_as_judged, still_as_judged, the_container
from nemo_watchdog.errors import NotOrdered, in_one_line
from nemo_watchdog.model import CONTAINER, ActionRequest, ActionResult
from nemo_watchdog.policy.units import Duration, duration_within
from nemo_watchdog.ports import ActionKind
from nemo_watchdog.recreation import tag_of

SHORTEST = 60.0
LONGEST = 7 * 86400.0
"""Seconds."""

_SHOWN = len("sha256:") + 12


class RollbackOptions(ReplacingOptions):
    """Make the dependency's container anew from the image that last served well, where that has changed since."""

    proven_for: Annotated[Duration, AfterValidator(duration_within(SHORTEST, LONGEST))] = 600.0
    """For how long an image must have served without a break to be one that it goes back to."""
    across_versions: bool = False
    """Whether what keeps data goes back to an image of another version too, or of one that nobody knows."""


class DockerRollback(Settling):
    """Satisfies `ports.SettlingAction`; named `docker.rollback` in a policy."""

    async def run(self, request: ActionRequest) -> ActionResult:
        options: RollbackOptions = request.options
        made = ""

        async def roll_back(name: str) -> None:
            nonlocal made
            present = await self._present(name)
            image = await self._proven(request, present)
            made = await Replacing(self._docker, name, options.stop_timeout).replace(
                still=lambda: still_as_judged(self._context, request),
                image=image,
                of_image=present.get("Config") or {},
                network_from=options.network_from,
            )

        done = f"a container from {_called(request)} has taken its place; the old one is kept until that has helped"
        result = await act_as_judged(self._context, request, roll_back, done)
        return replace(result, made=made)

    async def _present(self, name: str) -> Mapping[str, Any]:
        """The image that it has now, which its configuration is told apart from."""
        shown = await self._docker.show(name)
        if shown is None:
            raise NotOrdered(f"Docker has no container named {name}")
        present = await self._docker.image(str(shown["Image"]))
        if present is None:
            gone = "the image that it has now was removed"
            raise NotOrdered(f"{gone}: which part of its configuration is that image's cannot be told any more")
        return present

    async def _proven(self, request: ActionRequest, present: Mapping[str, Any]) -> str:
        """What the proven image is asked for by. Raises `NotOrdered` where it may not have the place of this one."""
        if not request.image:
            raise NotOrdered("no image of the container has proven itself")
        proven = await self._docker.image(request.image)
        if proven is None:
            raise NotOrdered(f"{_called(request)} is gone, as after `docker image prune -a`: pull it again")
        if proven["Id"] == present["Id"]:
            raise NotOrdered("the image has not changed since it was proven")
        options: RollbackOptions = request.options
        if request.keeps_data and not options.across_versions and (why := why_not_between(present, proven)):
            raise NotOrdered(f"{why}: `across_versions: true` of the step would allow that")
        for name in filter(None, (request.image_name, tag_of(request.target.name))):
            meant = await self._docker.image(name)
            if meant is not None and meant["Id"] == proven["Id"]:
                return name
        return request.image


def _called(request: ActionRequest) -> str:
    """The image, for people."""
    short = request.image[:_SHOWN]
    return f"the image {in_one_line(request.image_name)} ({short})" if request.image_name else f"the image {short}"


def proves_after(options: RollbackOptions) -> float:
    return options.proven_for


KIND = ActionKind(
    options=RollbackOptions,
    make=DockerRollback,
    target_kind=CONTAINER,
    target=the_container,
    needs=("container",),
    may_take=stop_timeout,
    settles=True,
    proves_after=proves_after,
)
