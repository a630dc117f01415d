"""The policy in force: read anew when its files or the labels of containers change, and on SIGHUP.

A bad one changes nothing but what the status says: the last good one goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

import structlog

from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine.carried_over import carried_over, still_under_way
from nemo_watchdog.errors import PolicyError
from nemo_watchdog.metrics import Metrics
from nemo_watchdog.policy.difference import differences
from nemo_watchdog.policy.policy import Policy
from nemo_watchdog.runtime.core import Core
from nemo_watchdog.runtime.policy_files import Look, NoAnswer, PolicyFiles, Reading
from nemo_watchdog.runtime.troubles import Trouble

log = structlog.get_logger("nemo_watchdog")

POLICY_LOOK_EVERY = 2.0
LOOK_WITHIN = 5.0
LOAD_WITHIN = 60.0
"""Seconds for the file system to answer; the second also for some thousand dependencies to be checked."""

MOST_CHANGES = 20
"""Of a reload, that are told one by one."""


class ServiceManager(Protocol):
    """What a reload says to systemd."""

    def ready(self, status: str = "") -> None: ...
    def reloading(self) -> None: ...


class Labels(Protocol):
    """What labels tell: `discover: labels`, and containers that are known by theirs."""

    def want(self, selects: frozenset[str]) -> None:
        """The policy in force knows containers by these."""
        ...

    async def next_change(self) -> None:
        """Returns when other containers carry our labels, or the same carry others."""
        ...


@dataclass(frozen=True, slots=True)
class PolicySource:
    """Where the policy comes from. `load` blocks and raises `PolicyError`.

    `files` are as they were before the policy in force was read: what is written during the start is a change.
    """

    files: PolicyFiles
    load: Callable[[], Policy]
    labels: Labels


@dataclass(slots=True)
class PolicyStatus:
    """How the last reload went; `problems` is empty when it worked.

    `changed` says what the one before them changed, and `carried_over` has the ids of the actions for which that does
    not count, because they were under way.
    """

    loaded_at: float
    problems: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    carried_over: frozenset[str] = frozenset()


class Reloads:
    """`adopt` makes the loops what a new policy wants; `summary` is what systemd shows of all."""

    def __init__(
        self,
        core: Core,
        source: PolicySource,
        metrics: Metrics,
        *,
        service: ServiceManager,
        summary: Callable[[], str],
        adopt: Callable[[Policy], Awaitable[None]],
    ) -> None:
        self.status = PolicyStatus(core.clock.now().utc.timestamp())
        self._core = core
        self._source = source
        self._metrics = metrics
        self._service = service
        self._summary = summary
        self._adopt_loops = adopt
        self._reading = Reading()
        self._wanted = asyncio.Event()
        self._asked = False
        """By a person."""
        self._relabelled = False
        self._discovers = asyncio.Event()
        self._show(core.engine.policy)

    def ask(self) -> None:
        """A person wants the policy to be read now."""
        self._asked = True
        self._wanted.set()

    async def discover(self) -> None:
        """Looks at labels while the policy says so, for ever."""
        while True:
            await self._discovers.wait()
            await self._source.labels.next_change()
            self._relabelled = True
            self._wanted.set()

    async def run(self) -> None:
        """Reloads when a file changes, when labels do and on SIGHUP, for ever."""
        files = self._source.files
        owed = ""  # what could not be read when there was a reason to
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(POLICY_LOOK_EVERY):
                    await self._wanted.wait()
            self._wanted.clear()  # what came in the moment in which the time was up counts too
            asked, relabelled = self._asked, self._relabelled
            self._asked = self._relabelled = False
            because = "SIGHUP" if asked else owed or ("the labels of containers changed" if relabelled else "")
            try:
                look = await self._reading.run(files.look, LOOK_WITHIN, afresh=asked)
                if because:
                    files.take(look)
                elif not (because := files.changed(look)):
                    continue
                await self._load(because, look)
                owed = ""
            except NoAnswer:
                if asked or not owed:
                    self._not_reloaded(
                        because or "a look at its files",
                        f"{files.path}: the file system of the policy, or of a secret file that it names, does not "
                        "answer. It is read as soon as that answers; if it never will, put the policy where it can be "
                        "read and send SIGHUP",
                    )
                    owed = because or "its file system answers again"

    def _not_reloaded(self, because: str, *problems: str) -> None:
        self.status.problems = problems
        self._metrics.reload_success.set(0)
        log.error("policy not reloaded: the last good one goes on", because=because, problems=problems)

    async def _load(self, because: str, look: Look) -> None:
        """Adopts what `look` has seen; what changed while it was read counts when it has settled. Raises `NoAnswer`."""
        self._service.reloading()
        try:
            read = await self._reading.run(self._read, LOAD_WITHIN)
            if await self._reading.run(self._source.files.look, LOOK_WITHIN) != look:
                log.info("the policy changed while it was read: it is read again when it has settled", because=because)
            elif isinstance(read, PolicyError):
                self._not_reloaded(because, *(str(problem) for problem in read.problems))
            else:
                await self._adopt(read, because)
        except NoAnswer:
            self._service.ready(self._summary())
            raise
        self._service.ready(self._summary())

    def _read(self) -> Policy | PolicyError:
        try:
            return self._source.load()
        except PolicyError as error:
            return error

    async def _adopt(self, policy: Policy, because: str) -> None:
        core = self._core
        durable, before = core.engine.durable, core.engine.policy
        changed = _abridged(differences(before.document, policy.document))
        carried = carried_over(durable, before, policy)
        core.tell(ev.PolicyChanged(policy))
        core.troubles.keep(Trouble.CONTACT, policy.contacts)
        core.troubles.keep(Trouble.ALERTMANAGER, [each.url for each in policy.alertmanager])
        core.troubles.keep(Trouble.TEMPLATE, ())  # they were tried anew
        self.status = PolicyStatus(core.clock.now().utc.timestamp(), (), changed, carried)
        self._show(policy)
        unchanged = [f"{ladder.action} for {name}" for name, ladder in still_under_way(durable, carried)]
        count = len(policy.dependencies)
        log.info("policy reloaded", because=because, dependencies=count, changed=changed, under_way_as_before=unchanged)
        await self._adopt_loops(policy)

    def _show(self, policy: Policy) -> None:
        """That it is in force."""
        self._metrics.reload_success.set(1)
        self._metrics.reload_timestamp.set(self.status.loaded_at)
        self._metrics.discovered.set(len(policy.discovered))
        self._metrics.unused_labels.set(len(policy.unused_labels))
        for problem in policy.unused_labels:
            log.warning("labels not used", problem=problem)
        self._source.labels.want(policy.selects)
        if policy.asks_labels:
            self._discovers.set()
        else:
            self._discovers.clear()


def _abridged(lines: Sequence[str]) -> tuple[str, ...]:
    more = len(lines) - MOST_CHANGES
    return (*lines[:MOST_CHANGES], *((f"and {more} changes more",) if more > 0 else ()))
