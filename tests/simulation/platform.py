"""Who serves in truth, and what a look at it finds. The watchdog knows only the looks and Docker's word."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import replace
from math import inf

from nemo_watchdog.model import Category, Finding, Reason, RunState, degraded, failed, ok
from nemo_watchdog.policy.policy import Dependency, Policy
from tests.simulation.docker import Ailment, Box, Engine
from tests.simulation.virtual_time import BEGINS

A_WHILE = 7 * 86400.0
"""Seconds that everything has run for at the beginning."""

SAYS_IT_LOADS = frozenset({"db", "cache", "gemma"})
"""Containers that answer while they start; nothing listens in the others."""

BLAMES_WHAT_IT_NEEDS = frozenset({"worker", "embed"})
"""Dependencies that say so when what they need does not serve; the others answer an error."""


def boxes() -> list[Box]:
    """All that run at the beginning; Docker itself starts a worker again."""
    all_of_them = [
        Box("db", boots=8.0, stops_in=3.0),
        Box("cache", boots=3.0),
        Box("queue", boots=20.0),
        Box("gateway", boots=1.0),
        Box("api", boots=25.0),
        Box("worker", loops=True),
        Box("gemma", boots=90.0, stops_in=5.0),
        Box("embed", boots=20.0),
        Box("report"),
    ]
    for box in all_of_them:
        box.began = BEGINS - A_WHILE
    return all_of_them


class Platform:
    """The truth about every dependency of a policy. Times in monotonic seconds."""

    def __init__(self, engine: Engine, policy: Policy) -> None:
        self.engine = engine
        self.specs: dict[str, Dependency] = dict(policy.dependencies)
        self.cut: dict[str, Reason] = {}
        """What looks at these find, whatever is true: the network between the watchdog and them is gone."""
        self.own: dict[str, Ailment] = {}
        """What is wrong with what is no container."""
        self.cut_at: dict[str, float] = {}
        """When each was behind a cut last; infinite while it is."""
        self.well_before: frozenset[str] = frozenset()
        """Those that had served for long enough to be seen to as the last cut began."""
        self.ill_before: frozenset[str] = frozenset()
        """Those that had not served for long enough to be seen not to as the last cut began."""
        self.troubles = 0
        """How often one has ceased to serve."""
        self.bad_since: dict[str, float] = {}
        """Since when each does not serve; those that serve are not in it."""
        self.was_bad_for: dict[str, float] = {}
        """Seconds that each did not serve, the last time that it did not."""
        self.good_since: dict[str, float] = dict.fromkeys(self.specs, -1e9)
        self.troubled_since: dict[str, float] = {}
        """Since when looks at each may not have seen it well twice in a row."""
        self.changed()

    @property
    def now(self) -> float:
        return self.engine.now

    def box(self, name: str) -> Box | None:
        container = self.specs[name].container
        return self.engine.boxes[container] if container else None

    def looking_at(self, box: Box) -> list[str]:
        return [name for name, spec in self.specs.items() if spec.container == box.name]

    def ailment(self, name: str) -> Ailment | None:
        """What is wrong with it that a look at it would see."""
        box = self.box(name)
        ailment = self.own.get(name) if box is None else box.ailment
        seen = ailment is not None and (not ailment.seen_by or name in ailment.seen_by)
        return ailment if seen else None

    def boots(self, box: Box) -> bool:
        """It has been started and does not answer yet."""
        return box.state is RunState.RUNNING and self.now < box.began + box.boots

    def serves(self, name: str) -> bool:
        box, ailment = self.box(name), self.ailment(name)
        if box is not None and (box.state is not RunState.RUNNING or self.boots(box)):
            return False
        if ailment is not None and not ailment.degrades:
            return False
        return all(self.serves(parent) for parent in self.specs[name].needs)

    def changed(self) -> None:
        """Something did: who serves now, and since when."""
        for name in self.specs:
            serves = self.serves(name)
            if serves and name in self.bad_since:
                self.was_bad_for[name] = self.now - self.bad_since.pop(name)
                self.good_since[name] = self.now
            elif not serves and name not in self.bad_since:
                self.bad_since[name] = self.now
                self.troubles += 1
                self.troubled_since.setdefault(name, self.now)
                self.good_since.pop(name, None)

    def cut_off(self, names: Iterable[str], reason: Reason) -> None:
        self.well_before = self._since_long(self.good_since)
        self.ill_before = self._since_long(self.bad_since)
        for name in names:
            self.cut[name], self.cut_at[name] = reason, inf
            self.troubled_since.setdefault(name, self.now)

    def _since_long(self, since: Mapping[str, float]) -> frozenset[str]:
        return frozenset(name for name, at in since.items() if self.now - at > 2 * self.specs[name].interval + 60.0)

    def let_through(self) -> None:
        """The network is there again."""
        self.cut_at.update(dict.fromkeys(self.cut, self.now))
        self.cut.clear()

    def remember_trouble(self) -> None:
        """Now and then."""
        for name, spec in self.specs.items():
            well = self.good_since.get(name, inf)
            last = max(well, self.cut_at.get(name, -inf))
            if self.now - last > 2 * spec.interval + 60.0:
                self.troubled_since.pop(name, None)
            elif name in self.bad_since or name in self.cut:
                self.troubled_since.setdefault(name, self.now)

    def finding(self, name: str) -> Finding:
        """What a look finds that is answered now."""
        if (reason := self.cut.get(name)) is not None:
            return failed(reason, "the network is cut")
        box, ailment = self.box(name), self.ailment(name)
        if box is not None and box.state is RunState.PAUSED:
            return failed(Reason.TIMEOUT, "frozen")
        if box is not None and box.state is not RunState.RUNNING:
            return failed(Reason.REFUSED, "nothing listens")
        if box is not None and self.boots(box):
            loads = box.name in SAYS_IT_LOADS
            return failed(Reason.LOADING, "it loads") if loads else failed(Reason.REFUSED, "it starts")
        if ailment is not None:
            return self._ill(ailment)
        for parent in self.specs[name].needs:
            if not self.serves(parent):
                blames = name in BLAMES_WHAT_IT_NEEDS
                return failed(Reason.UPSTREAM_UNAVAILABLE if blames else Reason.WRONG_STATUS, f"no {parent}")
        return ok()

    def _ill(self, ailment: Ailment) -> Finding:
        if ailment.degrades:
            return degraded(ailment.reason, ailment.detail)
        finding = failed(ailment.reason, ailment.detail)
        if ailment.reason.category is Category.BUSY:
            return replace(finding, progress=self.now - ailment.began if ailment.moves else 1.0)
        return finding


class Look:
    """Satisfies `ports.Probe`: what gives no answer gives none, and everything else answers at once."""

    def __init__(self, platform: Platform, name: str) -> None:
        self._platform = platform
        self._name = name

    async def look(self) -> Finding:
        await asyncio.sleep(0)
        while (finding := self._platform.finding(self._name)).reason is Reason.TIMEOUT:
            await asyncio.sleep(60.0)
        return finding

    async def close(self) -> None:
        """Nothing is open."""
