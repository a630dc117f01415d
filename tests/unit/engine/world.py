"""A small platform on a clock that the test moves: policy, engine, and what the shell would do around them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine.engine import Engine
from nemo_watchdog.engine.events import Effects
from nemo_watchdog.engine.news import News
from nemo_watchdog.engine.paging_words import root_of
from nemo_watchdog.engine.replay import rebuild
from nemo_watchdog.model import (
    CONTAINER,
    ActionOutcome,
    ActionRequest,
    ActionResult,
    Autonomy,
    ContainerEvent,
    ContainerStatus,
    Finding,
    Gate,
    Health,
    LogLine,
    Moment,
    Notification,
    NotificationKind,
    Observation,
    Past,
    Reason,
    RunState,
    Severity,
    Target,
    degraded,
    failed,
    ok,
)
from nemo_watchdog.policy.condition import Condition, TagQuantifier
from nemo_watchdog.policy.people import Contact
from nemo_watchdog.policy.policy import (
    ActionStep,
    Backoff,
    Budget,
    Dependency,
    EscalateStep,
    Limits,
    Policy,
    Remedy,
    Rule,
    SeveritySpec,
)
from nemo_watchdog.records import Record, SeenUp

EVER = datetime.min.replace(tzinfo=UTC)
"""Docker has forgotten nothing since."""

UNKNOWN_TO_DOCKER = (RunState.MISSING, RunState.UNREACHABLE)
"""It says nothing of a run then."""

NOON = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)

RESTART = ActionStep(
    "docker.restart",
    "docker.restart",
    attempts=3,
    backoff=Backoff(5.0, 2.0, 300.0, 0.2),
    verify_within=20.0,
    timeout=70.0,
)


def remedy(*steps: ActionStep | EscalateStep, budget: Budget | None = None) -> Remedy:
    return Remedy("restart", steps or (RESTART, EscalateStep("lead")), budget or Budget(5, 3600.0))


def dependency(
    name: str, *, needs: Sequence[str | Sequence[str]] = (), grace: float = 10.0, **more: object
) -> Dependency:
    """Of `needs`, what is no name is a group of which one is enough."""
    base = Dependency(
        name=name,
        probe="http",
        options=None,
        container=f"c-{name}",
        needs=tuple(need for need in needs if isinstance(need, str)),
        needs_any=tuple(tuple(need) for need in needs if not isinstance(need, str)),
        tags=frozenset({"core"}),
        remedy="restart",
        startup_grace=grace,
    )
    return replace(base, **more)  # type: ignore[arg-type]


def policy(*dependencies: Dependency, fix: Remedy | None = None, limits: Limits | None = None) -> Policy:
    fix = fix or remedy()
    keys = [step.key for step in fix.steps if isinstance(step, ActionStep)]
    dependencies = tuple(
        replace(d, targets={key: Target(CONTAINER, d.container) for key in keys}) if d.container and d.remedy else d
        for d in dependencies
    )
    return Policy(
        dependencies={d.name: d for d in dependencies},
        severities={
            Severity.SEV1: SeveritySpec("Complete outage", 900.0, ("on-call", "lead")),
            Severity.SEV2: SeveritySpec("Major degradation", 1800.0, ("on-call",)),
            Severity.SEV3: SeveritySpec("Minor issue", 14400.0, ("on-call",)),
            Severity.SEV4: SeveritySpec("Low impact", 86400.0, ("on-call",)),
        },
        classification=(
            Rule("outage", Severity.SEV1, Condition(down=TagQuantifier("all", "core"))),
            Rule("down", Severity.SEV2, Condition(health=frozenset({Health.DOWN}))),
            Rule("slow", Severity.SEV3, Condition(health=frozenset({Health.DEGRADED}))),
        ),
        remedies={"restart": fix},
        limits=limits or Limits(),
        autonomy=Autonomy.ACT,
        contacts={"on-call": Contact(), "lead": Contact()},
    )


class World:
    """Feeds the engine and keeps every effect. Actions wait in `pending` until the test finishes them.

    What is `running` has been seen up; what is only `proven` was, before this daemon was started.
    """

    def __init__(self, plan: Policy, *, running: bool = True, proven: bool = False) -> None:
        self.monotonic = 1000.0
        self.utc = NOON
        self.records: list[tuple[Moment, Record]] = [
            (self.now, SeenUp(name, spec.digest)) for name, spec in plan.dependencies.items() if proven
        ]
        self.engine = Engine(plan, rebuild([(at, record.body()) for at, record in self.records]))
        self.notifications: list[Notification] = []
        """Each fact that is news, as if it were told alone."""
        self.messages: list[Notification] = []
        """What people get."""
        self.effects: list[Effects] = []
        self.pending: list[ActionRequest] = []
        self.started: list[tuple[float, ActionRequest]] = []
        self.wake_at: float | None = None
        self.soon: set[str] = set()
        self.stays_as_it_is = True
        """What is looked at once more before anything is done is found as it was."""
        self.starts: dict[str, datetime] = {}
        """When the present run of each container began."""
        self.images: dict[str, str] = {}
        """Of containers: the ids of their images."""
        self.send(ev.Started())
        if running:
            for name in plan.dependencies:
                self.run(name, age=3600.0)
                self.look(name, ok(), times=3)

    # -- time

    @property
    def now(self) -> Moment:
        return Moment(self.monotonic, self.utc)

    def pass_time(self, seconds: float) -> None:
        self.monotonic += seconds
        self.utc += timedelta(seconds=seconds)

    def wait(self, seconds: float) -> None:
        """Lets time pass, waking the engine at every moment that it asked for."""
        end = self.monotonic + seconds
        while self.wake_at is not None and self.wake_at <= end:
            at, self.wake_at = max(self.wake_at, self.monotonic), None
            self.pass_time(at - self.monotonic)
            self.send(ev.Tick())
        self.pass_time(end - self.monotonic)

    # -- events

    def send(self, event: ev.Event) -> Effects:
        effects = self.engine.step(event, self.now)
        assert not effects.bug
        self.effects.append(effects)
        self.records += [(self.now, record) for record in effects.records]
        self.notifications += [
            *map(self._as_if_alone, effects.news),
            *(n for n in effects.notifications if not n.incident),
        ]
        self.messages += effects.notifications
        self.pending += effects.actions
        self.started += [(self.monotonic, request) for request in effects.actions]
        if effects.wake_at is not None:
            self.wake_at = effects.wake_at if self.wake_at is None else min(self.wake_at, effects.wake_at)
        self.soon |= effects.probe_soon
        if self.stays_as_it_is:
            for name in effects.probe_soon:
                self._look_once_more(name)
        return effects

    def _as_if_alone(self, news: News) -> Notification:
        durable = self.engine.durable
        one = durable.incidents.get(news.incident) or durable.declared[news.incident]
        title, key = f"[{one.severity}] {news.words.title}", f"{news.incident}:{news.words.key}"
        root = root_of(one)
        return Notification(
            key, news.kind, news.incident, one.severity, root, title, news.words.body, news.to, news.at.utc
        )

    def _look_once_more(self, name: str) -> None:
        """It is asked for before anything is done, and finds what the last one found."""
        decision, last = self.engine.decision(name, self.now), self.engine.trackers[name].last
        if decision is not None and decision.gate is Gate.LAST_LOOK and last is not None:
            self.look(name, last.finding, every=0.0)

    def look(self, name: str, finding: Finding, *, times: int = 1, every: float = 1.0) -> None:
        for _ in range(times):
            self.pass_time(every)
            self.send(ev.Observed(name, Observation(finding, 0.01, self.now)))

    def fail(self, name: str, reason: Reason = Reason.WRONG_STATUS, *, times: int = 3) -> None:
        self.look(name, failed(reason, f"test: {reason}"), times=times)

    def slow(self, name: str, *, times: int = 3) -> None:
        self.look(name, degraded(Reason.SLOW, "took 900 ms"), times=times)

    def succeed(self, name: str, *, times: int = 2) -> None:
        self.look(name, ok(), times=times)

    def see(
        self,
        name: str,
        state: RunState,
        *,
        past: Sequence[ContainerEvent] = (),
        whole_since: datetime | None = EVER,
        away: tuple[datetime, datetime] | None = None,
        said: str | None = "",
        **more: object,
    ) -> None:
        """An inspect; `past` is what Docker remembers of the run: all of it, unless `whole_since` says otherwise.

        `said` is the last line that it wrote, just now; None when Docker does not answer that.
        """
        container = self.container(name)
        known = (f"id-{container}", self._started_at(container)) if state not in UNKNOWN_TO_DOCKER else ()
        more.setdefault("image", self.images.get(container, "") if known else "")
        status = ContainerStatus(state, *known, **more)  # type: ignore[arg-type]
        words = (LogLine(self.utc, said),) if said else None if said is None else ()
        self.send(ev.ContainerSeen(container, status, Past(tuple(past), whole_since, away), words))

    def container(self, name: str) -> str:
        """The one that the policy gives it; two may have the same."""
        spec = self.engine.policy.dependencies.get(name)
        return spec.container if spec is not None and spec.container else f"c-{name}"

    def event(self, name: str, action: str, signal: int | None = None) -> ContainerEvent:
        """A line of Docker's event stream that bears the time of now."""
        return ContainerEvent(self.container(name), action, signal, self.utc)

    def run(self, name: str, *, age: float = 0.0, restarts: int = 0) -> None:
        """The container starts a new run, `age` seconds ago; with `restarts`, by Docker's own restart policy."""
        self.starts[self.container(name)] = self.utc - timedelta(seconds=age)
        self.see(name, RunState.RUNNING, restarts=restarts)

    def _started_at(self, container: str) -> datetime:
        return self.starts.get(container, self.utc)

    def crash(self, name: str, code: int = 1, *, oom: bool = False, said: str | None = "") -> None:
        past = [self.event(name, "oom")] * oom + [self.event(name, "die")]
        for event in past:
            self.send(ev.ContainerActed(event))
        code = 137 if oom else code
        self.see(name, RunState.EXITED, past=past, said=said, finished_at=self.utc, exit_code=code, oom_killed=oom)

    def stopped_by_hand(self, name: str) -> None:
        past = [self.event(name, "kill", 15), self.event(name, "die")]
        for event in past:
            self.send(ev.ContainerActed(event))
        self.see(name, RunState.EXITED, past=past, finished_at=self.utc, exit_code=143)

    def finish(self, outcome: ActionOutcome = ActionOutcome.SUCCEEDED, *, restarted: bool = True) -> ActionRequest:
        """Ends the oldest action under way; a restart that worked starts a new run first, as Docker does."""
        request = self.pending.pop(0)
        if restarted and outcome is ActionOutcome.SUCCEEDED:
            self.run(request.dependency)
        self.send(ev.ActionFinished(request, ActionResult(outcome)))
        return request

    def kill_daemon(self, *, damage: str = "") -> None:
        """`kill -9` and a new process: volatile state is gone, the records are replayed; with damage as it is found."""
        self.pending = []
        self.wake_at = None
        history = [(at, record.body()) for at, record in self.records]
        self.engine = Engine(self.engine.policy, rebuild(history))
        if damage:
            self.send(ev.JournalChanged(damage, damaged=True))
        self.send(ev.Started())

    # -- what is asked

    def health(self, name: str) -> Health:
        return self.engine.trackers[name].state.health

    def told(self, kind: NotificationKind) -> list[Notification]:
        return [n for n in self.notifications if n.kind is kind]

    def of(self, kind: type[Record]) -> list[Record]:
        return [record for _, record in self.records if isinstance(record, kind)]
