"""Outages of a whole platform on a clock that the test moves, and what people get of them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

from nemo_watchdog.channel import Letter
from nemo_watchdog.model import ActionRequest, Finding, Notification, ok
from nemo_watchdog.plugins import installed
from nemo_watchdog.policy.loader import parse_policy
from nemo_watchdog.policy.policy import Policy
from nemo_watchdog.runtime.answer_links import AnswerLinks
from nemo_watchdog.runtime.core import Core
from nemo_watchdog.runtime.rendering import Rendering
from nemo_watchdog.runtime.troubles import Troubles
from nemo_watchdog.testing import ManualClock
from tests.unit.engine.world import World

HOST = "nemo-1"
SHIPPED = Path(__file__).parents[1] / "config" / "policy.yaml"
CORE = ("postgres", "redis", "gateway", "gemma")
A_RESTART_TAKES = 3.0


def shipped(*changes: tuple[str, str]) -> Policy:
    """The policy as it is shipped, with changes of its text."""
    text = SHIPPED.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text, f"{old!r} is not in the shipped policy"
        text = text.replace(old, new)
    return parse_policy(text, "policy.yaml", installed(), environ={})


class Outage:
    """A platform that is well until something is `ill` or `dead`: what is dead is dead again after each restart."""

    def __init__(self, plan: Policy) -> None:
        self.world = World(plan)
        self.ill: dict[str, Finding] = {}
        self.dead: set[str] = set()
        self._ends: list[tuple[float, ActionRequest]] = []
        self.letters: list[Letter] = []
        """Of each message what its first contact reads, as it is sent."""

    @property
    def messages(self) -> list[Notification]:
        return self.world.messages

    def kill(self, *names: str) -> None:
        """Their containers end, all at once, and will again."""
        self.dead |= set(names)
        for name in names:
            self.world.crash(name, 137)

    def mend(self, *names: str) -> None:
        """Somebody has found the cause, and starts what does not run."""
        for name in names:
            self.ill.pop(name, None)
            if name in self.dead:
                self.dead.discard(name)
                self.world.run(name)

    def go_on(self, seconds: float, *, every: float = 1.0) -> None:
        """Looks at all, each so often; what was ordered is done in its time."""
        world = self.world
        end = world.monotonic + seconds
        while world.monotonic < end:
            world.wait(every)
            self._finish()
            self.send()
            for name in world.engine.policy.dependencies:
                if name not in self.dead:
                    world.look(name, self.ill.get(name) or ok(), every=0.0)

    def send(self) -> None:
        """What there is to tell now."""
        world, clock = self.world, ManualClock(self.world.monotonic, self.world.utc)
        core = SimpleNamespace(engine=world.engine, clock=clock, troubles=Troubles(clock, str))
        rendering = Rendering(cast("Core", core), AnswerLinks(b"key", lambda: world.utc), HOST)
        for each in self.messages[len(self.letters) :]:
            self.letters.append(rendering.render(each, each.contacts[0]))

    def _finish(self) -> None:
        known = {request.action_id for _, request in self._ends}
        now = self.world.monotonic
        self._ends += [
            (now + A_RESTART_TAKES, request) for request in self.world.pending if request.action_id not in known
        ]
        while self.world.pending and self._ends and self._ends[0][0] <= now:
            self._ends.pop(0)
            request = self.world.finish()
            if request.dependency in self.dead:
                self.world.crash(request.dependency, 137)

    def of(self, contact: str) -> list[Notification]:
        return [each for each in self.messages if contact in each.contacts]


def said(messages: list[Notification]) -> str:
    """As they came: when, to whom, and the whole text."""
    return "\n\n".join(
        f"{each.at:%H:%M:%S} to {', '.join(each.contacts)}: {each.title}\n{each.body}" for each in messages
    )
