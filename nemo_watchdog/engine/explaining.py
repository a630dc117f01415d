"""Why a dependency is as it is now, and why the watchdog acts or does not, in sentences. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from nemo_watchdog.durations import duration
from nemo_watchdog.engine.budget import remaining
from nemo_watchdog.engine.engine import Engine
from nemo_watchdog.engine.gate_words import ENDS, NOW, OPENED_BY_A_LOOK, counted, decided, seen_as, sentence, told
from nemo_watchdog.engine.gates.situation import Situation
from nemo_watchdog.engine.health import Tracker
from nemo_watchdog.engine.learned_grace import Starts
from nemo_watchdog.engine.listing import listed
from nemo_watchdog.engine.plan_words import step_said
from nemo_watchdog.engine.proposing import what_became_of
from nemo_watchdog.engine.rule_words import asks_for
from nemo_watchdog.engine.severity import UNCLASSIFIED, title_of
from nemo_watchdog.engine.state import Incident
from nemo_watchdog.engine.step_fit import use_of
from nemo_watchdog.engine.view import gate_view
from nemo_watchdog.engine.wall_clock import utc_of
from nemo_watchdog.errors import in_one_line
from nemo_watchdog.incident_views import ExplanationView, LookRunView
from nemo_watchdog.model import Category, Decision, Gate, Health, Moment, Outcome, Verdict
from nemo_watchdog.policy.policy import Policy

HOLDS_WHATEVER_COMES = frozenset(
    {
        Gate.BUG,
        Gate.STOPPING,
        Gate.IN_FLIGHT,
        Gate.JOURNAL,
        Gate.PAUSE,
        Gate.HUMAN_HOLD,
        Gate.STORM,
        Gate.MAINTENANCE,
        Gate.FLAPPING,
        Gate.BACKOFF,
        Gate.AUTONOMY,
        Gate.BUDGET,
        Gate.CONCURRENCY,
    }
)
"""Gates that do not ask how it is: while one of them is shut, what is up would be held by it, too, if it failed."""

BLIND_LOOKS = "Looks that saw nothing count for nothing: they do not say how it is."
LOOKED = {Outcome.OK: "was good", Outcome.DEGRADED: "saw it serve badly", Outcome.FAILED: "failed"}


def explain_now(engine: Engine, name: str, now: Moment, looks: Sequence[LookRunView] = ()) -> ExplanationView:
    """`looks` are the last ones, newest first. Raises `KeyError` for what the policy does not name."""
    tracker, incident = engine.trackers[name], engine.durable.incident_of(name)
    situation = Situation(engine.volatile, engine.durable, incident, name, now.monotonic)
    answers = engine.explanation(name, now)
    shut = [answer for answer in answers if answer.verdict is not Verdict.OPEN]
    decision = None if tracker.state.health is Health.UP else engine.decision(name, now)
    said = [
        *_how_it_is(name, tracker, engine.durable.seen.starts, flaps=engine.durable.is_flapping(name)),
        *_incident(engine.policy, name, incident),
        *_acts_or_not(situation, decision, shut, now),
        *_so_far(situation),
        *_goes_back_to(situation),
        *_left(situation),
    ]
    state = tracker.state
    return ExplanationView(
        dependency=name,
        at=now.utc.isoformat(),
        said=tuple(said),
        health=state.health,
        category=state.category,
        reason=state.reason,
        detail=state.detail,
        since=tracker.since.utc.isoformat() if tracker.since is not None else None,
        incident=incident.incident if incident is not None else None,
        severity=incident.severity if incident is not None else None,
        rule=incident.rule if incident is not None else None,
        decision=gate_view(decision, now) if decision is not None else None,
        gates=tuple(gate_view(answer, now) for answer in answers),
        gates_at=now.utc.isoformat(),
        next_action=utc_of(_next_action(decision, shut, now), now),
        looks=tuple(looks),
    )


# -- how it is ----------------------------------------------------------------------------------------------------


def _how_it_is(name: str, tracker: Tracker, starts: Starts, *, flaps: bool) -> Iterator[str]:
    state = tracker.state
    since = tracker.since.utc if tracker.since is not None else None
    yield sentence(f"{name} is {seen_as(state.health, since, state.category, state.reason, state.detail)}")
    if tracker.is_dockers_word:
        yield "Docker itself says so: that needs no look to confirm it."
    elif state.health is not Health.UP or tracker.suspect:
        yield from _confirmed(tracker)
    yield from _last_look(tracker)
    if learned := starts.said(tracker.spec, tracker.image):
        yield f"It may take {duration(tracker.startup_grace)} to start: {learned} of this image."
    if flaps:
        yield "It goes down and comes back again and again: it flaps."


def _confirmed(tracker: Tracker) -> Iterator[str]:
    """Which looks decided, and how many it takes."""
    (failures, seen), asked = tracker.failed_looks, tracker.spec.down_after
    if seen == 0:
        blind = tracker.state.category is Category.BLIND
        yield BLIND_LOOKS if blind else "No look since the last start or action counts yet."
        return
    takes = f"{asked.count} in a row" if asked.count == asked.window else f"{asked.count} of {asked.window}"
    yield (
        f"{failures} of the last {counted(seen, 'look')} failed; {takes} make it down, "
        f"{tracker.spec.up_after} good ones in a row up."
    )


def _last_look(tracker: Tracker) -> Iterator[str]:
    last = tracker.last
    if last is None:
        yield "It has not been looked at yet."
        return
    finding = last.finding
    why = f": {finding.reason}" if finding.reason is not None else ""
    detail = f" ({finding.detail})" if finding.reason is not None and finding.detail else ""
    how = f"took {duration(last.latency)} and {LOOKED[finding.outcome]}{why}{detail}"
    yield sentence(f"The last look at it, at {told(last.at.utc)}, {how}")


def _incident(policy: Policy, name: str, incident: Incident | None) -> Iterator[str]:
    if incident is None:
        return
    opened = f"incident {incident.incident}, open since {told(incident.opened.utc)}"
    others = [each for each in incident.members if each != name]
    if incident.root == name:
        more = f"; {listed(others)} {'fail' if len(others) > 1 else 'fails'} with it" if others else ""
        yield f"It is the root of the {opened}{more}."
    else:
        yield f"It belongs to the {opened}, of which {incident.root} is the root."
    titled = f"{incident.severity} {title_of(policy, incident.severity, incident.rule)}".rstrip()
    yield sentence(f"That incident is {titled}, by the rule {incident.rule}{_asks(policy, incident.rule)}")


def _asks(policy: Policy, rule: str) -> str:
    found = next((each for each in policy.classification if each.name == rule), None)
    if found is not None:
        return f", which asks for {asks_for(found.when)}"
    return ": no rule matches it" if rule == UNCLASSIFIED.name else ", which the policy does not have any more"


# -- what is decided ----------------------------------------------------------------------------------------------


def _acts_or_not(s: Situation, decision: Decision | None, shut: Sequence[Decision], now: Moment) -> Iterator[str]:
    if decision is not None:
        yield from _decided(s, decision, shut, now)
    elif s.tracker.state.health is Health.UP:
        yield from _if_it_failed(s, shut, now)
    else:
        yield "There is nothing to decide: no incident is open for it."
        if shut:
            yield from _decided(s, shut[0], shut, now)


def _decided(s: Situation, decision: Decision, shut: Sequence[Decision], now: Moment) -> Iterator[str]:
    yield from filter(None, decided(NOW, decision.verdict, decision.gate, decision.value))
    hold = s.durable.hold_on(s.name, s.spec.container, s.now) if decision.gate is Gate.HUMAN_HOLD else None
    if hold is not None:
        yield f"That was seen at {told(hold.placed)}."
    yield from _then(s, decision, shut, now)
    if tried := s.ladder.tried.total():
        yield f"Attempts in this trouble so far: {tried}."


def _then(s: Situation, decision: Decision, shut: Sequence[Decision], now: Moment) -> Iterator[str]:
    """What comes next, when, and what else stands before it."""
    if decision.verdict in (Verdict.REFUSE, Verdict.ESCALATE):
        return
    judging = decision.gate in (Gate.IN_FLIGHT, Gate.VERIFICATION)
    yield f"{'If that has not helped' if judging else 'Next on its remedy'}: {step_said(s)}."
    if (asked := s.durable.proposals.open_of(s.name)) is not None:
        yield sentence(what_became_of(asked, s.volatile))
        if asked.grant is None:
            yield f"`nemo-watchdog approve {asked.identity}` has it done once."
    until, ends = decision.until, ENDS.get(decision.gate)
    if until is not None and ends is not None:
        at = told(now.utc + timedelta(seconds=until - now.monotonic))
        alone = _next_action(decision, shut, now) == until
        yield f"The next action can come at {at}, when {ends} ends." if alone else f"{_begun(ends)} ends at {at}."
    for each in () if decision.gate is Gate.IN_FLIGHT else shut:
        over = each.until is not None and until is not None and each.until <= until
        if each.gate is not decision.gate and each.gate not in OPENED_BY_A_LOOK and not over:
            yield sentence(f"After that the gate {each.gate} would hold it back, as things are: {each.value}")


def _if_it_failed(s: Situation, shut: Sequence[Decision], now: Moment) -> Iterator[str]:
    """What would be done, and what would hold it back."""
    yield "There is nothing to decide: it is up."
    if s.remedy is None:
        yield "If it failed, a person would be told and nothing done: the policy names no remedy for it."
        return
    yield f"If it failed, its remedy {s.remedy.name} would begin with this: {step_said(s)}."
    for each in shut:
        if each.gate in HOLDS_WHATEVER_COMES:
            until = "" if each.until is None else f", until {told(now.before(now.monotonic - each.until).utc)}"
            yield sentence(f"It would be held back now by the gate {each.gate}{until}: {each.value}")


def _next_action(decision: Decision | None, shut: Sequence[Decision], now: Moment) -> float | None:
    """The earliest time (monotonic seconds) at which clocks alone have opened every gate."""
    if decision is None or decision.verdict not in (Verdict.WAIT, Verdict.ACT):
        return None
    waits = [each for each in shut if each.gate not in OPENED_BY_A_LOOK]
    untils = [each.until for each in waits if each.verdict is Verdict.WAIT and each.gate in ENDS]
    known = [until for until in untils if until is not None]
    if len(known) < len(waits):
        return None
    return max(known) if known else now.monotonic if decision.verdict is Verdict.ACT else None


def _so_far(s: Situation) -> Iterator[str]:
    """What the next step has come to before."""
    if s.action is not None and (use := use_of(s.action, s.tracker)).reason:
        uses = s.durable.memory.of(use)
        if uses.used:
            yield f"So far {use.action} has {uses.said(use.reason)}{', with this image' if use.image else ''}."


def _goes_back_to(s: Situation) -> Iterator[str]:
    """The image that the next step would go back to."""
    proven = s.durable.proven_images.get(s.spec.container or "")
    if proven is not None and s.action is not None and s.action.proves_after is not None:
        served = f"served for {duration(proven.served)} until {told(proven.at.utc)}"
        yield sentence(
            f"{s.action.action} goes back to the image {in_one_line(proven.name) or proven.image}, which {served}"
        )


def _left(s: Situation) -> Iterator[str]:
    if s.remedy is None:
        return
    own, total = s.remedy.budget, s.policy.limits.budget
    left = remaining(own, s.durable.spends_on(s.name, s.targets), s.now)
    of_all = remaining(total, [spend.at for spend in s.durable.spends], s.now)
    yield f"Actions left: {left} of {own} for it, {of_all} of {total} for all together."


def _begun(text: str) -> str:
    return text[:1].upper() + text[1:]
