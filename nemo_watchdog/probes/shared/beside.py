"""What a look asks beside what it is for: a container's log, what it uses, what it did.

What the look has found stands; such a question has its own small part of the look's time, and its answer only adds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from nemo_watchdog.errors import ContainersUnreachable
from nemo_watchdog.probes.shared.deadline import patience_of

Answer = TypeVar("Answer")

LONGEST = 1.0
"""Seconds."""


class Beside:
    """Made when the look begins, with the look's timeout in seconds."""

    def __init__(self, timeout: float) -> None:
        self._ends = asyncio.get_running_loop().time() + patience_of(timeout)

    async def ask(self, question: Awaitable[Answer], longest: float = LONGEST) -> Answer | None:
        """The answer; None when there is none in `longest` seconds, or in half of what is left of the look.

        None too when the container engine does not tell.
        """
        left = self._ends - asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(min(longest, left / 2)):
                return await question
        except (TimeoutError, ContainersUnreachable):
            return None
