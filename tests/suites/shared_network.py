"""A model server in the network of another container, as behind a VPN, and that one made anew under its name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from nemo_watchdog.demo.parts import Gemma, Part
from nemo_watchdog.demo.platform import Platform
from tests.suites import data
from tests.suites.situations import Stage

PARENT = "tunnel"


@dataclass(frozen=True, slots=True)
class Tunnel:
    """It has the network, and the published port; nothing listens in it but what shares it."""

    kind: ClassVar[str] = PARENT
    inner_port: ClassVar[int] = Gemma.inner_port

    def options(self, others: Mapping[str, Part]) -> list[str]:
        return []

    def command(self) -> list[str]:
        return ["/usr/bin/sleep", "infinity"]


class Behind(Gemma):
    def options(self, others: Mapping[str, Part]) -> list[str]:
        return [*super().options(others), "-v", data.VOLUME]


class SharedNetwork(Platform):
    """The first part has the network of all others."""

    def port(self, part: str) -> int:
        return super().port(PARENT) if self._known(part) else 0

    async def _start(self, kind: str) -> None:
        """All of them with the first, which the others need."""
        if kind == PARENT:
            for each in self.parts:
                await super()._start(each)

    def _network_options(self, kind: str) -> list[str]:
        return super()._network_options(kind) if kind == PARENT else ["--network", f"container:{self.name(PARENT)}"]

    async def made_anew(self) -> None:
        """As an update of it does: it goes, and another one has its name."""
        await self.docker("rm", "-f", self.name(PARENT))
        await self._make(PARENT)


async def parent_is_made_anew(stage: Stage) -> None:
    assert isinstance(stage.platform, SharedNetwork)
    await stage.platform.made_anew()
