"""Gates about how often and how much at once: what is in flight, what was spent, and how long to wait."""

from __future__ import annotations

from nemo_watchdog.durations import duration
from nemo_watchdog.engine.attempts import Ladder
from nemo_watchdog.engine.budget import free_at, remaining
from nemo_watchdog.engine.gates.situation import Situation
from nemo_watchdog.engine.gates.turns import turn
from nemo_watchdog.engine.left_behind import Helped
from nemo_watchdog.engine.phases import Phase
from nemo_watchdog.model import CONTAINER, Decision, Gate, Target, Verdict


def in_flight(s: Situation) -> Decision | None:
    if s.ladder.phase is Phase.ACTING:
        return Decision(Verdict.WAIT, Gate.IN_FLIGHT, f"{s.ladder.action} is under way")
    targets = s.targets | {Target(CONTAINER, each) for each in s.containers if each}
    for target in sorted(targets):
        if s.durable.is_acting_on(target):
            return Decision(Verdict.WAIT, Gate.IN_FLIGHT, f"an action on {target} is under way")
    for left in s.durable.settlings.values() if s.durable.settlings else ():
        # Its verdict has come in this very step, and is not written down for what it has left behind.
        is_judged = left.action_id == s.ladder.action_id and s.ladder.phase is Phase.IDLE
        if (left.holds or (left.helped is Helped.AWAITED and is_judged)) and left.target in targets:
            return Decision(
                Verdict.WAIT, Gate.IN_FLIGHT, f"what {left.action} did to {left.target} is taken back first"
            )
    return None


def remedy(s: Situation) -> Decision | None:
    if s.ladder.ended and not (s.overrides(Gate.BUDGET) and s.action is not None):
        return Decision(Verdict.REFUSE, Gate.REMEDY, s.ladder.ended)
    if s.remedy is None:
        return Decision(Verdict.REFUSE, Gate.REMEDY, "the policy names no remedy for it")
    return None


def ladder_end(s: Situation) -> Decision | None:
    if s.next is None or s.action is not None:
        return None
    tried = s.ladder.tried.total()
    why = f"{tried} attempt{'s' if tried != 1 else ''} did not help" if tried else "the policy asks for a person"
    why = "; ".join([why, *(f"{key} is skipped: {reason}" for key, reason in s.next.skipped)])
    return Decision(Verdict.ESCALATE, Gate.LADDER_END, f"{why}; {s.next.moved}" if s.next.moved else why)


def backoff(s: Situation) -> Decision | None:
    for ladder in (s.ladder, s.last_on_target):
        until = ladder.not_before
        if until is not None and s.now < until and s.action is not None:
            return Decision(Verdict.WAIT, Gate.BACKOFF, f"{duration(ladder.backoff)} after {_what_came(ladder)}", until)
    return None


def _what_came(ladder: Ladder) -> str:
    if ladder.refusals:
        return f"{ladder.action} was refused"
    return f"attempt {ladder.tried.total()}" if ladder.tried.total() else f"{ladder.action} helped"


def flapping(s: Situation) -> Decision | None:
    """What flaps was restarted and is down again: one more in a window is for the case that it helps after all."""
    flap = next((name for name in (s.name, *s.beside) if s.durable.is_flapping(name)), None)
    marks = s.trackers[flap].spec.flapping if flap is not None else None
    spent = max(s.durable.spends_on(s.name, s.targets), default=None)
    if flap is None or marks is None or spent is None or s.action is None or _is_retried(s, spent):
        return None
    until, whose = spent + marks.window, "it" if flap == s.name else f"{flap}, {s.beside_how(flap)},"
    if s.now >= until:
        return None
    return Decision(Verdict.WAIT, Gate.FLAPPING, f"{whose} flaps: one action in {duration(marks.window)}", until)


def _is_retried(s: Situation, spent: float) -> bool:
    """A person wants it tried again, and it was not since."""
    flaps = s.durable.flaps.get(s.name)
    return flaps is not None and flaps.retried is not None and flaps.retried > spent


def budget(s: Situation) -> Decision | None:
    """What others spent only delays: it says nothing about this one. What was spent on itself did not help."""
    if s.remedy is None:
        return None
    limit = s.remedy.budget
    if remaining(limit, s.durable.spends_on(s.name, s.targets), s.now) == 0:
        return Decision(Verdict.ESCALATE, Gate.BUDGET, f"the budget of {s.name} is spent ({limit})")
    limit, everyone = s.policy.limits.budget, [spend.at for spend in s.durable.spends]
    if s.action is not None and remaining(limit, everyone, s.now) == 0:
        value = f"the budget of all actions is spent ({limit})"
        return Decision(Verdict.WAIT, Gate.BUDGET, value, free_at(limit, everyone, s.now))
    return None


def concurrency(s: Situation) -> Decision | None:
    acting, most = s.durable.acting(), s.policy.limits.concurrent_actions
    if acting >= most:
        return Decision(Verdict.WAIT, Gate.CONCURRENCY, f"{acting} of {most} actions under way elsewhere")
    return turn(s)
