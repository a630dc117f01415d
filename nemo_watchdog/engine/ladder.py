"""Where a remedy stands and what comes next on it: act, escalate, or nothing more. Pure.

A position is (remedy, step key, attempts), so a policy that inserts, removes or renames steps under an open incident
neither skips an `escalate` nor grants an attempt anew. What the new policy does not have any more is found again by
what was done: the ladder goes on at the first step whose attempts are not spent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from nemo_watchdog.engine.attempts import Ladder
from nemo_watchdog.policy.policy import ActionStep, EscalateStep, Remedy, Step


@dataclass(frozen=True, slots=True)
class Next:
    """What comes next: `step` is None when nothing is left and nobody is named."""

    step: Step | None
    index: int = 0
    attempt: int = 1
    """The number, in its step, of the attempt that would be made."""
    passed: tuple[tuple[int, str], ...] = ()
    """Index and key of each step whose attempts are spent since the one that acted last."""
    skipped: tuple[tuple[str, str], ...] = ()
    """Key of each step before it that is not for the trouble of now, and why."""
    moved: str = ""
    """Why the ladder does not go on where it stood; empty while the policy has the same steps."""


def _for_every_trouble(_step: ActionStep) -> str:
    return ""


def next_step(remedy: Remedy, ladder: Ladder, why_not: Callable[[ActionStep], str] = _for_every_trouble) -> Next:
    """What comes next on `remedy` for a dependency that stands at `ladder`.

    `why_not` says why a step is not for the trouble of now. One that is for some troubles only is asked again when the
    ladder has come past it: the trouble may be another one by now.
    """
    index, made, moved = _position(remedy, ladder)
    passed, skipped = list[tuple[int, str]](), list[tuple[str, str]]()
    for at, step in enumerate(remedy.steps):
        if at < index and not (isinstance(step, ActionStep) and step.is_for_some):
            continue
        if isinstance(step, EscalateStep):
            return Next(step, at, passed=tuple(passed), skipped=tuple(skipped), moved=moved)
        if made[at] >= step.attempts:
            passed += [(at, step.key)] if at >= index else []
        elif why := why_not(step):
            skipped.append((step.key, why))
        else:
            return Next(step, at, made[at] + 1, tuple(passed), tuple(skipped), moved)
    return Next(None, len(remedy.steps), passed=tuple(passed), skipped=tuple(skipped), moved=moved)


def named_step(remedy: Remedy, ladder: Ladder, key: str) -> Next:
    """The step of that key, whatever comes before it and how often it was tried; none when nothing acts by that key."""
    _, made, moved = _position(remedy, ladder)
    for at, step in enumerate(remedy.steps):
        if step.key == key and isinstance(step, ActionStep):
            return Next(step, at, made[at] + 1, moved=moved)
    return Next(None, len(remedy.steps), moved=moved)


def next_contact(remedy: Remedy, ladder: Ladder) -> str:
    """Who is told when the ladder ends here: the next `escalate`, or nobody but those of the severity."""
    ahead = remedy.steps[next_step(remedy, ladder).index :]
    return next((step.to for step in ahead if isinstance(step, EscalateStep)), "")


def attempts_left(remedy: Remedy, ladder: Ladder) -> int:
    """How many attempts come before a person is told, or nothing is left."""
    index, made, _ = _position(remedy, ladder)
    left = 0
    for at, step in enumerate(remedy.steps[index:], index):
        if isinstance(step, EscalateStep):
            break
        left += max(0, step.attempts - made[at])
    return left


def current_step(remedy: Remedy, ladder: Ladder) -> ActionStep | None:
    """The step that acted last, found again by what was done where its key is gone; None when nothing acts like it."""
    if ladder.remedy == remedy.name:
        named = next((step for step in remedy.steps if step.key == ladder.step_key), None)
        if isinstance(named, ActionStep):
            return named
    before = ladder.tried.copy()
    before[ladder.action] -= 1
    for step in remedy.steps[_first_unspent(remedy, before) :]:
        if isinstance(step, ActionStep) and step.action == ladder.action:
            return step
    return None


def _position(remedy: Remedy, ladder: Ladder) -> tuple[int, list[int], str]:
    """Index, how many attempts of each step are spent, and why that is not where the ladder stood.

    An escalation ends a ladder, so one that stands before a step that has acted was put there since and is due.
    """
    made = _made(remedy, ladder)
    if not ladder.tried.total():
        return 0, made, ""
    keys = [step.key for step in remedy.steps]
    if ladder.remedy == remedy.name and ladder.step_key in keys:
        index, moved = keys.index(ladder.step_key), ""
        made[index] = ladder.attempts
    else:
        index = _first_unspent(remedy, ladder.tried)
        stood = ladder.step_key or "a step that an older version did not name"
        moved = f"the policy has no step {stood} of {ladder.remedy} any more: going on by what was tried"
    told = next((at for at, step in enumerate(remedy.steps[:index]) if isinstance(step, EscalateStep)), None)
    if told is None:
        return index, made, moved
    return told, made, moved or f"the policy now escalates before {ladder.step_key}"


def _made(remedy: Remedy, ladder: Ladder) -> list[int]:
    """Of each step, how many attempts are spent: by its key, as long as the policy has every key that has acted."""
    keys = [step.key for step in remedy.steps]
    acted = {key for key, count in ladder.spent.items() if count}
    if ladder.remedy == remedy.name and acted and acted <= set(keys):
        return [ladder.spent[key] for key in keys]
    return _spent(remedy, ladder.tried)


def _first_unspent(remedy: Remedy, tried: Counter[str]) -> int:
    """The first step whose attempts are not spent, or an escalation, which has none to spend; else past the end."""
    spent = _spent(remedy, tried)
    for index, step in enumerate(remedy.steps):
        if isinstance(step, EscalateStep) or spent[index] < step.attempts:
            return index
    return len(remedy.steps)


def _spent(remedy: Remedy, tried: Counter[str]) -> list[int]:
    """Of each step, how many attempts what was tried has used up, whatever its steps were called."""
    left, spent = tried.copy(), []
    for step in remedy.steps:
        used = min(left[step.action], step.attempts) if isinstance(step, ActionStep) else 0
        if isinstance(step, ActionStep):
            left[step.action] -= used
        spent.append(used)
    return spent
