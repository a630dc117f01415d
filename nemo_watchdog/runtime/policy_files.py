"""The policy file, the secret files that it names and the templates beside it: a change of any of them is a reload.

They change while we run, by a rename, by another target of a link (Kubernetes), by a write in place (Vault's agent, a
copy over a slow line). What is written in place is empty or half for a moment, and half a policy can be a valid one
that watches half of the platform; what is replaced can be missing for one. So a change counts when it has settled: two
looks that see the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from nemo_watchdog.file_state import FileState, file_state
from nemo_watchdog.one_thread import OneThread, StillBusy
from nemo_watchdog.policy.document import MAX_CHARACTERS
from nemo_watchdog.policy.secrets import files_in
from nemo_watchdog.policy.templates import template_files
from nemo_watchdog.regular_file import read_regular

MOST_LEFT = 8
"""Threads that may hang in a file system at one time; each is a SIGHUP that was not to be in vain."""

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Look:
    """What was there; `names` are the secret files of the policy's text."""

    policy: FileState | None = None
    names: tuple[str, ...] = ()
    secrets: tuple[FileState | None, ...] = ()
    templates: tuple[tuple[str, FileState | None], ...] = ()


class PolicyFiles:
    """What `changed` compares with is what was there when it was made, or taken last. Making it blocks."""

    def __init__(self, policy: Path) -> None:
        self.path = policy
        self._taken = Look()
        self._looked = self._taken = self.look()

    def look(self) -> Look:
        """Blocks, and changes nothing here: a look that does not return can be left to itself."""
        names = self._taken.names
        policy = file_state(self.path)
        if policy != self._taken.policy:
            with suppress(OSError, ValueError):  # of what cannot be read nothing is forgotten
                text = read_regular(self.path, MAX_CHARACTERS).decode("utf-8", "replace")
                names = tuple(sorted(files_in(text)))
        secrets = tuple(file_state(Path(name)) for name in names)
        templates = self._taken.templates
        with suppress(OSError):
            templates = tuple((each.name, file_state(each)) for each in template_files(self.path))
        return Look(policy, names, secrets, templates)

    def take(self, look: Look) -> None:
        """What was there then is about to be read."""
        self._looked = self._taken = look

    def changed(self, look: Look) -> str:
        """What has changed since, and has settled, for people; else empty."""
        before, self._looked = self._looked, look
        if look == self._taken or look != before:
            return ""
        if look.policy != self._taken.policy:
            because = "the policy file changed"
        else:
            because = "a secret file changed" if look.secrets != self._taken.secrets else "a template changed"
        self.take(look)
        return because


class NoAnswer(Exception):
    """The file system has not answered in time."""


class Reading:
    """Reads that may never return, as from a dead network mount: the waiting for them has an end.

    No second one is started beside one that hangs, unless a person asks for it: he may have put the files elsewhere.
    """

    def __init__(self) -> None:
        self._thread = OneThread("nemo-watchdog-policy")
        self._left: list[OneThread] = []

    async def run(self, read: Callable[[], Value], within: float, *, afresh: bool = False) -> Value:
        """What it returns. Raises `NoAnswer` after `within` seconds, and what it raises."""
        self._left = [thread for thread in self._left if thread.busy]
        if afresh and self._thread.busy and len(self._left) < MOST_LEFT:
            self._left.append(self._thread)
            self._thread = OneThread("nemo-watchdog-policy")
        try:
            async with asyncio.timeout(within):
                return await self._thread.run(read)
        except (TimeoutError, StillBusy):
            raise NoAnswer from None
