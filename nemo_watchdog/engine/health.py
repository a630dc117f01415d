"""Health of one dependency: observations and container states in, a thresholded state out. Knows no incident.

Rules, each paid for by somebody's outage:
- A look that was blind says nothing: it neither counts as a failure nor breaks a row of failures.
- `fault` must be confirmed by the threshold with faults alone; any other category takes effect at once, because
  it only makes the watchdog more careful.
- Failed looks count once for each `confirm_interval`: what makes us look sooner confirms nothing sooner. One that began
  before the present run, or before an action ended, is about what was before.
- What said that its data are at risk, and then answers no more, has its data at risk.
- A container that Docker reports exited needs no confirmation, and only Docker can say it.
- What was never up as the policy names it says more about the policy than about the target: only Docker can call it
  broken, until it was up once.
- A new run of a container starts with a clean record and its own grace, which ends at its first confirmed success.
"""

from __future__ import annotations

from dataclasses import replace

from nemo_watchdog.engine.events import Signs
from nemo_watchdog.engine.in_progress import InProgress
from nemo_watchdog.engine.learned_grace import Starting
from nemo_watchdog.engine.seen import NO_WORSE_AFTER_A_RESTART, AtRisk, Seen
from nemo_watchdog.engine.states import NEEDS_NO_PROOF, NO_ANSWER, NOT_ANSWERING, NOT_RUNNING, UNSEEN, UP, State
from nemo_watchdog.engine.touches import Ending
from nemo_watchdog.model import Category, ContainerStatus, Health, Moment, Observation, Outcome, Reason, RunState
from nemo_watchdog.policy.policy import Dependency

TIMERS_ARE_EARLY = 0.9
"""Of an interval: two looks that are planned one interval apart are no closer to each other."""

NO_SIGNS = Signs()


