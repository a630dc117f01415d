"""Why an action is held back. Each gate answers with a `Decision` or None; the first answer stands.

A gate reads and never changes anything, so `explain` can ask every gate of every dependency at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from nemo_watchdog.engine import budget
from nemo_watchdog.engine.classify import Outlook, holds
from nemo_watchdog.engine.health import Tracker
from nemo_watchdog.engine.state import EVERYTHING, Durable, Incident, Ladder, Phase
from nemo_watchdog.model import Autonomy, Category, Decision, Gate, Health, RunState, Verdict
from nemo_watchdog.policy.policy import ActionStep, Policy


@dataclass(frozen=True, slots=True)
class Situation:
    """All that a gate may look at, for one dependency of one open incident."""

    policy: Policy
    durable: Durable
    trackers: dict[str, Tracker]
    outlook: Outlook
    journal_trouble: str
    incident: Incident
    name: str
    now: float

    @property
    def tracker(self) -> Tracker:
        return self.trackers[self.name]

    @property
    def ladder(self) -> Ladder:
        return self.incident.ladders.get(self.name) or Ladder()


def decide(situation: Situation) -> Decision:
    """The first gate that holds, or ACT."""
    for gate in GATES:
        if decision := gate(situation):
            return decision
    return Decision(Verdict.ACT, Gate.NONE, "every gate is open")


def upstreams(policy: Policy, name: str) -> Iterator[str]:
    """Everything that `name` needs, directly or not, each once."""
    seen = {name}
    queue = list(policy.dependencies[name].needs)
    while queue:
        upstream = queue.pop(0)
        if upstream not in seen:
            seen.add(upstream)
            yield upstream
            queue.extend(policy.dependencies[upstream].needs)


def remedy(s: Situation) -> Decision | None:
    if s.ladder.ended:
        return Decision(Verdict.REFUSE, Gate.REMEDY, s.ladder.ended)
    if s.tracker.spec.remedy is None:
        return Decision(Verdict.REFUSE, Gate.REMEDY, "the policy names no remedy for it")
    return None


def in_flight(s: Situation) -> Decision | None:
    if s.ladder.phase is Phase.ACTING:
        return Decision(Verdict.WAIT, Gate.CONCURRENCY, f"{s.ladder.action} is under way")
    container = s.tracker.spec.container
    if container is not None and s.durable.is_acting_on(container):
        return Decision(Verdict.WAIT, Gate.CONCURRENCY, f"an action on {container} is under way")
    return None


def journal(s: Situation) -> Decision | None:
    if s.journal_trouble:
        return Decision(Verdict.REFUSE, Gate.JOURNAL, f"the journal cannot be written: {s.journal_trouble}")
    return None


def pause(s: Situation) -> Decision | None:
    for scope in (EVERYTHING, s.name):
        held = s.durable.pauses.get(scope)
        if held is not None and (held.until is None or s.now < held.until):
            what = "everything" if scope == EVERYTHING else scope
            return Decision(Verdict.WAIT, Gate.PAUSE, f"{held.by} paused {what}: {held.reason}", held.until)
    return None


def human_touch(s: Situation) -> Decision | None:
    if what := s.durable.touched.get(s.name):
        return Decision(Verdict.WAIT, Gate.HUMAN_TOUCH, f"{what}; held until it runs again")
    if (until := s.tracker.being_stopped_until(s.now)) is not None:
        return Decision(Verdict.WAIT, Gate.HUMAN_TOUCH, "somebody is stopping the container through Docker", until)
    return None


def blind(s: Situation) -> Decision | None:
    container, state = s.tracker.container, s.tracker.state
    if container is None or container.state is RunState.UNREACHABLE:
        detail = container.detail if container is not None else "Docker has not answered yet"
        return Decision(Verdict.WAIT, Gate.BLIND, f"cannot see the container: {detail}")
    if container.state in (RunState.MISSING, RunState.REMOVING):
        return Decision(Verdict.WAIT, Gate.BLIND, f"there is no container {s.tracker.spec.container} to act on")
    if state.health is Health.UNKNOWN:
        return Decision(Verdict.WAIT, Gate.BLIND, f"cannot judge it: {state.detail or state.reason}")
    return None


def upstream(s: Situation) -> Decision | None:
    tracker = s.tracker
    for name in upstreams(s.policy, s.name):
        above = s.trackers[name]
        if above.state.health not in (Health.UP, Health.DEGRADED):
            seen = f" ({above.state.reason})" if above.state.reason else ""
            return Decision(Verdict.WAIT, Gate.UPSTREAM, f"it needs {name}, which is {above.state.health}{seen}")
        if above.suspect:
            return Decision(Verdict.WAIT, Gate.UPSTREAM, f"it needs {name}, which may be failing too")
        began = tracker.failing_since
        if began is not None and (above.last_served_began is None or above.last_served_began < began):
            return Decision(Verdict.WAIT, Gate.UPSTREAM, f"it needs {name}: looking at that first")
    return None


def grace(s: Situation) -> Decision | None:
    tracker = s.tracker
    if tracker.exited:
        return None  # Docker says that nothing is starting there
    if (until := tracker.grace_until(s.now)) is not None:
        return Decision(Verdict.WAIT, Gate.GRACE, "it is in its start-up grace", until)
    if (until := recovering_until(s.policy, s.trackers, s.name, s.now)) is not None:
        return Decision(Verdict.WAIT, Gate.GRACE, "what it needs has just recovered", until)
    return None


def recovering_until(policy: Policy, trackers: Mapping[str, Tracker], name: str, now: float) -> float | None:
    """The end of a child's grace after the parent whose failure it began under; None outside of one."""
    tracker = trackers[name]
    began = tracker.failing_since
    recoveries = [trackers[upstream].recovered_at for upstream in upstreams(policy, name)]
    recovered = max((at for at in recoveries if at is not None), default=None)
    if recovered is None or began is None or began > recovered:
        return None
    until = recovered + tracker.spec.startup_grace
    return until if now < until else None


