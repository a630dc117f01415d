"""One step's hands: all that a handler may read and change. Durable state changes by `record` alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from nemo_watchdog import records as r
from nemo_watchdog.engine.attempts import Ladder
from nemo_watchdog.engine.events import Effects
from nemo_watchdog.engine.learned_grace import LONGEST
from nemo_watchdog.engine.replay import apply
from nemo_watchdog.engine.state import Durable, Incident
from nemo_watchdog.engine.topology import upstreams
from nemo_watchdog.engine.touches import Hold, taken_off
from nemo_watchdog.engine.volatile import Volatile
from nemo_watchdog.model import ActionRequest, Health, Moment, Target


@dataclass(slots=True)
class Turn:
    volatile: Volatile
    durable: Durable
    now: Moment
    tell: Callable[[r.Record, Turn], None]
    """What follows a record for people."""
    effects: Effects = field(default_factory=Effects)
    let_go: frozenset[str] = frozenset()
    """Incidents that Alertmanager silenced until this step."""

    def __post_init__(self) -> None:
        self.volatile.at = self.now

    def record(self, record: r.Record) -> None:
        """Makes a fact true, keeps it for the journal, and tells whom it concerns. Raises `EngineBug`."""
        apply(record, self.durable, self.now)
        self.effects.records.append(record)
        self.tell(record, self)

    def release(self, name: str, target: Target) -> None:
        """Nothing that people did holds it any more."""
        self.record(r.HoldReleased(name, target_kind=target.kind, target=target.name))

    def order(self, request: ActionRequest) -> None:
        """How long what it is done to takes to start by itself, nobody can see any more."""
        done_to = (request.dependency, *(each.dependency for each in request.along))
        beside = (other for each in done_to for other in self.volatile.beside.get(each, ()))
        for each in (*done_to, *beside):
            if each in self.volatile.trackers:
                self.volatile.trackers[each].starting.forget()
        self.effects.actions.append(request)

    def wake(self, at: float | None) -> None:
        """At monotonic seconds; None asks for nothing."""
        self.effects.wake(at)

    def look_soon(self, name: str) -> None:
        self.effects.probe_soon.add(name)

    def await_looks(self, names: Iterable[str], since: float | None) -> None:
        """Looks at these decide what to do next: at once, where none has begun since then (monotonic seconds).

        Who was looked at has a pace of its own. Two that are looked at for one another would be without a pause.
        """
        awaited = set(names)
        self.volatile.awaited |= awaited
        last = {name: self.volatile.trackers[name].last for name in awaited}
        self.effects.probe_soon |= {
            name for name, look in last.items() if look is None or (since is not None and look.began < since)
        }

    def held(self, name: str) -> Hold | None:
        """For what it is left alone."""
        return self.durable.hold_on(name, self.volatile.trackers[name].spec.container, self.now.monotonic)

    def evaluate(self, name: str) -> bool:
        """Lets the thresholds conclude what was seen of it; whether that changes what conditions ask about it."""
        measured = self.volatile.weigh_measurements(name)
        change = self.volatile.trackers[name].evaluate(self.now)
        self.weigh_together(name)
        if change is None:
            return measured
        before, after = change
        if Health.DOWN in (before.health, after.health):
            self.volatile.weigh_platform()
        if (before.health, before.category) != (after.health, after.category):
            incident: Incident | None = self.durable.incident_of(name)
            self.record(
                r.HealthChanged(
                    dependency=name,
                    health=after.health,
                    category=after.category,
                    reason=after.reason,
                    detail=after.detail,
                    incident=incident.incident if incident else "",
                    not_served_for=self.volatile.trackers[name].not_served_for(self.now),
                )
            )
        if after.health is Health.UP:
            self.remember_up(name)
            self._remember_start(name)
        return True

    def weigh_together(self, name: str) -> None:
        """Does it fail, as far as it is nobody's who works on it?"""
        pause, container = self.durable.pauses.get(name), self.volatile.trackers[name].container
        paused = pause is not None and pause.holds(self.now.monotonic)
        in_hand = paused or self.held(name) is not None or bool(taken_off(container))
        trouble = self.durable.seen.troubles.get(name)
        known = trouble.since if trouble is not None and not trouble.serves else None
        self.volatile.together.notice(name, in_hand=in_hand, known=known)

    def settle_what_was_up(self) -> None:
        """What an older version saw up counts for the address that it has now, and for no later one."""
        for name, digest in list(self.durable.seen.up.items()):
            if not digest and name in self.volatile.trackers:
                self.remember_up(name)

    def remember_up(self, name: str) -> None:
        """Once for each address and expectation, so that a later start knows that it was good once."""
        digest = self.volatile.trackers[name].spec.digest
        if self.durable.seen.up.get(name) != digest:
            self.record(r.SeenUp(name, digest))

    def _remember_start(self, name: str) -> None:
        """How long it took, unless it waited for something that it needs, or broke and was mended."""
        tracker = self.volatile.trackers[name]
        took, tracker.starting.took = tracker.starting.took, None
        if took is None or took > LONGEST or tracker.answering_since is None:
            return
        began = tracker.answering_since - took
        above = [self.volatile.trackers[each] for each in upstreams(self.volatile.policy, name)]
        if all(each.serves and (each.recovered_at is None or each.recovered_at <= began) for each in above):
            self.record(self.durable.seen.starts.lesson(name, tracker.image, took))

    def remember_use(self, ladder: Ladder, took: float | None) -> None:
        """What the last action of that ladder has come to: it helped after so many seconds, or not at all (None)."""
        if ladder.use is not None and ladder.use.reason:
            self.record(self.durable.memory.lesson(ladder.use, took))