class Tracker:
    """The running record of one dependency."""

    def __init__(self, spec: Dependency, seen: Seen) -> None:
        self.spec = spec
        self.proven = seen.was_up(spec.name, spec.digest)
        """It was up once with this address and expectation."""
        self.state = UNSEEN
        self.since: Moment | None = None
        self.last: Observation | None = None
        self.container: ContainerStatus | None = None
        self.ending = Ending()
        """What became of its container while it does not run."""
        self.failing_since: float | None = None
        """When the first look of the present row of failed looks began; None while it serves."""
        self.answering_since: float | None = None
        """When the first of the present row of looks that did not fail began; None where there is none."""
        self.last_served_began: float | None = None
        self.last_seen_at: float | None = None
        """When the last look that saw anything ended."""
        self.recovered_at: float | None = None
        self.moved_at: float | None = None
        """When what it is busy with was last seen to be further than ever; None where nobody can see that."""
        self._furthest: float | None = None
        self.elsewhere = ""
        """Where it takes connections while its looks, at the usual address, get no answer; empty when nobody knows."""
        self.blind_since: float | None = None
        """When the first of the present row of blind looks began."""
        self._looks: tuple[Observation, ...] = ()
        self._clean_since = 0.0
        """When the record was wiped last: monotonic seconds."""
        self._blind_row = 0
        self._grace_until: float | None = None
        """Of the present run; None once it was up, and where no start of it was seen."""
        self._at_risk = seen.at_risk.get(spec.name)
        """What it last answered of its data in this run, where that was not that they are well."""
        self.in_progress = InProgress()
        self._starts = seen.starts
        self.starting = Starting()
        self.image = ""
        """The id of its container's image, as it was seen last."""
        self.is_dockers_word = False
        """The state is what an inspect said, and no look."""

    # -- what comes in ---------------------------------------------------------------------------------------

    def observe(self, observation: Observation, signs: Signs = NO_SIGNS) -> None:
        """One more look, and what was asked beside it."""
        self.last = observation
        self.in_progress.see(observation, signs)
        outcome = observation.finding.outcome
        if outcome is Outcome.OK and not self._looks and not self._blind_row and self.state.health is Health.UP:
            self.last_served_began, self.last_seen_at = observation.began, observation.at.monotonic
            return  # the common case, a thousand times a second
        if observation.finding.category is Category.BLIND:
            if not self._blind_row:
                self.blind_since = observation.began
            self._blind_row += 1
            self.starting.forget()
            return
        if outcome is Outcome.FAILED and observation.began < self._clean_since:
            return
        self._blind_row, self.last_seen_at = 0, observation.at.monotonic
        looks = self._looks
        if looks and self._is_too_soon(looks[-1], observation):
            observation = replace(observation, at=looks[-1].at, latency=looks[-1].latency)
            looks = looks[:-1]
        self._looks = (*looks, observation)[-self._history :]
        self._hear_of_risk(observation)
        progress = observation.finding.progress
        if progress is not None and (self._furthest is None or progress > self._furthest):
            self._furthest, self.moved_at = progress, observation.at.monotonic
        self._begin_row(observation)
        if observation.finding.reason not in NO_ANSWER:
            self.elsewhere = ""

    def _begin_row(self, look: Observation) -> None:
        """Goes on with a row of looks that failed, or of others, or begins one."""
        if look.finding.outcome is Outcome.FAILED:
            self.failing_since = look.began if self.failing_since is None else self.failing_since
            self.answering_since = None
        else:
            self.failing_since = None
            self.answering_since = look.began if self.answering_since is None else self.answering_since
            self.last_served_began = look.began

    def _hear_of_risk(self, look: Observation) -> None:
        """What does not answer, or turns us away, says nothing of its data."""
        reason = look.finding.reason
        if reason is not None and reason.category is Category.INTEGRITY and reason not in NO_WORSE_AFTER_A_RESTART:
            self._at_risk = AtRisk(reason, look.finding.detail, look.at.utc)
        elif look.finding.outcome is not Outcome.FAILED:
            self._at_risk = None

    def see_container(self, status: ContainerStatus, now: Moment) -> None:
        """One more inspect. A new run (id and StartedAt) wipes the record of the one before."""
        before = self.container
        self.container = status
        if status.state is RunState.UNREACHABLE:
            # Docker's silence says nothing about the run that we knew.
            if before is not None:
                self.container = ContainerStatus(
                    RunState.UNREACHABLE, before.container_id, before.started_at, detail=status.detail
                )
            return
        self.image = status.image or self.image
        self.starting.go_on(status)
        if status.state in NOT_RUNNING and (before is None or before.state not in NOT_RUNNING):
            self.in_progress.ended_at = now.monotonic
        if before is not None and before.state in NOT_ANSWERING and status.state is RunState.RUNNING:
            self.forget_looks(now.monotonic)  # they were looks at something that could not answer
        if status.started_at is None or (before is not None and before.run == status.run):
            return
        first_sight = before is None and self.state is UNSEEN
        age = max(0.0, (now.utc - status.started_at).total_seconds())
        self._grace_until = now.monotonic + self.startup_grace - age
        if before is not None:
            self.starting.begin(status, age, now)
        self.in_progress.forget_work()
        if self._at_risk is not None and self._at_risk.at < status.started_at:
            self._at_risk = None  # of another run
        if not first_sight:
            self.forget_looks(now.monotonic)

    def forget_looks(self, now: float) -> None:
        """A clean record: what was seen before an action says nothing about what comes after it."""
        self._looks = ()
        self._clean_since = now
        self._blind_row = 0
        self.failing_since, self.answering_since, self.elsewhere = None, None, ""

    # -- what comes out --------------------------------------------------------------------------------------

    def evaluate(self, now: Moment) -> tuple[State, State] | None:
        """Recomputes the state; (before, after) when health, category or reason changed."""
        word = self._judge_container()
        before, after = (
            self.state,
            word or self._remembering(self._believed(self._on_its_way(self._judge_looks(now.monotonic)))),
        )
        self.is_dockers_word = word is not None
        if after.health is Health.UP:
            self.proven, self._grace_until = True, None
            if self.starting.began is not None:
                self.starting.end(self.answering_since)
            if len(self._looks) == self._history and all(look.finding.outcome is Outcome.OK for look in self._looks):
                self._looks = ()  # nothing left to remember: the next OK takes the short way
        self.state = after
        if after.category not in (Category.BUSY, Category.BLIND):
            self._furthest = self.moved_at = None
        if before.same_as(after):
            return None
        if before.health is not after.health:
            self.since = now
            if after.health is Health.UP:
                self.recovered_at = now.monotonic
        return before, after

    def not_served_for(self, now: Moment) -> float:
        """Seconds since the last look that saw it serve began; 0 while it serves, and where there was none."""
        if self.serves or self.last_served_began is None:
            return 0.0
        return round(now.monotonic - self.last_served_began, 3)

    @property
    def serves(self) -> bool:
        return self.state.health in (Health.UP, Health.DEGRADED)

    def serves_since(self, began: float | None) -> bool:
        """Nothing speaks against it, and it was seen to in a look that began after `began` (monotonic seconds)."""
        seen = self.last_served_began
        return self.serves and not self.suspect and (began is None or (seen is not None and seen >= began))

    @property
    def stable(self) -> bool:
        """No change of health is being confirmed: the next look can wait for the whole interval."""
        if self.state.health is Health.UP:
            return not self._looks and not self._blind_row
        if self.state.health is Health.STARTING:
            return False
        if self._blind_row:
            return self.state.health is Health.UNKNOWN and self.state.reason is not Reason.NOT_LOOKED
        return self._failures() >= self.spec.down_after.count or self.state.health is Health.DEGRADED

    @property
    def unhealthy(self) -> bool:
        """Whether its health is a matter for an incident."""
        state = self.state
        if state.health is Health.UNKNOWN:
            return state.reason is not Reason.NOT_LOOKED
        return state.health in (Health.DOWN, Health.DEGRADED)

    @property
    def suspect(self) -> bool:
        """The last look that saw anything failed, or the last look saw nothing: it may be going down."""
        return self.failing_since is not None or self._blind_row > 0

    @property
    def careful(self) -> State | None:
        """What speaks against acting on its container: its state, or its last look alone. A fault speaks for it."""
        state = self.state
        if self.exited or state.reason in NO_WORSE_AFTER_A_RESTART:
            return None
        if state.category is Category.INTEGRITY or (
            state.category is Category.BUSY and state.health in (Health.DOWN, Health.STARTING)
        ):
            return state
        last = self._looks[-1] if self._looks else None
        if last is None or last.finding.outcome is not Outcome.FAILED or last.finding.category is Category.FAULT:
            return None
        return State.of(Health.DOWN, last)

    @property
    def failure_threshold_met(self) -> bool:
        """Enough failed looks since the last action or the last start."""
        return self._failures() >= self.spec.down_after.count

    @property
    def failed_looks(self) -> tuple[int, int]:
        """How many of the looks that the threshold for down asks about have failed, and how many these are."""
        return self._failures(), len(self._looks[-self.spec.down_after.window :])

    @property
    def fresh_evidence(self) -> bool:
        """The state rests on fresh evidence: failed looks, or Docker's word; or looks that saw it serve badly."""
        if self.state.health is Health.DEGRADED:
            looks = [look for look in self._looks[-self.spec.down_after.window :] if look.began >= self._clean_since]
            return sum(look.finding.outcome is not Outcome.OK for look in looks) >= self.spec.down_after.count
        return self.exited or self.failure_threshold_met

    @property
    def next_look(self) -> float:
        """Seconds from one look to the next: the interval, or the confirm interval while a change is in the air."""
        return self.spec.interval if self.stable else self.spec.confirm_interval

    @property
    def startup_grace(self) -> float:
        """Seconds that a start may take: as the policy has it, or longer where starts of this image took longer."""
        return self._starts.grace(self.spec, self.image)

    def grace_until(self, now: float) -> float | None:
        """Monotonic end of this run's start-up grace; None when it is over or was never known."""
        return None if self._grace_until is None or now >= self._grace_until else self._grace_until

    @property
    def exited(self) -> bool:
        return self.container is not None and self.container.state in NOT_RUNNING

    @property
    def _history(self) -> int:
        """How many looks the thresholds can ask about."""
        return max(self.spec.down_after.window, self.spec.up_after)

    def _is_too_soon(self, last: Observation, look: Observation) -> bool:
        """It says once more what that one said, with the reason that it has now, and confirms nothing."""
        again = look.finding.outcome is last.finding.outcome is not Outcome.OK
        return again and look.began - last.began < self.spec.confirm_interval * TIMERS_ARE_EARLY

    def _failures(self) -> int:
        window = self._looks[-self.spec.down_after.window :]
        return sum(look.finding.outcome is Outcome.FAILED for look in window)

    def _on_its_way(self, seen: State) -> State:
        """What takes connections elsewhere is cut off from here, and not broken."""
        if not self.elsewhere or seen.health not in (Health.DOWN, Health.UNKNOWN) or seen.reason not in NO_ANSWER:
            return seen
        detail = f"cannot be reached from here: {self.elsewhere}"
        return State(Health.UNKNOWN, Category.BLIND, Reason.UNREACHABLE_FROM_HERE, detail)

    def _believed(self, seen: State) -> State:
        """A fault of what was never up is a question about the policy."""
        broken = seen.health is Health.DOWN and seen.category is Category.FAULT
        if self.proven or not broken or seen.reason in NEEDS_NO_PROOF:
            return seen
        detail = f"never seen up since the policy named it: {seen.detail or seen.reason}"
        return State(Health.UNKNOWN, Category.BLIND, Reason.WRONG_TARGET, detail)

    def _remembering(self, seen: State) -> State:
        """What does not answer any more has not said that its data are safe since it said that they are not."""
        risk = self._at_risk
        if risk is None or seen.health is not Health.DOWN or seen.category is not Category.FAULT:
            return seen
        detail = f"{risk.detail}; and then: {seen.detail or seen.reason}"
        return State(Health.DOWN, Category.INTEGRITY, risk.reason, detail)

    def _judge_container(self) -> State | None:
        status = self.container
        if status is None:
            return None
        if status.state in NOT_RUNNING:
            code = "" if status.exit_code is None else f" with code {status.exit_code}"
            by = f": {self.ending.by} ended it" if self.ending.by else ""
            said = f"; its last words: {self.ending.said}" if self.ending.said else ""
            detail = f"container {status.state}{code}{by}{said}"
            return State(Health.DOWN, self.ending.reason.category, self.ending.reason, detail)
        if status.state is RunState.PAUSED:
            return State(Health.DOWN, Category.FAULT, Reason.PAUSED, "container paused through Docker")
        if status.state is RunState.RESTARTING:
            detail = "Docker is restarting the container"
            if self.ending.said:
                reason = self.ending.reason
                return State(Health.DOWN, reason.category, reason, f"{detail}; its last words: {self.ending.said}")
            return State(Health.DOWN, Category.BUSY, Reason.RESTARTING, detail)
        return None

    def _judge_looks(self, now: float) -> State:
        spec, state = self.spec, self.state
        if self._blind_row >= spec.down_after.count and self.last is not None:
            return State(Health.UNKNOWN, Category.BLIND, self.last.finding.reason, self.last.finding.detail)
        if not self._looks:
            return self._without_looks(now)
        looks = self._looks
        lately_up = looks[-spec.up_after :]
        if len(lately_up) == spec.up_after and all(look.finding.outcome is Outcome.OK for look in lately_up):
            return UP
        window = looks[-spec.down_after.window :]
        failures = [look for look in window if look.finding.outcome is Outcome.FAILED]
        not_ok = [look for look in window if look.finding.outcome is not Outcome.OK]
        if len(failures) >= spec.down_after.count:
            if self.grace_until(now) is not None:
                return State.of(Health.STARTING, looks[-1])
            return self._down(failures)
        if len(not_ok) >= spec.down_after.count and state.health is not Health.DOWN:
            return State.of(Health.DEGRADED, not_ok[-1])
        if (
            state.health is Health.DOWN
            and len(lately_up) == spec.up_after
            and all(look.finding.outcome is not Outcome.FAILED for look in lately_up)
        ):
            return State.of(Health.DEGRADED, not_ok[-1])
        return self._undecided(looks[-1], now)

    def _down(self, failures: list[Observation]) -> State:
        """Down. `fault` only when the threshold is met by faults alone and the last failure is one."""
        faults = [look for look in failures if look.finding.category is Category.FAULT]
        if len(faults) >= self.spec.down_after.count and faults[-1] is failures[-1]:
            return State.of(Health.DOWN, faults[-1])
        careful = [look for look in failures if look.finding.category is not Category.FAULT]
        return State.of(Health.DOWN, careful[-1])

    def _without_looks(self, now: float) -> State:
        state, container = self.state, self.container
        if container is None:
            return state
        running = container.state is RunState.RUNNING
        if running and self.grace_until(now) is not None and state is not UNSEEN:
            return State(Health.STARTING, Category.BUSY, Reason.STARTING, "the container has just started")
        if self.is_dockers_word:
            detail = f"the container is {container.state}; not looked at yet"
            return State(Health.UNKNOWN, Category.BLIND, Reason.NOT_LOOKED, detail)
        return state

    def _undecided(self, last: Observation, now: float) -> State:
        """Thresholds say nothing new: keep the state, but a gentler category takes effect at once."""
        state = self.state
        if state.health is Health.STARTING and self.grace_until(now) is None:
            return State(Health.UNKNOWN, Category.BLIND, Reason.NOT_LOOKED, "the start-up grace is over; looking again")
        if state.health is Health.DOWN and last.finding.outcome is Outcome.FAILED:
            category = last.finding.category
            if category is not Category.FAULT and category is not state.category:
                return State.of(Health.DOWN, last)
        if self.is_dockers_word:
            return self._without_looks(now)
        return state
