"""Which containers carry the labels that the policy asks for, as Docker tells it, and remembered over our own death.

A change counts when two looks have seen the same: while a container is made anew, it is away for a moment, or there are
two of it. And while Docker does not answer, nothing has changed: what was known is watched on, by the next process too.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path

import structlog

from nemo_watchdog.errors import ContainersUnreachable
from nemo_watchdog.one_thread import OneThread, StillBusy
from nemo_watchdog.policy.discovered import Labels, concerns_us, kept_of
from nemo_watchdog.ports import Containers
from nemo_watchdog.regular_file import read_regular

log = structlog.get_logger("nemo_watchdog")

LOOK_EVERY = 10.0
"""Seconds between two looks while no event tells of a container that comes or goes."""

SETTLED_AFTER = 2.0
"""Seconds from the first look that sees a change to the one that makes sure."""

FIRST_LOOK_WITHIN = 5.0
"""Seconds of a start for Docker to say which there are: after that it is what the last process knew."""

REMEMBER_WITHIN = 2.0
"""Seconds for the disk to take them; they count without."""

LARGEST = 1 << 24
"""Bytes of what is remembered."""


class Discovery:
    """`labelled` is what counts: the containers with our labels, and those alone. Making it reads the disk."""

    def __init__(self, containers: Containers, memory: Path) -> None:
        self._containers = containers
        self._memory = memory
        self._thread = OneThread("nemo-watchdog-labels")
        self.labelled: Mapping[str, Labels] = _remembered(memory)
        self._seen = self.labelled
        """By the last look."""
        self._changed = asyncio.Event()
        self._answers = True
        self._selects: frozenset[str] = frozenset()

    def want(self, selects: frozenset[str]) -> None:
        """Containers with these labels count too."""
        if selects != self._selects:
            self._selects = selects
            self.poke()

    def poke(self) -> None:
        """A container has come, gone or got another name."""
        self._changed.set()

    async def begin(self, selects: frozenset[str] = frozenset()) -> None:
        """The first look counts as it is, and does not hold up the start for ever."""
        self._selects = selects
        with suppress(TimeoutError):
            async with asyncio.timeout(FIRST_LOOK_WITHIN):
                if await self._look():
                    await self._take()

    async def next_change(self) -> None:
        """Returns when what counts has changed."""
        while True:
            unsettled = self._seen != self.labelled
            with suppress(TimeoutError):
                async with asyncio.timeout(SETTLED_AFTER if unsettled else LOOK_EVERY):
                    await self._changed.wait()
            if unsettled and self._changed.is_set():
                await asyncio.sleep(SETTLED_AFTER)  # more may come at once
            self._changed.clear()
            before = self._seen
            if await self._look() and self._seen == before != self.labelled:
                await self._take()
                return

    async def _look(self) -> bool:
        """Whether Docker has answered. What is known already keeps its place, and so its name where two claim one."""
        try:
            told = await self._containers.labels()
        except ContainersUnreachable as error:
            if self._answers:
                log.warning("labels not seen: those that are known count on", why=str(error))
            self._answers = False
            return False
        self._answers = True
        ours = {
            name: kept_of(labels, self._selects)
            for name, labels in sorted(told.items())
            if concerns_us(labels) or self._selects & labels.keys()
        }
        first = [name for name in self.labelled if name in ours]
        self._seen = {name: ours[name] for name in dict.fromkeys((*first, *ours))}
        return True

    async def _take(self) -> None:
        self.labelled = self._seen
        try:
            async with asyncio.timeout(REMEMBER_WITHIN):
                await self._thread.run(partial(_remember, self._memory, self.labelled))
        except (OSError, TimeoutError, StillBusy) as error:
            why = str(error) or "the disk does not answer"
            log.warning("labels not remembered: the next start may not know them", why=why)


def _remembered(memory: Path) -> Mapping[str, Labels]:
    try:
        told = json.loads(read_regular(memory, LARGEST))
        return {str(name): {str(key): str(value) for key, value in labels.items()} for name, labels in told.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        log.warning("remembered labels cannot be read: Docker is asked", file=str(memory), error=type(error).__name__)
        return {}


def _remember(memory: Path, labelled: Mapping[str, Labels]) -> None:
    """Whole or not at all, and for our own eyes: a label of ours may hold a password."""
    beside = memory.with_name(f"{memory.name}.new")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(labelled, file)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(memory)
