"""The passive stall rule: for how long a model server has had work, or a question of ours, and given no sign of life.

It does no IO. A long prefill and a full queue move the counters; a hung engine moves nothing while its health page
stays green (vllm-project/vllm#17972, #39863).
"""

from __future__ import annotations

from nemo_watchdog.probes.llm.load import Load


class Silence:
    """A sign of life is a counter that moved, an engine without work, or, where no counter tells, any answer.

    `longest_gap` in seconds: when the looks themselves are further apart, nothing is known of the time between.
    """

    def __init__(self, longest_gap: float) -> None:
        self._longest_gap = longest_gap
        self._looked: float | None = None
        self._sign = 0.0
        self._progress: float | None = None

    def look(self, now: float, *, answered: bool, load: Load | None) -> float:
        """Seconds without a sign of life, at `now` in monotonic seconds."""
        progress = None if load is None else load.progress
        at_work_without_progress = (
            load is not None and load.running > 0 and progress is not None and progress == self._progress
        )
        unwatched = self._looked is None or now - self._looked > self._longest_gap
        if unwatched or not (at_work_without_progress or (load is None and not answered)):
            self._sign = now
        if progress is not None:
            self._progress = progress
        self._looked = now
        return now - self._sign
