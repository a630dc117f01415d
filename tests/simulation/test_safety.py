"""The safety rules as invariants: whatever happens in whatever order, these hold. Hours of faults on a moved clock."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from nemo_watchdog import records as r
from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine.phases import Phase
from nemo_watchdog.engine.signals import A_STOP_TAKES, CONT, OUTLIVED_AFTER, THAWED_AFTER
from nemo_watchdog.engine.states import NOT_RUNNING
from nemo_watchdog.engine.touches import PENDING_FOR
from nemo_watchdog.model import (
    CONTAINER,
    ActionOutcome,
    ActionRequest,
    Category,
    ContainerEvent,
    Health,
    Reason,
    RunState,
    Severity,
    Target,
    failed,
    ok,
)
from nemo_watchdog.policy.cron import Cron
from nemo_watchdog.policy.policy import Backoff, Budget, EscalateStep, Flapping, Limits, Policy, Step, Storm
from nemo_watchdog.policy.windows import MaintenanceWindow
from tests.unit.engine.world import EVER, RESTART, World, dependency, policy, remedy

NAMES = ("postgres", "redis", "gateway", "cache")
CONTAINERS = {**{name: f"c-{name}" for name in NAMES}, "cache": "c-redis"}
"""The cache is another look at the container of Redis: what is done to one is done to both."""
REMEDY_BUDGET = Budget(3, 1800.0)
TOTAL_BUDGET = Budget(5, 1800.0)

FULL = "2026-01-05 12:00:00.000 UTC [1] FATAL:  could not write: No space left on device"

names = st.sampled_from(NAMES)
by_category = {category: [reason for reason in Reason if reason.category is category] for category in Category}
not_faults = st.sampled_from([reason for reason in Reason if reason.category is not Category.FAULT])


STEP = replace(RESTART, attempts=2, backoff=Backoff(1.0, 1.5, 20.0, 0.2), verify_within=15.0)
GENTLER = replace(STEP, action="touch.file", key="touch.file", attempts=1)
TO_LEAD, TO_DBA = EscalateStep("lead", "escalate lead"), EscalateStep("dba", "escalate dba")
LADDERS: dict[str, tuple[Step, ...]] = {
    "as it was": (STEP, TO_LEAD),
    "a step inserted before": (GENTLER, STEP, TO_LEAD),
    "a step inserted behind": (STEP, GENTLER, TO_LEAD),
    "a step renamed": (replace(STEP, key="hard"), TO_LEAD),
    "nobody named": (STEP,),
    "a person first": (TO_DBA, STEP, TO_LEAD),
    "only a person": (TO_DBA,),
}


WORKED_ON_AT = range(10, 20)
"""Minutes of each hour."""
WORK = MaintenanceWindow("patches", Cron("10 * * * *"), 600.0, frozenset({"cache"}))

ADDRESSES = ("as it was", "another", "a third")
DOCKERS = frozenset({Reason.EXITED, Reason.STOPPED_ITSELF, Reason.OOM_KILLED, Reason.PAUSED, Reason.UNHEALTHY})
"""What needs no proof that the address is right."""


def plan(ladder: str, addresses: Mapping[str, str]) -> Policy:
    known = (
        dependency("postgres", grace=20.0, tags=frozenset({"core", "store"})),
        dependency("redis", grace=5.0, tags=frozenset({"core", "store"})),
        dependency("gateway", needs=["postgres", "redis"], grace=5.0),
        dependency("cache", container=CONTAINERS["cache"], grace=5.0),
    )
    made = policy(
        *(replace(each, digest=addresses[each.name], options=addresses[each.name]) for each in known),
        fix=remedy(*LADDERS[ladder], budget=REMEDY_BUDGET),
        limits=Limits(budget=TOTAL_BUDGET, concurrent_actions=2, min_healthy={"store": 1}, storm=Storm(hold=60.0)),
    )
    return replace(made, maintenance=(WORK,))


class Safety(RuleBasedStateMachine):
    """A platform that fails in every way, operators who pause it, and a daemon that is killed now and then."""

    def __init__(self) -> None:
        super().__init__()
        self.ladder = "as it was"
        self.addresses = dict.fromkeys(NAMES, ADDRESSES[0])
        self.world = World(plan(self.ladder, self.addresses))
        self.seen_up = dict(self.addresses)
        """With which address each was up last."""
        self.last_reasons: dict[str, list[Reason | None]] = {name: [] for name in NAMES}
        self.checked = 0
        self.left_alone: set[str] = set()
        """Whatever happened to them, nobody may start them but a person."""
        self.being_stopped: dict[str, float] = {}
        """Since when somebody is."""
        self.paused_until: dict[str, float] = {}
        """The latest end that anybody asked for since the last resume, by scope."""
        self.quit: dict[str, float] = {}
        """Since when they have not answered a signal that may end them or not."""
        self.frozen: dict[str, float] = {}
        """Since when somebody has frozen what does not answer again."""
        self.unread: set[str] = set()
        """Containers that have ended, and Docker owes their last words."""
        self.timed_out: dict[str, tuple[float, object]] = {}
        """When an order was given up, and the start of the run of the container then."""
        self.is_deaf = False
        """Docker's event stream is lost."""
        self.at_work: dict[str, object] = {}
        """Who said last that something is in progress, and the start of the run in which it did."""
        self.waived: set[str] = set()
        """For whom a person wants a restart that waited for that."""
        self.refused: set[str] = set()
        """Ids of what was certainly not ordered."""

    # -- what can happen

    @rule(name=names, reason=st.sampled_from(by_category[Category.FAULT]), times=st.integers(1, 5))
    def faults(self, name: str, reason: Reason, times: int) -> None:
        for _ in range(times):
            self._look(name, reason)

    @rule(name=names, reason=not_faults, times=st.integers(1, 5))
    def careful_failures(self, name: str, reason: Reason, times: int) -> None:
        for _ in range(times):
            self._look(name, reason)

    @rule(name=names, times=st.integers(0, 4))
    def is_at_work(self, name: str, times: int) -> None:
        """It says so itself: as it serves, or while it fails as a fault does."""
        self.at_work[name] = self.world.starts.get(CONTAINERS[name])
        for _ in range(max(1, times)):
            self._look(name, Reason.WRONG_ANSWER if times else None, work="VACUUM FULL")

    @rule(name=names, times=st.integers(1, 4))
    def recovers(self, name: str, times: int) -> None:
        for _ in range(times):
            self._look(name, None)

    @rule(name=names, code=st.sampled_from([0, 1, 137, 143]), oom=st.booleans(), whole=st.booleans())
    def exits(self, name: str, code: int, oom: bool, whole: bool) -> None:
        """With `whole` Docker remembers all of the run; otherwise nobody can tell who ended it."""
        world, before = self.world, self.world.engine.trackers[name].container
        is_news = before is not None and before.state is RunState.RUNNING
        past = [*self._signals(name), world.event(name, "die")]
        since = EVER if whole else None
        ended: dict[str, Any] = {"exit_code": code, "oom_killed": oom, "finished_at": world.utc}
        self._see(name, RunState.EXITED, past=past, whole_since=since, **ended)
        if is_news and not whole and not self._is_ours(name):
            self.left_alone.add(CONTAINERS[name])
        self._check_new_actions()

    @rule(name=names)
    def is_being_stopped(self, name: str) -> None:
        """`docker stop -t 600`: the signal was sent, and it goes on for now."""
        world, before = self.world, self.world.engine.trackers[name].container
        world.pass_time(0.1)
        world.send(ev.ContainerActed(world.event(name, "kill", 15)))
        if before is not None and before.state is RunState.RUNNING and not self._is_ours(name):
            self.being_stopped[CONTAINERS[name]] = world.monotonic
            self.frozen.pop(CONTAINERS[name], None)  # a stop ends in time, frozen or not
        self._check_new_actions()

    @rule(name=names)
    def is_sent_a_quit(self, name: str) -> None:
        """A thread dump, or a server that drains: who answers tells."""
        if self._takes_signals(name):
            self.quit.setdefault(CONTAINERS[name], self.world.monotonic)
        self.world.send(ev.ContainerActed(self.world.event(name, "kill", 3)))
        self._check_new_actions()

    @rule(name=names)
    def is_frozen(self, name: str) -> None:
        if self._takes_signals(name) and CONTAINERS[name] not in self.being_stopped:
            self.frozen[CONTAINERS[name]] = self.world.monotonic
        self.world.send(ev.ContainerActed(self.world.event(name, "kill", 19)))
        self._check_new_actions()

    @rule(name=names)
    def is_let_go_on(self, name: str) -> None:
        """What runs: Docker sends no signal to what has ended, and tells of none."""
        if self._takes_signals(name):
            self.frozen.pop(CONTAINERS[name], None)
        before = self.world.engine.trackers[name].container
        if before is None or before.state in (RunState.RUNNING, RunState.PAUSED):
            self.world.send(ev.ContainerActed(self.world.event(name, "kill", CONT)))
        self._check_new_actions()

    def _takes_signals(self, name: str) -> bool:
        """It is seen to run, and what is done to it is not ours."""
        self.world.pass_time(0.1)
        before = self.world.engine.trackers[name].container
        return before is not None and before.state is RunState.RUNNING and not self._is_ours(name)

    @rule(name=names, signalled=st.booleans())
    def is_ended_by_the_engine(self, name: str, signalled: bool) -> None:
        """The Engine went down and took it with it; when it is back it has forgotten everything."""
        world, began = self.world, self.world.utc
        past = [world.event(name, "kill", 15)] if signalled else []
        world.pass_time(5.0)
        away, ended = (began, world.utc), world.utc
        self._see(name, RunState.EXITED, past=past, whole_since=None, away=away, exit_code=143, finished_at=ended)
        self._check_new_actions()

    @rule(name=names)
    def exits_and_says_that_its_disk_is_full(self, name: str) -> None:
        past = self._signals(name)
        self._see(name, RunState.EXITED, past=past, said=FULL, exit_code=1, finished_at=self.world.utc)
        self._check_new_actions()

    @rule(name=names)
    def exits_and_docker_is_slow_to_tell_its_log(self, name: str) -> None:
        """What it said may be that its data are at risk: nobody knows yet."""
        world, before = self.world, self.world.engine.trackers[name].container
        world.pass_time(0.1)
        if before is not None and before.state is RunState.RUNNING:
            self.unread.add(CONTAINERS[name])
        past = [*self._signals(name), world.event(name, "die")]
        self._see(name, RunState.EXITED, past=past, said=None, exit_code=1, finished_at=world.utc)
        self._check_new_actions()

    @precondition(lambda self: self.unread)
    @rule(said=st.sampled_from(["", FULL]), data=st.data())
    def docker_tells_what_it_owed(self, said: str, data: st.DataObject) -> None:
        container = data.draw(st.sampled_from(sorted(self.unread)))
        name = next(each for each in NAMES if CONTAINERS[each] == container)
        seen = self.world.engine.trackers[name].container
        if seen is not None and seen.state is RunState.EXITED:
            self._see(name, RunState.EXITED, said=said, exit_code=1, finished_at=seen.finished_at)
        self._check_new_actions()

    @rule(name=names)
    def is_taken_off_its_network(self, name: str) -> None:
        """What runs."""
        before = self.world.engine.trackers[name].container
        if before is not None and before.state is RunState.RUNNING:
            self._see(name, RunState.RUNNING, off_network="app")
        self._check_new_actions()

    @rule(name=names)
    def is_stopped_by_hand(self, name: str) -> None:
        world, before = self.world, self.world.engine.trackers[name].container
        ran = before is not None and before.state is RunState.RUNNING
        world.pass_time(0.1)  # what happens at the very end of an action may be its own doing
        acting = any(request.target.name == CONTAINERS[name] for request in world.pending)
        ours = self._is_ours(name)
        world.stopped_by_hand(name)
        self.unread.discard(CONTAINERS[name])
        if ran and not acting:
            self.left_alone.add(CONTAINERS[name])
        self._check_new_actions()
        assert Target(CONTAINER, CONTAINERS[name]) in world.engine.durable.holds or not ran or ours

    @rule(
        name=names,
        state=st.sampled_from([RunState.PAUSED, RunState.RESTARTING, RunState.UNREACHABLE, RunState.MISSING]),
    )
    def changes_state(self, name: str, state: RunState) -> None:
        self._see(name, state)
        if state is RunState.PAUSED:
            self.frozen.pop(CONTAINERS[name], None)  # it is held for that, and Docker remembers why it does not go on
        self._check_new_actions()

    @rule(name=names)
    def starts_again(self, name: str) -> None:
        self.world.run(name)
        self.left_alone.discard(CONTAINERS[name])
        self.unread.discard(CONTAINERS[name])
        self._is_another(name)
        self._check_new_actions()

    @precondition(lambda self: self.world.pending)
    @rule(first=st.sampled_from([15, 9]), second=st.sampled_from([15, 9, 2]))
    def is_stopped_while_we_restart_it(self, first: int, second: int) -> None:
        """Docker starts it again at the end of our order, and whoever stopped it goes first all the same."""
        world, name = self.world, self.world.pending[0].dependency
        before = world.engine.trackers[name].container
        for number in (first, second, 15):
            world.pass_time(0.1)
            world.send(ev.ContainerActed(world.event(name, "kill", number)))
        self.unread.discard(world.finish().target.name)
        if before is not None:
            self.left_alone.add(CONTAINERS[name])
        self._check_new_actions()

    @precondition(lambda self: self.world.pending)
    @rule(outcome=st.sampled_from(ActionOutcome), restarted=st.booleans())
    def action_ends(self, outcome: ActionOutcome, restarted: bool) -> None:
        request = self.world.finish(outcome, restarted=restarted)
        if restarted and outcome is ActionOutcome.SUCCEEDED:
            self.unread.discard(request.target.name)
        if outcome is ActionOutcome.REFUSED:
            self.refused.add(request.action_id)
        else:
            self.waived.discard(request.dependency)
        if outcome is ActionOutcome.TIMED_OUT:
            judged = request.expected_run.started_at if request.expected_run is not None else None
            self.timed_out[request.target.name] = self.world.monotonic, judged
        self._check_new_actions()

    @rule(word=st.sampled_from(["lost", "reconnected"]))
    def stream_is(self, word: str) -> None:
        """Nobody hears a person's signal while it is lost."""
        self.is_deaf = word == "lost"
        self.world.send(ev.ContainerActed(ContainerEvent("", word, at=self.world.utc)))
        self._check_new_actions()

    @rule(name=names, rounds=st.integers(1, 8))
    def never_gets_healthy(self, name: str, rounds: int) -> None:
        """Restarts are carried out and help nothing."""
        for _ in range(rounds):
            while self.world.pending:
                self.unread.discard(self.world.finish().target.name)
                self._check_new_actions()
            for _ in range(12):
                self._look(name, Reason.WRONG_STATUS)

    @rule(seconds=st.sampled_from([0.3, 3.0, 30.0, 300.0, 1000.0]))
    def time_passes(self, seconds: float) -> None:
        self.world.wait(seconds)
        self._check_new_actions()

    @rule(scope=st.sampled_from([*NAMES, "*"]), duration=st.sampled_from([None, 10.0, 600.0]))
    def is_paused(self, scope: str, duration: float | None) -> None:
        self.world.send(ev.PauseAsked(scope, "test", "ops", duration))
        end = math.inf if duration is None else self.world.monotonic + duration
        self.paused_until[scope] = max(end, self.paused_until.get(scope, 0.0))
        self._check_new_actions()

    @rule(scope=st.sampled_from([*NAMES, "*"]))
    def is_resumed(self, scope: str) -> None:
        self.world.send(ev.ResumeAsked(scope, "ops"))
        self.paused_until.pop(scope, None)
        self._check_new_actions()

    @rule(name=names)
    def a_person_wants_it_tried_again(self, name: str) -> None:
        if name in self.world.engine.durable.seen.waits:
            self.waived.add(name)
        self.world.send(ev.RetryAsked(name, "test", "ops"))
        self._check_new_actions()

    @rule(about=st.sampled_from([*NAMES, ""]), severity=st.sampled_from(Severity))
    def a_person_declares_an_incident(self, about: str, severity: Severity) -> None:
        """It begins no action, and no incident of looks knows it."""
        before = len(self.world.started), self.world.engine.durable.open()
        self.world.send(ev.DeclareAsked("test", severity, about, "ops"))
        assert (len(self.world.started), self.world.engine.durable.open()) == before

    @rule(which=st.integers(0, 5), duration=st.sampled_from([None, 10.0]), over=st.booleans())
    def people_say_more_of_one(self, which: int, duration: float | None, over: bool) -> None:
        """Somebody takes it, writes about it, and wants it to end; what looks opened goes on as it was."""
        known, before = sorted(self.world.engine.durable.ids), len(self.world.started)
        if not known:
            return
        incident, opened = known[which % len(known)], self.world.engine.durable.open()
        self.world.send(ev.AcknowledgeAsked(incident, "ops", duration))
        self.world.send(ev.NoteAsked(incident, "note", "test", "ops"))
        if over:
            self.world.send(ev.ResolveAsked(incident, "test", "ops"))
        assert (len(self.world.started), self.world.engine.durable.open()) == (before, opened)

    @rule(ladder=st.sampled_from(sorted(LADDERS)))
    def policy_is_reloaded(self, ladder: str) -> None:
        before = self.world.engine.durable.spends[:]
        self.ladder = ladder
        self.world.send(ev.PolicyChanged(plan(ladder, self.addresses)))
        assert self.world.engine.durable.spends[: len(before)] == before
        self._check_new_actions()

    @rule(name=names, address=st.sampled_from(ADDRESSES))
    def is_given_an_address(self, name: str, address: str) -> None:
        """By a person who starts it with that. At another one it was never seen up, whatever was seen before."""
        self.addresses[name] = address
        self.world.send(ev.PolicyChanged(plan(self.ladder, self.addresses)))
        self._check_new_actions()
        self.starts_again(name)

    @rule()
    def daemon_is_killed(self) -> None:
        before = self.world.engine.durable
        self.at_work.clear()  # a look that fails does not say it again
        self.world.kill_daemon()
        after = self.world.engine.durable
        assert before.spends == after.spends
        assert before.pauses == after.pauses
        assert {i.incident for i in before.open()} >= {i.incident for i in after.open()}
        assert before.open_declared() == after.open_declared()
        self.last_reasons = {name: [] for name in NAMES}
        self.is_deaf = False
        self._check_new_actions()

    @rule(lost=st.integers(1, 30), seconds=st.sampled_from([3.0, 300.0]))
    def journal_is_damaged(self, lost: int, seconds: float) -> None:
        """Its tail is lost at a kill: whatever was forgotten, nothing is done, until a person has restored it."""
        world = self.world
        whole, world.records = world.records, world.records[:-lost]
        world.kill_daemon(damage="the journal is damaged: its tail is missing")
        before = len(world.started)
        for name in NAMES:
            world.see(name, RunState.EXITED, exit_code=1)
        for name in NAMES:
            world.look(name, failed(Reason.WRONG_STATUS, "test"), times=4)
        world.wait(seconds)
        assert len(world.started) == before
        world.records = whole
        world.kill_daemon()
        self.last_reasons = {name: [] for name in NAMES}
        self.is_deaf = False
        self._check_new_actions()

    def _is_ours(self, name: str) -> bool:
        """An action of ours is under way, or may be: what it does is not a person's."""
        world, target = self.world, Target(CONTAINER, CONTAINERS[name])
        durable, status = world.engine.durable, world.engine.trackers[name].container
        return durable.is_acting_on(target) or durable.unclear_until(target, status, world.monotonic) is not None

    def _see(self, name: str, state: RunState, *, said: str | None = "", **more: Any) -> None:
        """An inspect, with what Docker told of its log if it has ended; of what it cannot see nothing was read."""
        if said is not None and state not in (RunState.UNREACHABLE, RunState.MISSING):
            self.unread.discard(CONTAINERS[name])
        if state is RunState.MISSING:
            self._is_another(name)  # it is gone: what comes by its name is another one
        self.world.see(name, state, said=said, **more)

    def _signals(self, name: str) -> list[ContainerEvent]:
        """What Docker remembers of what may have ended it."""
        sent = {15: self.being_stopped, 3: self.quit}
        return [self.world.event(name, "kill", number) for number, since in sent.items() if CONTAINERS[name] in since]

    def _is_another(self, name: str) -> None:
        """Run or container: what was done to the one before is over."""
        self.being_stopped.pop(CONTAINERS[name], None)
        self.quit.pop(CONTAINERS[name], None)
        self.frozen.pop(CONTAINERS[name], None)

    def _look(self, name: str, reason: Reason | None, *, work: str = "") -> None:
        self.last_reasons[name] = [*self.last_reasons[name][-2:], reason]
        if not work and reason in (None, Reason.REFUSED):
            self.at_work.pop(name, None)
        if reason is None:
            was_down = self.world.health(name) is Health.DOWN
            self.world.look(name, replace(ok(), work=work))
            self.quit.pop(CONTAINERS[name], None)
            if was_down and self.world.health(name) is Health.UP:
                self._is_another(name)  # it answers again
            elif self.world.monotonic - self.frozen.get(CONTAINERS[name], 0.0) >= THAWED_AFTER.total_seconds():
                self.frozen.pop(CONTAINERS[name], None)
        else:
            self.world.look(name, replace(failed(reason, "test"), work=work))
        self._check_new_actions()

    # -- what must hold for every action

    def _check_new_actions(self) -> None:
        """Judges each action at the moment that it was ordered."""
        world = self.world
        for began, request in world.started[self.checked :]:
            name = request.dependency
            minute = (world.utc - timedelta(seconds=world.monotonic - began)).minute
            assert request.target.name != CONTAINERS["cache"] or minute not in WORKED_ON_AT
            tracker = world.engine.trackers[name]
            dockers = tracker.exited or tracker.state.reason in DOCKERS
            assert dockers or self.seen_up[name] == self.addresses[name]
            assert tracker.state.health is Health.DOWN
            assert tracker.state.category is Category.FAULT
            assert not world.engine.durable.hold_on(request.dependency, request.target.name, world.monotonic)
            assert request.target.name not in self.left_alone | self.unread | self.frozen.keys()
            for told in (self.being_stopped, self.quit):
                since = told.get(request.target.name)
                assert since is None or world.monotonic - since >= (A_STOP_TAKES - OUTLIVED_AFTER).total_seconds()
            given_up, run = self.timed_out.get(request.target.name, (None, None))
            began_since = run != world.starts.get(request.target.name)
            assert given_up is None or began_since or world.monotonic - given_up >= PENDING_FOR
            assert tracker.exited or not self.is_deaf
            run = world.starts.get(request.target.name)
            working = [each for each in NAMES if CONTAINERS[each] == request.target.name and each in self.at_work]
            working = [each for each in working if self.at_work[each] == run]
            assert tracker.exited or not working or name in self.waived
            if not tracker.exited:
                assert tracker.container is None or not tracker.container.off_network
                seen = [reason for reason in self.last_reasons[request.dependency] if reason is not None]
                assert any(reason.category is Category.FAULT for reason in seen)
                for upstream in tracker.spec.needs:
                    assert world.engine.trackers[upstream].state.health in (Health.UP, Health.DEGRADED)
                self._check_what_is_left(name, request)
            beside = [other for other in NAMES if CONTAINERS[other] == request.target.name]
            assert not any(world.engine.trackers[other].careful for other in beside)
            for scope in (*beside, "*"):
                assert world.monotonic >= self.paused_until.get(scope, 0.0)
            intents = [record for record in world.of(r.ActionIntended) if isinstance(record, r.ActionIntended)]
            assert request.action_id in {intent.action_id for intent in intents}
        self.checked = len(world.started)
        self.seen_up |= {name: self.addresses[name] for name in NAMES if world.health(name) is Health.UP}

    def _check_what_is_left(self, name: str, request: ActionRequest) -> None:
        """Of the two stores never both at once, and never the last one that served."""
        stores = {CONTAINERS[store]: store for store in ("postgres", "redis")}
        own = stores.pop(CONTAINERS[name], None)
        if own is None:
            return
        ((container, other),) = stores.items()
        engine = self.world.engine
        assert container not in {each.target.name for each in self.world.pending if each is not request}
        serves, exited = engine.trackers[other].serves, engine.trackers[other].exited
        served = engine.durable.seen.served
        assert serves or (not exited and (served.at(other), other) > (served.at(own), own))

    def _ordered(self) -> list[tuple[float, ActionRequest]]:
        """All that was, or may have been."""
        return [(at, request) for at, request in self.world.started if request.action_id not in self.refused]

    @invariant()
    def what_is_refused_costs_nothing_and_all_else_costs(self) -> None:
        spent = [spend.action_id for spend in self.world.engine.durable.spends]
        assert spent == [request.action_id for _, request in self._ordered()]

    @invariant()
    def no_budget_is_exceeded_in_any_window(self) -> None:
        times = [at for at, _ in self._ordered()]
        assert _most_in_a_window(times, TOTAL_BUDGET.window) <= TOTAL_BUDGET.count
        for name in NAMES:
            own = [at for at, request in self._ordered() if request.target.name == CONTAINERS[name]]
            assert _most_in_a_window(own, REMEDY_BUDGET.window) <= REMEDY_BUDGET.count

    @invariant()
    def what_others_spent_ends_no_ladder(self) -> None:
        ends = [record.why for record in self.world.of(r.Escalated) if isinstance(record, r.Escalated)]
        assert not [why for why in ends if "all actions" in why]

    @invariant()
    def never_two_actions_on_one_target(self) -> None:
        under_way = [request.target for request in self.world.pending]
        assert len(under_way) == len(set(under_way)) <= 2
        acting = {
            id(ladder): ladder.target
            for incident in self.world.engine.durable.open()
            for ladder in incident.ladders.values()
            if ladder.phase is Phase.ACTING
        }
        assert len(acting) == len(set(acting.values())) <= 2

    @invariant()
    def what_is_done_to_a_target_is_judged_before_more_is_done(self) -> None:
        """Each action has its own end, and then a verdict or nothing to verify, before the next on that target."""
        undecided: dict[str, str] = {}
        for _, record in self.world.records:
            match record:
                case r.ActionIntended():
                    assert record.target not in undecided
                    undecided[record.target] = record.action_id
                case r.ActionEnded(to_verify=False):
                    undecided = {target: each for target, each in undecided.items() if each != record.action_id}
                case r.AttemptFailed() | r.MemberRecovered(over=True):
                    undecided.pop(CONTAINERS[record.dependency], None)

    @invariant()
    def no_action_is_ordered_twice(self) -> None:
        orders = [request.action_id for _, request in self.world.started]
        assert len(orders) == len(set(orders))

    @invariant()
    def no_reload_grants_an_attempt_anew(self) -> None:
        """No policy here has more than so many attempts of one action, whatever its steps are called."""
        done: Counter[tuple[str, str]] = Counter()
        for _, record in self.world.records:
            match record:
                case (
                    r.MemberRecovered(dependency=name, over=True)
                    | r.LadderRearmed(dependency=name, anew=True)
                    | r.IncidentOpened(root=name)
                ):
                    done = Counter({key: count for key, count in done.items() if key[0] != CONTAINERS[name]})
                case r.ActionIntended() if record.action_id not in self.refused:
                    done[record.target, record.action] += 1
                    most = GENTLER.attempts if record.action == GENTLER.action else STEP.attempts
                    assert done[record.target, record.action] <= most

    @invariant()
    def an_escalation_ends_a_ladder(self) -> None:
        """Until it has served again, a person says so, or the policy grants more."""
        ended: set[str] = set()
        for _, record in self.world.records:
            match record:
                case r.Escalated():
                    ended.add(CONTAINERS[record.dependency])
                case r.MemberRecovered(over=True) | r.LadderRearmed():
                    ended.discard(CONTAINERS[record.dependency])
                case r.ActionIntended():
                    assert record.target not in ended

    @invariant()
    def who_was_confirmed_to_serve_is_told_of_when_it_is_down(self) -> None:
        """Nothing is done about a member that had served before people were told that it is down."""
        serving: set[str] = set()
        for _, record in self.world.records:
            match record:
                case r.MemberRecovered():
                    serving.add(record.dependency)
                case r.MemberDown() | r.IncidentReopened() | r.MemberJoined():
                    serving.discard(record.dependency)
                case r.IncidentOpened():
                    serving.discard(record.root)
                case r.ActionIntended() | r.Escalated() | r.Proposed():
                    assert record.dependency not in serving

    @invariant()
    def severity_never_falls(self) -> None:
        severities: dict[str, str] = {}
        for _, record in self.world.records:
            if isinstance(record, r.IncidentOpened):
                severities[record.incident] = record.severity
            elif isinstance(record, r.SeverityRaised):
                assert record.rule
                assert record.severity <= record.previous == severities[record.incident]
                severities[record.incident] = record.severity

    @invariant()
    def each_time_that_it_is_busy_for_too_long_is_told_once(self) -> None:
        told: set[str] = set()
        for _, record in self.world.records:
            if isinstance(record, r.BusyTooLong):
                assert record.dependency not in told
                told.add(record.dependency)
            elif isinstance(record, r.HealthChanged) and record.category not in (Category.BUSY, Category.BLIND):
                told.discard(record.dependency)

    @invariant()
    def what_flaps_is_acted_on_once_in_a_window(self) -> None:
        """Unless a person says so; and it begins and ends in turn."""
        flapping: set[str] = set()
        last: dict[str, float] = {}
        for at, record in self.world.records:
            match record:
                case r.FlappingBegan():
                    assert record.dependency not in flapping
                    flapping.add(record.dependency)
                case r.FlappingEnded():
                    flapping.remove(record.dependency)
                case r.LadderRearmed(anew=True):
                    last.pop(CONTAINERS[record.dependency], None)
                case r.ActionIntended():
                    before = last.get(record.target, -math.inf)
                    assert record.dependency not in flapping or at.monotonic - before >= Flapping().window
                    if record.action_id not in self.refused:
                        last[record.target] = at.monotonic

    @invariant()
    def in_a_storm_nothing_that_runs_is_restarted_but_by_a_person(self) -> None:
        requests = {request.action_id: request for _, request in self.world.started}
        in_storm, retried = False, set[str]()
        for _, record in self.world.records:
            match record:
                case r.StormBegan() | r.StormEnded():
                    in_storm, retried = isinstance(record, r.StormBegan), set()
                case r.LadderRearmed(dependency=name, anew=True):
                    retried.add(name)
                case r.ActionIntended(dependency=name, action_id=action) if in_storm and name not in retried:
                    judged = requests[action].expected_run
                    assert judged is not None
                    assert judged.state in NOT_RUNNING

    @invariant()
    def a_dependency_is_in_one_open_incident_at_most(self) -> None:
        members = [name for incident in self.world.engine.durable.open() for name in incident.members]
        assert len(members) == len(set(members))


def _most_in_a_window(times: list[float], window: float) -> int:
    return max((sum(1 for at in times if start <= at < start + window) for start in times), default=0)


TestSafety = pytest.mark.timeout(600)(Safety.TestCase)  # bounded by examples: a busy machine only takes longer
TestSafety.settings = settings(max_examples=300, stateful_step_count=60)
