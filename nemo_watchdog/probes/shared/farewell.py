"""Has a server said goodbye in good order, in a container that goes on? Somebody has stopped it there, and is at work.

Where the server is not the container's first process, no end of the container tells of it: the port alone is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from nemo_watchdog.model import Finding, Reason, RunState, failed
from nemo_watchdog.ports import Containers
from nemo_watchdog.probes.shared.beside import Beside

_LINES = 50

_NOBODY_THERE = frozenset({Reason.REFUSED, Reason.CONNECTION_LOST})
"""Docker's own proxy of a published port takes the connection, and drops it where nobody listens inside."""


@dataclass(frozen=True, slots=True)
class Goodbye:
    """`own` finds a line of the server itself; one of its last ends with `before`, and the very last with `last`."""

    own: re.Pattern[str]
    before: str
    last: str

    def is_said(self, lines: list[str]) -> bool:
        """A server that gives up says less, or goes on."""
        own = [line for line in lines if self.own.search(line)]
        return bool(own) and own[-1].endswith(self.last) and any(line.endswith(self.before) for line in own)


class Farewell:
    """Asked about each finding of a probe, whose container it is."""

    def __init__(self, containers: Containers | None, container: str | None, goodbye: Goodbye) -> None:
        self._containers = containers
        self._container = container
        self._goodbye = goodbye

    async def judged(self, finding: Finding, beside: Beside) -> Finding:
        """The finding, or what it is worth that nobody is there after a goodbye in the run that goes on."""
        if finding.reason not in _NOBODY_THERE or self._containers is None or self._container is None:
            return finding
        lines = await beside.ask(self._containers.last_words(self._container, _LINES))
        if not lines or not self._goodbye.is_said([line.text.rstrip() for line in lines]):
            return finding
        status = await beside.ask(self._containers.inspect(self._container))
        if status is None or status.state is not RunState.RUNNING:
            return finding
        if status.started_at is None or lines[-1].at <= status.started_at:
            return finding  # in the run before this one
        said = "it was shut down in good order, and its container goes on: somebody may be at work there"
        return failed(Reason.SHUTTING_DOWN, said, finding.measurements)
