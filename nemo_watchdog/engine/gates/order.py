"""The gates in their order. `decide` stops at the first that holds; `explain` asks every one."""

from __future__ import annotations

from collections.abc import Callable, Collection

from nemo_watchdog.engine.gates import evidence, people, redundancy, spacing, work
from nemo_watchdog.engine.gates.situation import Situation
from nemo_watchdog.engine.gates.storm import storm
from nemo_watchdog.model import Decision, Gate, Verdict

GATES: tuple[Callable[[Situation], Decision | None], ...] = (
    people.bug,
    people.stopping,
    spacing.in_flight,
    spacing.remedy,
    people.journal,
    people.pause,
    people.human_hold,
    evidence.blind,
    evidence.verification,
    storm,
    evidence.upstream,
    evidence.grace,
    evidence.category,
    evidence.evidence,
    evidence.condition,
    people.maintenance,
    spacing.flapping,
    redundancy.redundancy,
    spacing.ladder_end,
    spacing.backoff,
    work.work,
    people.autonomy,
    spacing.budget,
    spacing.concurrency,
    evidence.last_look,
)
"""In the order in which they answer: what protects data and people before what spaces attempts."""

_OPEN = {gate: Decision(Verdict.OPEN, Gate(gate.__name__), "") for gate in GATES}


def decide(situation: Situation) -> Decision:
    """The first gate that holds and that no person opens, or ACT."""
    for gate in GATES:
        if (decision := gate(situation)) and not situation.is_opened(decision):
            return decision
    return Decision(Verdict.ACT, Gate.NONE, "every gate is open")


def apart_from(situation: Situation, gates: Collection[Gate]) -> Decision | None:
    """The first of the other gates that holds and that no person opens; None when none does."""
    answers = (gate(situation) for gate in GATES)
    held = (each for each in answers if each is not None and not situation.is_opened(each))
    return next((each for each in held if each.gate not in gates), None)


def explain(situation: Situation) -> tuple[Decision, ...]:
    """What each gate says, in their order: what holds an action back there, or OPEN."""
    return tuple(gate(situation) or open_ for gate, open_ in _OPEN.items())
