"""What a step takes along is restarted after its target, one after the other, each only as it was judged.

The outcome is that of the target, unless one of the others may still be done: whether all this has helped, looks say.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from nemo_watchdog.actions.guard import act_as_judged
from nemo_watchdog.model import CONTAINER, ActionOutcome, ActionRequest, ActionResult, Along, Target
from nemo_watchdog.ports import ActionContext

UNKNOWN = frozenset({ActionOutcome.TIMED_OUT, ActionOutcome.UNKNOWN})
"""It may still be done: so it is with all of them."""


class AlongAfter:
    """`request.timeout` bounds all of them together, and each has an equal part of it."""

    def __init__(self, context: ActionContext, request: ActionRequest) -> None:
        self._context = context
        self._request = request
        self._each = request.timeout / (1 + len(request.along))

    async def act(self, order: Callable[[str], Awaitable[None]], done: str) -> ActionResult:
        """`done` says what has succeeded, of each of them."""
        request = replace(self._request, timeout=self._each)
        result = await act_as_judged(self._context, request, order, done)
        if result.outcome is not ActionOutcome.SUCCEEDED:
            return replace(result, left=frozenset(each.container for each in request.along))
        outcome: ActionOutcome = result.outcome
        said, left = [result.detail], set[str]()
        for each in request.along:
            of_it = await act_as_judged(self._context, self._of(each), order, "restarted as well")
            said.append(f"{each.container}: {of_it.detail}")
            if of_it.outcome is ActionOutcome.REFUSED:
                left.add(each.container)
            elif of_it.outcome in UNKNOWN:
                outcome = of_it.outcome
        return replace(result, outcome=outcome, detail="; ".join(said), left=frozenset(left))

    def _of(self, each: Along) -> ActionRequest:
        target = Target(CONTAINER, each.container)
        return replace(self._request, target=target, expected_run=each.run, timeout=self._each, along=())
