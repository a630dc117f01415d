"""One event in, effects out. Pure: no clock, no await, no randomness; so a decision is atomic and can be replayed.

A step updates the trackers (what is seen), lets incidents open, join and resolve (what it means), then walks the
remedy ladder of every member through the gates (what to do). Durable state changes only by records.
"""

from __future__ import annotations

from functools import singledispatchmethod

from nemo_watchdog import records as r
from nemo_watchdog.engine import (
    attribution,
    by_hand,
    declared,
    outcomes,
    pausing,
    quieting,
    rearming,
    settling,
    storm,
    swapping,
    unfinished,
)
from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine.gates.order import decide, explain
from nemo_watchdog.engine.gates.situation import Situation
from nemo_watchdog.engine.health import Tracker
from nemo_watchdog.engine.pacing import keep_pace_with_the_policy
from nemo_watchdog.engine.paging import review, review_all, review_at_start
from nemo_watchdog.engine.reconcile import reconcile_all, reconcile_from
from nemo_watchdog.engine.remediation import advance, end_what_was_under_way
from nemo_watchdog.engine.state import Durable
from nemo_watchdog.engine.telling import tell
from nemo_watchdog.engine.turn import Turn
from nemo_watchdog.engine.volatile import Volatile
from nemo_watchdog.errors import EngineBug
from nemo_watchdog.model import CONTAINER, Decision, Health, Moment, Target
from nemo_watchdog.policy.policy import Policy

NOTHING = ev.Effects()


