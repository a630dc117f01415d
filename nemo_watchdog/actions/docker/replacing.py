"""One container takes the place of another, and the other can always be put back: the order of the orders.

The old one is renamed and kept. At any moment at most one of the two runs, one of them carries the restart policy that
was asked for, and no volume is removed: whoever comes upon the two after a crash can make one whole container of them.
The old one is known by its id, the new one by its id where that was learned, and else by the names below.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

from nemo_watchdog.actions.docker.same_again import Blueprint, parent_of, same_again, why_not
from nemo_watchdog.errors import ContainersUnreachable, NemoWatchdogError, NotOrdered, OrderFailed, OrderUncertain
from nemo_watchdog.recreation import Recreation, name_of_new, name_of_old

NO_RESTARTS: Mapping[str, Any] = {"Name": "no", "MaximumRetryCount": 0}
ENDED = frozenset({"created", "exited", "dead"})


class Replacing:
    """`name` is the container's; `stop_timeout` in seconds before one that stops is killed."""

    def __init__(self, docker: Recreation, name: str, stop_timeout: float) -> None:
        self._docker = docker
        self._name, self._old, self._new = name, name_of_old(name), name_of_new(name)
        self._stop_timeout = stop_timeout

    async def replace(
        self,
        *,
        still: Callable[[], Awaitable[None]],
        image: str | None = None,
        of_image: Mapping[str, Any] | None = None,
        network_from: str | None = None,
    ) -> str:
        """The id of the one that has taken its place and was started.

        It is made from another `image` where one is given; `of_image` is the configuration of the one that it has now,
        which does not go along. `still` is asked right before the first order that anybody notices, and raises
        `NotOrdered`. With `network_from` it uses the network of the container that has that name now.

        Raises `NotOrdered` and `ContainersUnreachable` where nothing has changed, `OrderFailed` where the old one is in
        its place again, and `OrderUncertain` where `put_back` must make it whole.
        """
        old = await self._docker.show(self._name)
        if old is None:
            raise NotOrdered(f"Docker has no container named {self._name}")
        if why := why_not(old):
            raise NotOrdered(why)
        await self._nothing_is_left_over()
        blueprint = await self._blueprint(old, image, of_image, network_from)
        old_id, new_id, noticed = str(old["Id"]), await self._docker.create(self._new, blueprint.body), False
        try:
            for network, endpoint in blueprint.networks.items():
                await self._docker.connect(network, new_id, endpoint)
            await still()
            if not _is_same_policy(_policy(old), NO_RESTARTS):
                await self._docker.set_restart_policy(old_id, NO_RESTARTS)
            noticed = True
            await self._docker.stop(old_id, self._stop_timeout)
            await self._docker.rename(old_id, self._old)
            await self._docker.rename(new_id, self._name)
            await self._docker.start(new_id)
        except (OrderFailed, NotOrdered) as error:
            await self._back(error, old_id, new_id, noticed=noticed)
            if isinstance(error, NotOrdered):
                raise
            now = "the old container serves in its place again" if noticed else "the container was left as it is"
            raise OrderFailed(f"{error}; {now}") from error
        except ContainersUnreachable as error:
            raise OrderUncertain(str(error)) from error
        return new_id

    async def finish(self, old_id: str, made: str = "") -> str:
        """The new one is good: the old one is removed, without its volumes. What was done, for people.

        Raises `OrderFailed` where somebody else had a hand in it, as `replace` does for the rest.
        """
        old, here = await self._docker.show(old_id), await self._docker.show(self._name)
        if old is None:
            return "the old container is removed"
        if here is None or here["Id"] == old_id or (made and here["Id"] != made):
            raise OrderFailed(f"{self._name} is not the container that was made: {_called(old)} is not removed")
        if not _has_ended(old):
            raise OrderFailed(f"{_called(old)} runs: it is not removed")
        await self._docker.remove(old_id)
        return "the old container is removed"

    async def put_back(self, old_id: str, made: str = "") -> str:
        """However far it had come: the old one has its name and runs, and the new one is gone. What was done."""
        old = await self._docker.show(old_id)
        if old is None:
            return "the old container is gone: the new one stays"
        new = await self._made(old_id, made)
        if new is not None:
            await self._take_away(old, new)
        if _called(old) != self._name:
            await self._docker.rename(old_id, self._name)
        await self._docker.start(old_id)
        return "the old container serves in its place again"

    async def _take_away(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        if _called(new) != self._new:
            await self._docker.stop(new["Id"], self._stop_timeout)  # also where a start may be under way
        if not _has_ended(old):
            # One that was ordered before may be under way: what is started meanwhile would end by it. Where Docker
            # cannot stop it, it runs, which is what is wanted.
            with suppress(OrderFailed):
                await self._docker.stop(old["Id"], self._stop_timeout)
        if not _is_same_policy(_policy(old), _policy(new)):
            await self._docker.set_restart_policy(old["Id"], _policy(new))
        await self._docker.remove(new["Id"])

    async def _made(self, old_id: str, made: str) -> Mapping[str, Any] | None:
        """The new one, wherever it has come to. Raises `OrderFailed` for what somebody else has put there."""
        found = [await self._docker.show(name) for name in (self._new, self._name)]
        for each in found:
            if each is None or each["Id"] == old_id:
                continue
            if made and each["Id"] != made:
                raise OrderFailed(f"somebody has made another container {_called(each)}: it is left alone")
            return each
        return None

    async def _nothing_is_left_over(self) -> None:
        """One that was made, and of whose making the answer was lost, goes: it never ran."""
        if await self._docker.show(self._old) is not None:
            kept = f"a container {self._old} is there, kept from an earlier time"
            raise NotOrdered(f"{kept}: look which of the two is to stay, and `docker rm` the other")
        new = await self._docker.show(self._new)
        if new is None:
            return
        if new["State"]["Status"] != "created":
            raise NotOrdered(f"a container {self._new} is there, which has run: look what it is, and `docker rm` it")
        await self._docker.remove(new["Id"])

    async def _blueprint(
        self, old: Mapping[str, Any], image: str | None, of_image: Mapping[str, Any] | None, network_from: str | None
    ) -> Blueprint:
        if image is None:
            image, called = str(old["Image"]), str(old["Config"].get("Image") or "")
            now = await self._docker.image(called) if called else None
            if now is not None and now["Id"] == image:
                image = called
        return same_again(old, image, await self._parent(old, network_from), of_image=of_image)

    async def _parent(self, old: Mapping[str, Any], network_from: str | None) -> str:
        parent = parent_of(old)
        if network_from is not None:
            if not parent:
                raise NotOrdered(
                    f"it does not use another container's network: take `network_from: {network_from}` out"
                )
            shown = await self._docker.show(network_from)
            if shown is None or _has_ended(shown):
                raise NotOrdered(f"{network_from}, whose network it is to use, does not run")
            return str(shown["Id"])
        if parent and await self._docker.show(parent) is None:
            gone = "the container whose network it uses is gone, and Docker does not know its name"
            raise NotOrdered(f"{gone}: name the one that has its place now as `network_from` of the step")
        return parent

    async def _back(self, error: NemoWatchdogError, old_id: str, new_id: str, *, noticed: bool) -> None:
        try:
            if noticed:
                await self.put_back(old_id, new_id)
            else:
                await self._docker.remove(new_id)
        except NemoWatchdogError as second:
            raise OrderUncertain(f"{error}; and then: {second}") from error


def _called(shown: Mapping[str, Any]) -> str:
    return str(shown["Name"]).lstrip("/")


def _has_ended(shown: Mapping[str, Any]) -> bool:
    return shown["State"]["Status"] in ENDED


def _policy(shown: Mapping[str, Any]) -> Mapping[str, Any]:
    return shown["HostConfig"].get("RestartPolicy") or NO_RESTARTS


def _is_same_policy(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return _known(one) == _known(other)


def _known(policy: Mapping[str, Any]) -> tuple[str, int]:
    return policy.get("Name") or "no", policy.get("MaximumRetryCount") or 0
