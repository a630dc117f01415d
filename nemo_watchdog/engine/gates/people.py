"""Gates about people and the program itself: who has hands on it, what was ordered, whether we can be trusted."""

from __future__ import annotations

from dataclasses import replace

from nemo_watchdog.durations import duration
from nemo_watchdog.engine import unheard
from nemo_watchdog.engine.gates.situation import Situation
from nemo_watchdog.engine.maintenance import at, spell_of
from nemo_watchdog.engine.paused import goes_on_at
from nemo_watchdog.engine.touches import Hold, taken_off
from nemo_watchdog.model import Autonomy, Decision, Gate, Verdict
from nemo_watchdog.views import EVERYTHING


def bug(s: Situation) -> Decision | None:
    if s.volatile.bug:
        return Decision(Verdict.REFUSE, Gate.BUG, f"a bug in the watchdog: {s.volatile.bug}")
    return None


def stopping(s: Situation) -> Decision | None:
    if s.volatile.is_stopping:
        return Decision(Verdict.WAIT, Gate.STOPPING, "the watchdog is stopping; it decides anew when it has started")
    return None


def journal(s: Situation) -> Decision | None:
    if trouble := s.volatile.journal_trouble:
        said = trouble if s.volatile.journal_damaged else f"the journal cannot be written: {trouble}"
        return Decision(Verdict.REFUSE, Gate.JOURNAL, said)
    return None


def pause(s: Situation) -> Decision | None:
    for scope, held in sorted(s.durable.pauses.items(), key=lambda paused: paused[0] != EVERYTHING):
        own = scope in (EVERYTHING, s.name)
        if held.holds(s.now) and (own or scope in s.beside or any(held.is_of(each, s.now) for each in s.containers)):
            same = s.beside_how(scope) if s.takes_along(scope) else f"the same container, {s.spec.container}"
            same = "" if own else f" ({same})"
            what = "everything" if scope == EVERYTHING else f"{scope}{same}"
            return Decision(Verdict.WAIT, Gate.PAUSE, f"{held.by} paused {what}: {held.reason}", held.until)
    return None


def maintenance(s: Situation) -> Decision | None:
    now = s.volatile.moment(s.now)
    spells = (spell_of(s.volatile, s.durable, name, now) for name in (s.name, *s.along))
    spell = next((each for each in spells if each is not None), None)
    if spell is None:
        return None
    value = f"planned maintenance: {spell.names}, until {spell.until:%Y-%m-%d %H:%M} UTC"
    return Decision(Verdict.WAIT, Gate.MAINTENANCE, value, at(spell.until, now))


def human_hold(s: Situation) -> Decision | None:
    if decision := _hands_on(s):
        return decision
    for other in s.of_each_along():
        if decision := _hands_on(other):
            return replace(decision, value=f"{other.name}, {s.beside_how(other.name)}: {decision.value}")
    return None


def _hands_on(s: Situation) -> Decision | None:
    hold = s.durable.hold_on(s.name, s.spec.container, s.now)
    if hold is None:
        return _taken_off(s) or _in_doubt(s)
    after = s.action.unpauses_after if s.action is not None else None
    free = goes_on_at(s.volatile, s.spec.container, hold, after)
    if free is None or after is None:
        return _held(hold)
    if s.volatile.is_deaf:
        return replace(_held(hold), value=f"{hold.what}; held until Docker's events are heard again")
    if s.now >= free:
        return None
    return replace(_held(hold, f", or is let go on after {duration(after)}"), until=free)


def _held(hold: Hold, otherwise: str = "") -> Decision:
    value = f"{hold.what}; held until it {hold.ends_when}{otherwise}"
    return Decision(Verdict.WAIT, Gate.HUMAN_HOLD, value, hold.until)


def _taken_off(s: Situation) -> Decision | None:
    off = taken_off(s.tracker.container)
    return Decision(Verdict.WAIT, Gate.HUMAN_HOLD, f"{off}; held until it is on it again") if off else None


def _in_doubt(s: Situation) -> Decision | None:
    doubt = unheard.doubt(s)
    if doubt is None:
        return None
    end = "they are" if doubt.until is None else "it answers again, or for as long as a stop may take"
    return Decision(Verdict.WAIT, Gate.HUMAN_HOLD, f"{doubt.why}; held until {end}", doubt.until)


def autonomy(s: Situation) -> Decision | None:
    whose = {s.name: "", **{name: f" {name}, {s.beside_how(name)}" for name in s.beside}}
    allowed = {name: s.trackers[name].spec.autonomy for name in whose}
    if (name := next((each for each in whose if allowed[each] is Autonomy.OBSERVE), None)) is not None:
        return Decision(Verdict.REFUSE, Gate.AUTONOMY, f"the policy lets the watchdog only observe{whose[name]}")
    if (name := next((each for each in whose if allowed[each] is Autonomy.SUGGEST), None)) is not None:
        of = f" (for{whose[name]})" if whose[name] else ""
        return _rejected(s) or Decision(Verdict.ASK, Gate.AUTONOMY, f"the policy wants a person to do it{of}")
    return None


def _rejected(s: Situation) -> Decision | None:
    rejection = s.durable.proposals.rejection_of(s.name, s.tracker.state.reason or "", s.now)
    if rejection is None:
        return None
    return Decision(Verdict.WAIT, Gate.AUTONOMY, f"{rejection.by} rejected it: {rejection.reason}", rejection.until)
