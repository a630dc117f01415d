"""What a container may go back to is tagged: at the start, when another one proves itself, until Docker takes it."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from nemo_watchdog import records as r
from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine.replay import apply
from nemo_watchdog.errors import ContainersUnreachable, NemoWatchdogError, OrderFailed, OrderUncertain
from nemo_watchdog.model import ContainerStatus, Past, RunState
from nemo_watchdog.runtime import kept_images as module
from nemo_watchdog.runtime.kept_images import KeptImages
from tests.unit.engine.world import EVER, RESTART, dependency, policy, remedy
from tests.unit.runtime.shell import Shell, running, settled, until
from tests.unit.runtime.whole import Daemon

BACK = replace(RESTART, action="docker.rollback", key="docker.rollback", proves_after=60.0)
FIX = remedy(RESTART, BACK)


class Desk:
    """Docker answers with `ends` one after the other, and then takes every tag."""

    def __init__(self, *ends: NemoWatchdogError, remedied: str | None = "restart") -> None:
        self.shell = Shell(policy(dependency("gateway", grace=0.0, remedy=remedied), fix=FIX))
        self.ends = deque(ends)
        self.asked: list[tuple[str, str]] = []
        self.images = KeptImages(self.shell.core, self.keep)

    async def keep(self, image: str, container: str) -> None:
        self.asked.append((image, container))
        if self.ends:
            raise self.ends.popleft()

    def knows(self, image: str, container: str = "c-gateway") -> None:
        engine = self.shell.core.engine
        apply(r.ImageProven("gateway", container, image, "app:1", 60.0), engine.durable, self.shell.clock.now())

    async def proves(self, image: str) -> None:
        """The container serves from it for long enough."""
        status = ContainerStatus(RunState.RUNNING, f"id-{image}", self.shell.clock.now().utc, image=image)
        self.shell.core.tell(ev.ContainerSeen("c-gateway", status, Past((), EVER), ()))
        self.shell.observe(times=3)
        self.shell.manual.advance(61.0)
        self.shell.core.tell(ev.Tick())

    @property
    def troubles(self) -> list[str]:
        return [each.what for each in self.shell.core.troubles.views()]


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AGAIN_AFTER", 0.01)


async def test_what_is_remembered_is_tagged_at_the_start() -> None:
    """Once, and nothing for a container that the policy goes back to nothing for."""
    desk = Desk()
    desk.knows("sha256:1")
    desk.knows("sha256:2", "c-another")
    async with running(desk.images.run()):
        await until(lambda: desk.asked)
        await settled()
    assert desk.asked == [("sha256:1", "c-gateway")]


async def test_without_such_a_step_nothing_is_tagged() -> None:
    """However much is remembered."""
    desk = Desk(remedied=None)
    desk.knows("sha256:1")
    async with running(desk.images.run()):
        await settled()
    assert desk.asked == []


async def test_what_proves_itself_is_tagged_then() -> None:
    """The tag moves on to the next one."""
    desk = Desk()
    async with running(desk.images.run()):
        await desk.proves("sha256:1")
        await until(lambda: len(desk.asked) == 1)
        await desk.proves("sha256:2")
        await until(lambda: len(desk.asked) == 2)
        await settled()
    assert desk.asked == [("sha256:1", "c-gateway"), ("sha256:2", "c-gateway")]


async def test_a_docker_that_does_not_answer_is_asked_again() -> None:
    """It is a trouble meanwhile, told once, and its end is told too."""
    desk = Desk(ContainersUnreachable("no answer"), OrderUncertain("lost"), OrderFailed("No such image"))
    desk.knows("sha256:1")
    seen: list[list[str]] = []
    with capture_logs() as lines:
        async with running(desk.images.run()):
            await until(lambda: desk.troubles)
            seen.append(desk.troubles)
            await until(lambda: len(desk.asked) == 4)
            await until(lambda: not desk.troubles)
    assert seen == [["the image that c-gateway may go back to is lost when images are pruned"]]
    told = [(line["event"], line.get("problem")) for line in lines if "tagged" in line["event"]]
    assert told == [("proven image not tagged", "no answer"), ("proven image tagged again", None)]


async def test_each_gap_is_longer_than_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Up to the longest; a Docker that takes no tag is not asked without a pause."""
    gaps: list[float] = []

    def timeout(seconds: float) -> object:
        gaps.append(seconds)
        return real(0.0 if len(gaps) < 5 else 60.0)

    real = asyncio.timeout
    desk = Desk(*(OrderFailed("refused") for _ in range(9)))
    desk.knows("sha256:1")
    monkeypatch.setattr(module, "AGAIN_AFTER", 5.0)
    monkeypatch.setattr(module, "LONGEST_GAP", 30.0)
    monkeypatch.setattr(asyncio, "timeout", timeout)
    async with running(desk.images.run()):
        for _ in range(200):
            await settled()
    assert gaps == [5.0, 10.0, 20.0, 30.0, 30.0]


async def test_what_the_policy_goes_back_to_no_more_is_no_trouble() -> None:
    """It is over with the next look at what is wanted."""
    desk = Desk(*(OrderFailed("refused") for _ in range(1000)))
    desk.knows("sha256:1")
    async with running(desk.images.run()):
        await until(lambda: desk.troubles)
        desk.shell.core.tell(ev.PolicyChanged(policy(dependency("gateway", grace=0.0, remedy=None))))
        await until(lambda: not desk.troubles)


async def test_the_daemon_tags_what_it_has_seen_serve(tmp_path: Path) -> None:
    """The supervisor runs it beside all else."""
    daemon = Daemon(tmp_path)
    daemon.shell.core.engine.volatile.proves_after = {"gateway": 60.0}
    engine = daemon.shell.core.engine
    apply(r.ImageProven("gateway", "c-gateway", "sha256:1", "app:1", 60.0), engine.durable, daemon.shell.clock.now())
    await daemon.start()
    await until(lambda: daemon.tagged == {"c-gateway": "sha256:1"})
    await daemon.stop()