class Engine:
    """The judgement. Give it every event in order; do what it answers in order."""

    def __init__(self, policy: Policy, durable: Durable | None = None) -> None:
        self.durable = durable or Durable()
        trackers = {spec.name: Tracker(spec, self.durable.seen) for spec in policy.dependencies.values()}
        self.volatile = Volatile(policy, trackers)

    @property
    def policy(self) -> Policy:
        return self.volatile.policy

    @property
    def trackers(self) -> dict[str, Tracker]:
        return self.volatile.trackers

    @property
    def journal_trouble(self) -> str:
        return self.volatile.journal_trouble

    @property
    def bug(self) -> str:
        return self.volatile.bug

    def step(self, event: ev.Event, now: Moment) -> ev.Effects:
        """Takes one event; the answer is to be carried out before the next event is given."""
        if isinstance(event, ev.Observed) and self._uneventful(event):
            return NOTHING
        turn = Turn(self.volatile, self.durable, now, tell)
        self.durable.end_holds(now.monotonic)
        try:
            self._take(event, turn)
            if self.durable.settlings or self.volatile.proves_after:
                unfinished.watch(turn, event)
            review(turn)
        except EngineBug as error:
            self.volatile.bug = turn.effects.bug = str(error)
        return turn.effects

    def _uneventful(self, event: ev.Observed) -> bool:
        """The common case: one more good look at something that is up and that nobody waits for."""
        volatile = self.volatile
        tracker = volatile.trackers.get(event.dependency)
        if tracker is None:
            return True
        tracker.observe(event.observation, event.signs)
        return tracker.state.health is Health.UP and tracker.stable and not volatile.concerns(event.dependency)

    @singledispatchmethod
    def _take(self, event: ev.Event, turn: Turn) -> None:
        raise TypeError(f"not an event: {event!r}")

    @_take.register
    def _(self, event: ev.Started, turn: Turn) -> None:
        """What was under way when the last process ended has an unknown result: spent, and to be looked at first."""
        self.durable.forget_old(turn.now.monotonic, self.policy.telling.settle)
        end_what_was_under_way(turn)
        settling.end_what_was_under_way(turn)
        turn.settle_what_was_up()
        keep_pace_with_the_policy(turn)
        reconcile_all(turn)
        review_at_start(turn)

    @_take.register
    def _(self, event: ev.Observed, turn: Turn) -> None:
        name, tracker = event.dependency, self.trackers[event.dependency]
        before = tracker.state.health
        changed = turn.evaluate(name)
        attribution.answers(turn, name, again=before is Health.DOWN and tracker.state.health is Health.UP)
        if changed or name in self.volatile.awaited or tracker.suspect:
            reconcile_from(turn, name)
        elif incident := self.durable.incident_of(name):
            advance(turn, incident, name)

    @_take.register
    def _(self, event: ev.ContainerActed, turn: Turn) -> None:
        attribution.hear(turn, event.event)

    @_take.register
    def _(self, event: ev.ContainerSeen, turn: Turn) -> None:
        attribution.attribute(turn, event)
        watching = self.volatile.watching(event.container)
        for name in watching:
            self.trackers[name].see_container(event.status, turn.now)
            turn.evaluate(name)
            turn.look_soon(name)
        for name in watching:
            reconcile_from(turn, name)

    @_take.register
    def _(self, event: ev.ActionFinished, turn: Turn) -> None:
        if outcomes.hear(turn, event):
            reconcile_all(turn)

    @_take.register
    def _(self, event: ev.Pausing, turn: Turn) -> None:
        pausing.hear(turn, event)
        reconcile_all(turn)

    @_take.register
    def _(self, event: ev.OncallChange, turn: Turn) -> None:
        swapping.hear(turn, event)

    @_take.register
    def _(self, event: ev.QuietAsked, turn: Turn) -> None:
        quieting.hear(turn, event)
        reconcile_all(turn)

    @_take.register
    def _(self, event: ev.ByHand, turn: Turn) -> None:
        by_hand.hear(turn, event)
        reconcile_all(turn)

    @_take.register
    def _(self, event: ev.Said, turn: Turn) -> None:
        declared.hear(turn, event)

    @_take.register
    def _(self, event: ev.HeartbeatCame, turn: Turn) -> None:
        if event.dependency in self.trackers:
            turn.record(r.HeartbeatHeard(event.dependency, event.well, event.said))
            turn.look_soon(event.dependency)

    @_take.register
    def _(self, event: ev.PolicyChanged, turn: Turn) -> None:
        """What was spent stays spent."""
        before = self.policy
        self.volatile.reload(event.policy, self.durable.seen)
        keep_pace_with_the_policy(turn)
        rearming.rearm_where_more_is_granted(turn, before)
        reconcile_all(turn)
        review_all(turn)

    @_take.register
    def _(self, event: ev.Stopping, turn: Turn) -> None:
        self.volatile.is_stopping = True

    @_take.register
    def _(self, event: ev.JournalChanged, turn: Turn) -> None:
        self.volatile.journal_trouble, self.volatile.journal_damaged = event.trouble, event.damaged
        if event.damaged:
            turn.record(r.JournalDistrusted(event.trouble))
        reconcile_all(turn)

    @_take.register
    def _(self, event: ev.JournalAccepted, turn: Turn) -> None:
        self.volatile.journal_damaged = False
        turn.record(r.JournalAccepted(event.reason, event.by, event.damage))

    @_take.register
    def _(self, event: ev.Witnessed, turn: Turn) -> None:
        if storm.hear_witness(turn, event.dependency, event.detail):
            reconcile_from(turn, event.dependency)

    @_take.register
    def _(self, event: ev.Tick, turn: Turn) -> None:
        self.durable.forget_old(turn.now.monotonic, self.policy.telling.settle)
        attribution.look_whether_it_was_outlived(turn)
        for container in list(self.volatile.unattributed):
            attribution.attribute_what_waited(turn, Target(CONTAINER, container))
        for name in self.trackers:
            if not self.trackers[name].stable:
                turn.evaluate(name)
        reconcile_all(turn)

    def decision(self, name: str, now: Moment) -> Decision | None:
        """What would be decided now about a member of an open incident; None when it is in none."""
        if name not in self.trackers or self.durable.incident_of(name) is None:
            return None
        return decide(self._situation(name, now))

    def explanation(self, name: str, now: Moment) -> tuple[Decision, ...]:
        """What every gate says about it now, in their order, in an open incident or not; raises `KeyError`."""
        return explain(self._situation(name, now))

    def _situation(self, name: str, now: Moment) -> Situation:
        return Situation(self.volatile, self.durable, self.durable.incident_of(name), name, now.monotonic)
