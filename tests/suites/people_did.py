"""What people may have caused with the commands that they gave Docker, in the words of `witness`: never less than that.

A container that Docker itself is told to start again is started by it as often as it likes.
"""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Mapping, Sequence

from tests.suites.witness import LAST_WORDS

ANY_NUMBER = 1_000_000
STOPPING = {f"kill {number}" for number in LAST_WORDS}
MAKING = {"run", "create"}
AS_IT_IS_CALLED = {"start", "pause", "unpause", "rename"}


def causes(commands: Sequence[tuple[str, ...]]) -> Counter[str]:
    """Restarts are not among it: they are counted."""
    told: Counter[str] = Counter()
    for verb, *words in commands:
        told.update(_of(verb, words))
    return told


def _of(verb: str, words: Sequence[str]) -> Mapping[str, int]:
    if verb in AS_IT_IS_CALLED:
        return {verb: 1}
    if verb in MAKING:
        return {"create": 1}
    if verb == "kill":
        return {f"kill {_signal(words)}": 1}
    if verb in {"stop", "restart"}:
        return {"stop": int(verb == "stop"), **dict.fromkeys(STOPPING, 1)}
    if verb == "rm":
        return {"remove": 1, "kill 9": 1}
    if verb == "update" and "--restart" in words and "no" not in words:
        return {"start": ANY_NUMBER}
    return {}


def _signal(words: Sequence[str]) -> int:
    given = words[words.index("-s") + 1] if "-s" in words else "KILL"
    return int(signal.Signals[f"SIG{given}"])