def category(s: Situation) -> Decision | None:
    state, spec = s.tracker.state, s.tracker.spec
    if state.category not in (Category.FAULT, None):
        value = f"{state.category}: a restart does not help ({state.detail or state.reason})"
        return Decision(Verdict.WAIT, Gate.CATEGORY, value)
    if state.category is None or state.health is not Health.DOWN:
        return Decision(Verdict.WAIT, Gate.CATEGORY, f"it is {state.health}, not down")
    if not s.tracker.evident:
        return Decision(Verdict.WAIT, Gate.BLIND, "waiting for fresh looks at it")
    chosen = s.policy.remedies[spec.remedy] if spec.remedy else None
    if chosen is not None and not holds(chosen.when, spec, state, s.outlook):
        return Decision(Verdict.REFUSE, Gate.REMEDY, f"the condition of {chosen.name} does not hold")
    return None


def verification(s: Situation) -> Decision | None:
    ladder = s.ladder
    if ladder.phase is Phase.VERIFYING and s.now < ladder.verify_until and not s.tracker.exited:
        return Decision(Verdict.WAIT, Gate.VERIFICATION, f"verifying {ladder.action}", ladder.verify_until)
    return None


def backoff(s: Situation) -> Decision | None:
    until = s.ladder.not_before
    if until is not None and s.now < until and not _next_is_escalation(s):
        return Decision(Verdict.WAIT, Gate.BACKOFF, f"{s.ladder.backoff:.1f}s after attempt {s.ladder.total}", until)
    return None


def ladder_end(s: Situation) -> Decision | None:
    if _next_is_escalation(s):
        tried = f"{s.ladder.total} attempt{'s' if s.ladder.total != 1 else ''} did not help"
        return Decision(Verdict.ESCALATE, Gate.REMEDY, tried if s.ladder.total else "the policy asks for a person")
    return None


def budgets(s: Situation) -> Decision | None:
    spec = s.tracker.spec
    if spec.remedy is None:
        return None
    chosen = s.policy.remedies[spec.remedy]
    own = s.durable.spends_on(s.name, spec.container)
    everyone = [spend.at for spend in s.durable.spends]
    for limit, spends, whose in ((chosen.budget, own, s.name), (s.policy.limits.budget, everyone, "all actions")):
        if budget.remaining(limit, spends, s.now) == 0:
            return Decision(Verdict.ESCALATE, Gate.BUDGET, f"the budget of {whose} is spent ({limit})")
    return None


def autonomy(s: Situation) -> Decision | None:
    allowed = s.tracker.spec.autonomy
    if allowed is Autonomy.OBSERVE:
        return Decision(Verdict.REFUSE, Gate.AUTONOMY, "the policy lets the watchdog only observe")
    if allowed is Autonomy.SUGGEST:
        return Decision(Verdict.ASK, Gate.AUTONOMY, "the policy wants a person to do it")
    return None


def concurrency(s: Situation) -> Decision | None:
    acting, most = s.durable.acting(), s.policy.limits.concurrent_actions
    if acting >= most:
        return Decision(Verdict.WAIT, Gate.CONCURRENCY, f"{acting} of {most} actions under way elsewhere")
    return None


GATES: tuple[Callable[[Situation], Decision | None], ...] = (
    in_flight,
    remedy,
    journal,
    pause,
    human_touch,
    blind,
    verification,
    upstream,
    grace,
    category,
    ladder_end,
    backoff,
    budgets,
    autonomy,
    concurrency,
)
"""In the order in which they answer: what protects data and people before what spaces attempts."""


def next_step(s: Situation) -> ActionStep | None:
    """The rung that would act next, or None when the next rung tells a person or there is none."""
    spec = s.tracker.spec
    if spec.remedy is None:
        return None
    rungs = s.policy.remedies[spec.remedy].steps[s.ladder.step :]
    if rungs and isinstance(rungs[0], ActionStep) and s.ladder.attempts >= rungs[0].attempts:
        rungs = rungs[1:]
    return rungs[0] if rungs and isinstance(rungs[0], ActionStep) else None


def _next_is_escalation(s: Situation) -> bool:
    return next_step(s) is None
