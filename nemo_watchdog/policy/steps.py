"""The steps of a remedy, read one by one: an action by its kind, an escalation by itself, and a key for each."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nemo_watchdog.durations import duration
from nemo_watchdog.model import Category, Footprint
from nemo_watchdog.policy.document import Path
from nemo_watchdog.policy.own_options import ask, find, missing, own, shared
from nemo_watchdog.policy.policy import ALLOWANCE
from nemo_watchdog.policy.problems import Problems
from nemo_watchdog.policy.sections import ESCALATE, MOST_STEPS, ActionSection, EscalateSection
from nemo_watchdog.ports import ActionKind

STEP_KEYS = tuple(ActionSection.model_fields)
"""The keys that every step that acts may have: no option of an action has the name of one."""

HELPED_BY_PEOPLE = frozenset(Category) - {Category.BLIND}
"""What a remedy may be for that only tells somebody: of what nobody sees there is nothing to tell."""


@dataclass(frozen=True, slots=True)
class Acting:
    """A step that acts: its common keys, its kind, its checked options, and what it says of itself with these."""

    section: ActionSection
    kind: ActionKind
    options: Any
    timeout: float
    may_take: float
    footprint: Footprint = field(default_factory=Footprint)
    unpauses_after: float | None = None
    proves_after: float | None = None


ReadStep = Acting | EscalateSection


def read_steps(
    remedy: Any, path: Path, kinds: Mapping[str, ActionKind], problems: Problems
) -> tuple[ReadStep | None, ...]:
    """The steps of one entry of `remedies`, None where a step itself is wrong; one too many is told by the section."""
    steps = remedy.get("steps") if isinstance(remedy, dict) else None
    if not isinstance(steps, list):
        return ()
    return tuple(_step(step, (*path, "steps", index), kinds, problems) for index, step in enumerate(steps[:MOST_STEPS]))


def _step(value: Any, path: Path, kinds: Mapping[str, ActionKind], problems: Problems) -> ReadStep | None:
    if not isinstance(value, dict):
        if isinstance(value, str) and value in kinds:
            problems.at_value(path, f"a step is a mapping of keys to values: write `{{do: {value}}}`")
        else:
            problems.check(ActionSection, value, path)
        return None
    name, place = value.get("do"), (*path, "do")
    if name == ESCALATE:
        return problems.check(EscalateSection, value, path)
    common = shared(value, STEP_KEYS)
    if "do" not in value:
        problems.at_value(place, missing("what the step does", [*kinds, ESCALATE]))
        common["do"] = ""  # what is missing has been told
    section = problems.check(ActionSection, common, path)
    kind = find(kinds, "action", name, place, problems, ESCALATE)
    if kind is None:
        return None
    rest = own(value, STEP_KEYS)
    options = ask(lambda: problems.check(kind.options, rest, path, also_known=STEP_KEYS), "action", place, problems)
    if section is None or options is None:
        return None
    least = ask(lambda: _seconds(kind.may_take(options)), "action", place, problems)
    told = ask(lambda: _tells(kind, options), "action", place, problems)
    if least is None or told is None:
        return None
    if section.timeout is not None and section.timeout <= least:
        message = f"must be longer than the {duration(least)} that {name} may take by its own options"
        problems.at_value((*path, "timeout"), f"{message}, or it is given up half-way")
        return None
    timeout = least + ALLOWANCE if section.timeout is None else section.timeout
    return Acting(section, kind, options, timeout, least, *told)


def _tells(kind: ActionKind, options: Any) -> tuple[Footprint, float | None, float | None]:
    """What the kind says of a step with these options, in the order in which `Acting` has it."""
    return kind.footprint(options), kind.unpauses_after(options), kind.proves_after(options)


def _seconds(value: float) -> float:
    if not 0.0 <= value < math.inf:
        raise ValueError
    return value


def step_keys(steps: Iterable[ReadStep | None]) -> list[str]:
    """What each step is known by over reloads: what it does, and which of those it is (`docker.restart#2`)."""
    seen: Counter[str] = Counter()
    keys = []
    for step in steps:
        name = step.section.do if isinstance(step, Acting) else f"{ESCALATE} {step.to if step else ''}"
        seen[name] += 1
        keys.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return keys


def actions_of(steps: Iterable[ReadStep | None]) -> list[Acting]:
    return [step for step in steps if isinstance(step, Acting)]


def helped(steps: Sequence[ReadStep | None]) -> frozenset[Category]:
    """The kinds of failure with which one of these steps helps at least; the ladder goes past those that do not."""
    acting = actions_of(steps)
    if not acting:
        return HELPED_BY_PEOPLE
    return frozenset[Category]().union(*(_can_be_for(step) for step in acting))


def meant(step: Acting, remedy: frozenset[Category]) -> frozenset[Category]:
    """What a step is for: what its `when` says, or its remedy's, else a fault where its action helps with one."""
    can = _can_be_for(step)
    return can & (_categories(step) or remedy or {Category.FAULT}) or can


def _can_be_for(step: Acting) -> frozenset[Category]:
    helps = frozenset(step.kind.helps)
    return helps & (_categories(step) or helps) or helps


def _categories(step: Acting) -> frozenset[Category]:
    """Those of its `when`; none where it names none."""
    when = step.section.when
    return frozenset(when.category) or frozenset(reason.category for reason in when.reason)
