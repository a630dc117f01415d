"""A bad release of the gateway, which a person has put in the place of the one that had proven itself."""

from __future__ import annotations

from functools import cached_property

from nemo_watchdog.demo.platform import Platform
from tests.integration.releases import release
from tests.suites.situations import Stage

PROVEN_WITHIN = 120.0
"""Seconds; no image proves itself in less than a minute."""


class Released(Platform):
    """Its containers are of images of its own, which all have the same name when they are deployed."""

    async def deploy_bad(self) -> None:
        await self._release(NEVER_HEALTHY="1")
        await self.docker("rm", "-f", self.name("gateway"))
        await self._make("gateway")

    async def _release(self, **environment: str) -> None:
        self._images.append(await release(self._app, environment, labels=["nemo-watchdog-test.made=1"]))

    @property
    def _app(self) -> str:
        return f"{self.prefix}:app"

    @cached_property
    def _images(self) -> list[str]:
        return []

    async def _start(self, kind: str) -> None:
        await self._release()
        await super()._start(kind)

    async def _make(self, kind: str, image: str = "") -> None:
        await super()._make(kind, image or self._app)

    async def _remove(self) -> None:
        await super()._remove()
        for image in self._images:
            if image in (await self.docker("images", "-a", "-q", "--no-trunc")).split():
                await self.docker("rmi", "-f", image)


async def bad_release(stage: Stage) -> None:
    assert isinstance(stage.platform, Released)
    proven = await stage.daemon.event("image_proven", within=PROVEN_WITHIN)
    assert proven["image_id"] == stage.before["Image"]
    await stage.platform.deploy_bad()
