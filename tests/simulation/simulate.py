"""One seed from its beginning to its end."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from tests.simulation.faults import play
from tests.simulation.invariants import RULES
from tests.simulation.rules import Rule
from tests.simulation.shell import paced
from tests.simulation.world import Report, World

REAL_JOURNAL_EVERY = 10
"""One seed in so many has the real journal, in a file; the others keep the same text in memory."""

IN_MEMORY = Path("/dev/shm")
"""Where files are no disk's (Linux: tmpfs(5))."""


def simulate(
    seed: int, hours: float = 24.0, *, says: Callable[[str], None] | None = None, rules: Sequence[Rule] = RULES
) -> Report:
    """What came of it; the same for the same seed and hours, whatever came before."""
    with ExitStack() as stack:
        stack.enter_context(paced())
        file = None
        if seed % REAL_JOURNAL_EVERY == REAL_JOURNAL_EVERY - 1:
            where = IN_MEMORY if IN_MEMORY.is_dir() else None
            file = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=where))) / "journal.sqlite3"
        return World(seed, hours, rules, file, says).run(play)
