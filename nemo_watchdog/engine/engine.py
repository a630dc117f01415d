"""One event in, effects out. Pure: no clock, no await, no randomness; so a decision is atomic and can be replayed.

`Engine.step` updates the trackers (what is seen), lets `incidents` open, join and resolve (what it means), then
walks the remedy ladder of every member through the gates (what to do). Durable state changes only by records.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import singledispatchmethod

from nemo_watchdog import records as r
from nemo_watchdog.engine import endings, gates, incidents
from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine.backoff import delay_after
from nemo_watchdog.engine.classify import outlook
from nemo_watchdog.engine.events import Effects, Event
from nemo_watchdog.engine.health import Tracker
from nemo_watchdog.engine.messages import Messenger
from nemo_watchdog.engine.state import Durable, Incident, Phase, apply
from nemo_watchdog.model import (
    ActionOutcome,
    ActionRequest,
    ActionResult,
    Category,
    ContainerEvent,
    ContainerStatus,
    Decision,
    Gate,
    Health,
    Moment,
    Notification,
    RunState,
    Severity,
    Verdict,
)
from nemo_watchdog.policy.policy import ActionStep, Backoff, Dependency, EscalateStep, Policy

NOTHING = Effects()

NOTHING_TO_VERIFY = frozenset({ActionOutcome.FAILED, ActionOutcome.REFUSED})


class Engine:
    """The judgement. Give it every event in order; do what it answers in order."""

    def __init__(self, policy: Policy, durable: Durable | None = None) -> None:
        self.durable = durable or Durable()
        self._adopt(policy, {name: Tracker(spec) for name, spec in policy.dependencies.items()})
        self.journal_trouble = ""
        self._awaited: set[str] = set()
        self._unjudged: dict[str, ev.ContainerSeen] = {}
        """Ends of runs that came while we acted: whose doing they were can be said when the action has ended."""
        self._effects = Effects()

    def _adopt(self, policy: Policy, trackers: dict[str, Tracker]) -> None:
        self.policy, self.trackers = policy, trackers
        self._upstream_first = incidents.upstream_first(policy)
        self._dependents = incidents.dependents(policy)
        self._outlook = outlook(policy, trackers)
        self._outlook_changed = False

    # -- the step --------------------------------------------------------------------------------------------

    def step(self, event: Event, now: Moment) -> Effects:
        """Takes one event; the answer is to be carried out before the next event is given."""
        if isinstance(event, ev.Observed) and self._uneventful(event):
            return NOTHING
        self._effects = Effects()
        self._take(event, now)
        return self._effects

    def _uneventful(self, event: ev.Observed) -> bool:
        """The common case: one more good look at something that is up and that nobody waits for."""
        tracker = self.trackers.get(event.dependency)
        if tracker is None:
            return True
        tracker.observe(event.observation)
        return tracker.state.health is Health.UP and tracker.settled and event.dependency not in self._awaited

    @singledispatchmethod
    def _take(self, event: Event, now: Moment) -> None:
        raise TypeError(f"not an event: {event!r}")

    @_take.register
    def _(self, event: ev.Started, now: Moment) -> None:
        """What was under way when the last process ended has an unknown result: spent, and to be looked at first."""
        for incident in self.durable.open():
            for name, ladder in incident.ladders.items():
                if ladder.phase is Phase.ACTING:
                    self._end_action(
                        incident,
                        name,
                        ActionResult(ActionOutcome.UNKNOWN, "the watchdog stopped before it knew the result"),
                        now,
                    )
        self._settle(now)

    @_take.register
    def _(self, event: ev.Observed, now: Moment) -> None:
        changed = self._conclude(event.dependency, now)
        if changed or event.dependency in self._awaited or self.trackers[event.dependency].suspect:
            self._settle_around(event.dependency, now)
        elif incident := self.durable.incident_of(event.dependency):
            self._advance(incident, event.dependency, now)

    @_take.register
    def _(self, event: ev.ContainerActed, now: Moment) -> None:
        for name in self._watching(event.event.container):
            if not self.durable.is_acting_on(event.event.container):
                self.trackers[name].hear(event.event, now)

    @_take.register
    def _(self, event: ev.ContainerSeen, now: Moment) -> None:
        for name in self._watching(event.container):
            self._attribute(name, event, now)
            self.trackers[name].see_container(event.status, now)
            self._conclude(name, now)
            self._effects.probe_soon.add(name)
        for name in self._watching(event.container):
            self._settle_around(name, now)

    @_take.register
    def _(self, event: ev.ActionFinished, now: Moment) -> None:
        incident = self.durable.incidents.get(event.request.incident)
        name = event.request.dependency
        if incident is None or incident.ladder(name).action_id != event.request.action_id:
            return
        self._end_action(incident, name, event.result, now)
        for each in self._watching(event.request.target.name):
            if end := self._unjudged.pop(each, None):
                self._hold_if_touched(each, end.status, end.past, now)
        ladder = incident.ladder(name)
        plan = "looking again" if ladder.phase is Phase.VERIFYING else f"backing off {ladder.backoff:.0f}s"
        self._notify(Messenger(self.policy, incident, now).action_finished(event.request, event.result, plan))
        if name in self.trackers:
            self.trackers[name].forget_looks()
            self._effects.probe_soon.add(name)
        self._settle(now)

    @_take.register
    def _(self, event: ev.PauseAsked, now: Moment) -> None:
        self._record(r.Paused(event.scope, event.reason, event.by, event.duration), now)
        self._settle(now)

    @_take.register
    def _(self, event: ev.ResumeAsked, now: Moment) -> None:
        if event.scope in self.durable.pauses:
            self._record(r.Resumed(event.scope, event.by), now)
        self._settle(now)

    @_take.register
    def _(self, event: ev.HeartbeatCame, now: Moment) -> None:
        if event.dependency in self.trackers:
            self._record(r.HeartbeatHeard(event.dependency, event.well, event.said), now)
            self._effects.probe_soon.add(event.dependency)

    @_take.register
    def _(self, event: ev.PolicyChanged, now: Moment) -> None:
        """Trackers of what stays keep what they saw; incidents, budgets and backoff are not touched at all."""
        kept = {}
        for name, spec in event.policy.dependencies.items():
            tracker = self.trackers.get(name)
            if tracker is None or _other_target(tracker.spec, spec):
                tracker = Tracker(spec)
            else:
                tracker.respec(spec)
            kept[name] = tracker
        self._adopt(event.policy, kept)
        self._settle(now)

    @_take.register
    def _(self, event: ev.JournalChanged, now: Moment) -> None:
        self.journal_trouble = event.trouble
        self._settle(now)

    @_take.register
    def _(self, event: ev.Tick, now: Moment) -> None:
        self.durable.forget_old(now.monotonic, incidents.RECURRENCE)
        for name in self.trackers:
            if not self.trackers[name].settled:
                self._conclude(name, now)
        self._settle(now)

    # -- what is asked -----------------------------------------------------------------------------------------

    def decision(self, name: str, now: Moment) -> Decision | None:
        """What would be decided now about a member of an open incident; None when it is in none."""
        incident = self.durable.incident_of(name)
        return (
            None
            if incident is None or name not in self.trackers
            else gates.decide(self._situation(incident, name, now))
        )

    def next_look(self, name: str) -> float:
        """Seconds from one look to the next: the interval, or the confirm interval while a change is in the air."""
        tracker = self.trackers[name]
        return tracker.spec.interval if tracker.settled else tracker.spec.confirm_interval

    # -- containers ----------------------------------------------------------------------------------------------

    def _watching(self, container: str) -> list[str]:
        return [name for name, tracker in self.trackers.items() if tracker.spec.container == container]

    def _attribute(self, name: str, event: ev.ContainerSeen, now: Moment) -> None:
        """Did a person do this? Then it is not ours to undo."""
        status, before = event.status, self.trackers[name].container
        if status.state is RunState.RUNNING:
            self._unjudged.pop(name, None)
            if name in self.durable.touched:
                self._record(r.Released(name), now)
        elif self.durable.is_acting_on(event.container):
            self._unjudged[name] = event
        elif before is None or (before.state, before.run) != (status.state, status.run):
            self._hold_if_touched(name, status, event.past, now)

    def _hold_if_touched(
        self, name: str, status: ContainerStatus, past: tuple[ContainerEvent, ...], now: Moment
    ) -> None:
        if name not in self.durable.touched and (what := endings.touch(status, past, self.durable)):
            self._record(r.Touched(name, what), now)

    # -- records -------------------------------------------------------------------------------------------------

    def _record(self, record: r.Record, now: Moment) -> None:
        apply(record, self.durable, now)
        self._effects.records.append(record)

    def _notify(self, notification: Notification) -> None:
        if notification.contacts:
            self._effects.notifications.append(notification)

    def _conclude(self, name: str, now: Moment) -> bool:
        change = self.trackers[name].conclude(now)
        if change is None:
            return False
        before, after = change
        if Health.DOWN in (before.health, after.health):
            was, self._outlook = self._outlook, outlook(self.policy, self.trackers)
            self._outlook_changed = self._outlook_changed or was != self._outlook
        if (before.health, before.category) != (after.health, after.category):
            incident = self.durable.incident_of(name)
            self._record(
                r.HealthChanged(
                    dependency=name,
                    health=after.health,
                    category=after.category,
                    reason=after.reason,
                    detail=after.detail,
                    incident=incident.incident if incident else "",
                ),
                now,
            )
        return True

    # -- incidents -----------------------------------------------------------------------------------------------

    def _settle(self, now: Moment) -> None:
        """Brings incidents in line with what is seen, then walks every ladder."""
        self._awaited = set()
        self._outlook_changed = False
        for name in self._upstream_first:
            self._place(name, now)
        for incident in self.durable.open():
            self._pursue(incident, list(incident.members), now)

    def _settle_around(self, name: str, now: Moment) -> None:
        """The same for what a look at `name` can change, so that a look costs the same however many others fail.

        That is itself and all that needs it, for they join, wait for and are held by what is above them. The one
        thing that all share is what the policy says about tags: when that changes, everything is settled.
        """
        if self._outlook_changed:
            self._settle(now)
            return
        self._awaited.discard(name)  # whoever still waits for it is among those that need it
        names = (name, *self._dependents[name])
        for each in names:
            self._place(each, now)
        homes = ((each, self.durable.incident_of(each)) for each in names)
        touched: dict[str, list[str]] = {}
        for each, home in homes:
            if home is not None:
                touched.setdefault(home.incident, []).append(each)
        for identity, members in touched.items():
            self._pursue(self.durable.incidents[identity], members, now)

    def _pursue(self, incident: Incident, members: list[str], now: Moment) -> None:
        """Severity, end and ladders of an incident, as far as these members are concerned; the root goes first."""
        self._weigh(incident, members, now)
        if not self._resolve(incident, now):
            for name in sorted(members, key=lambda member: member != incident.root):
                self._advance(incident, name, now)

    def _await(self, names: Iterable[str]) -> None:
        """Looks at these decide what to do next."""
        awaited = set(names)
        self._awaited |= awaited
        self._effects.probe_soon |= awaited

    def _place(self, name: str, now: Moment) -> None:
        """Puts a troubled dependency into the incident it belongs to, opening one if need be."""
        tracker = self.trackers[name]
        touched = name in self.durable.touched
        if not incidents.troubled(tracker, touched=touched) or self.durable.incident_of(name) is not None:
            return
        dependents = self._dependents[name]
        placement = incidents.place(self.policy, self.durable, self.trackers, name, dependents, now.monotonic)
        self._await(placement.wait_for)
        self._effects.wake(placement.until)
        if placement.deferred:
            return
        state = tracker.state
        reason = state.reason and str(state.reason)
        if placement.join is not None:
            self._record(r.MemberJoined(placement.join.incident, name, reason, state.detail), now)
            return
        if placement.take_over:
            first, *others = placement.take_over
            self._record(r.MemberJoined(first.incident, name, reason, state.detail), now)
            self._record(r.RootChanged(first.incident, name, first.root), now)
            for other in others:
                self._record(r.IncidentMerged(other.incident, first.incident), now)
            self._weigh(first, list(first.members), now)
            return
        incident = self._open_or_reopen(name, placement.recurrence, now)
        plan = gates.decide(self._situation(incident, name, now))
        self._notify(Messenger(self.policy, incident, now).opened(name, state, _plan(plan)))

    def _open_or_reopen(self, name: str, recurrence: Incident | None, now: Moment) -> Incident:
        state = self.trackers[name].state
        reason = state.reason and str(state.reason)
        if recurrence is not None:
            self._record(r.IncidentReopened(recurrence.incident, name, reason, state.detail), now)
            return recurrence
        rule = incidents.gravest(self.policy, self.trackers, [name], self._outlook)
        identity = incidents.name_of(name, now, self.durable.incidents)
        category = state.category and str(state.category)
        self._record(
            r.IncidentOpened(identity, name, rule.severity, rule.name, state.health, category, reason, state.detail),
            now,
        )
        return self.durable.incidents[identity]

    def _weigh(self, incident: Incident, members: list[str], now: Moment) -> None:
        """Severity may rise, and never silently falls."""
        sick = [n for n in members if n in self.trackers and incidents.troubled(self.trackers[n])]
        if not sick:
            return
        rule = incidents.gravest(self.policy, self.trackers, sick, self._outlook)
        if rule.severity < incident.severity:
            previous = Severity(incident.severity)
            self._record(r.SeverityRaised(incident.incident, rule.severity, rule.name, previous), now)
            worst = sick[0]
            messenger = Messenger(self.policy, incident, now)
            self._notify(messenger.severity_raised(previous, worst, self.trackers[worst].state))

    def _resolve(self, incident: Incident, now: Moment) -> bool:
        watched = False
        for name in incident.members:
            if tracker := self.trackers.get(name):
                watched = True
                if tracker.state.health is not Health.UP:
                    return False
        if any(ladder.phase is Phase.ACTING for ladder in incident.ladders.values()):
            return False
        took = now.monotonic - (incident.ill_since or incident.opened).monotonic
        why = "every member is up" if watched else "the policy no longer watches its members"
        self._record(r.IncidentResolved(incident.incident, incident.root, round(took, 3), why), now)
        attempts = sum(ladder.total for ladder in incident.ladders.values())
        self._notify(Messenger(self.policy, incident, now).resolved(took, attempts))
        return True

    # -- ladders -------------------------------------------------------------------------------------------------

    def _situation(self, incident: Incident, name: str, now: Moment) -> gates.Situation:
        return gates.Situation(
            self.policy, self.durable, self.trackers, self._outlook, self.journal_trouble, incident, name, now.monotonic
        )

    def _advance(self, incident: Incident, name: str, now: Moment) -> None:
        tracker = self.trackers.get(name)
        if tracker is None or tracker.state.health is Health.UP:
            return
        self._judge_attempt(incident, name, now)
        situation = self._situation(incident, name, now)
        decision = gates.decide(situation)
        self._write_down(incident, name, decision, now)
        self._effects.wake(decision.until)
        if decision.gate is Gate.UPSTREAM:
            self._await(gates.upstreams(self.policy, name))
        if decision.verdict is Verdict.ACT:
            self._act(situation, now)
        elif decision.verdict is Verdict.ESCALATE:
            self._escalate(incident, name, decision, now)
        elif decision.verdict is Verdict.ASK:
            self._suggest(situation, now)

    def _judge_attempt(self, incident: Incident, name: str, now: Moment) -> None:
        """The symptom outlived the verification window, or the container died in it: that attempt failed."""
        ladder, tracker = incident.ladder(name), self.trackers[name]
        if ladder.phase is not Phase.VERIFYING or tracker.state.category is not Category.FAULT or not tracker.evident:
            return
        if tracker.state.health is not Health.DOWN or (now.monotonic < ladder.verify_until and not tracker.exited):
            return
        why = f"still {tracker.state.reason} after {ladder.action}"
        self._record(r.AttemptFailed(incident.incident, name, ladder.action_id, why), now)

    def _write_down(self, incident: Incident, name: str, decision: Decision, now: Moment) -> None:
        """Every change of mind is a record; the same answer again is not."""
        if incident.ladder(name).decision == (decision.verdict, decision.gate):
            return
        self._record(r.DecisionMade(incident.incident, name, decision.verdict, decision.gate, decision.value), now)
        if decision.gate is Gate.HUMAN_TOUCH:
            self._notify(Messenger(self.policy, incident, now).held(name, decision.value))

    def _act(self, situation: gates.Situation, now: Moment) -> None:
        incident, name, tracker = situation.incident, situation.name, situation.tracker
        step, spec = gates.next_step(situation), tracker.spec
        container = tracker.container
        if step is None or spec.remedy is None or spec.container is None or container is None:
            raise AssertionError(f"the gates let an action on {name} through that has no target")
        ladder = incident.ladder(name)
        steps = self.policy.remedies[spec.remedy].steps
        while steps[ladder.step] is not step:
            self._record(r.StepExhausted(incident.incident, name, ladder.step), now)
        attempt = ladder.attempts + 1
        request = ActionRequest(
            action_id=f"{incident.incident}/{name}/{ladder.total + 1}",
            incident=incident.incident,
            dependency=name,
            action=step.action,
            target=spec.targets[step.key],
            options=step.options,
            expected_run=container,
            timeout=step.timeout,
        )
        self._record(
            r.ActionIntended(
                incident=incident.incident,
                action_id=request.action_id,
                dependency=name,
                remedy=spec.remedy,
                step=ladder.step,
                attempt=attempt,
                action=step.action,
                container=spec.container,
                verify_within=step.verify_within,
            ),
            now,
        )
        self._effects.actions.append(request)
        messenger = Messenger(self.policy, incident, now)
        self._notify(messenger.action_started(request, tracker.state, attempt, step.verify_within))

    def _end_action(self, incident: Incident, name: str, result: ActionResult, now: Moment) -> None:
        ladder = incident.ladder(name)
        step = self._step_of(name, ladder.step)
        backoff = step.backoff if step else Backoff()
        self._record(
            r.ActionEnded(
                incident=incident.incident,
                action_id=ladder.action_id,
                dependency=name,
                action=ladder.action,
                outcome=result.outcome,
                detail=result.detail,
                backoff=round(delay_after(backoff, ladder.attempts, ladder.action_id), 3),
                verify_within=step.verify_within if step else 60.0,
                to_verify=result.outcome not in NOTHING_TO_VERIFY,
            ),
            now,
        )

    def _step_of(self, name: str, index: int) -> ActionStep | None:
        spec = self.policy.dependencies.get(name)
        if spec is None or spec.remedy is None:
            return None
        steps = self.policy.remedies[spec.remedy].steps
        step = steps[index] if index < len(steps) else None
        return step if isinstance(step, ActionStep) else None

    def _escalate(self, incident: Incident, name: str, decision: Decision, now: Moment) -> None:
        tracker, ladder = self.trackers[name], incident.ladder(name)
        steps = self.policy.remedies[tracker.spec.remedy].steps if tracker.spec.remedy else ()
        ahead = [step for step in steps[ladder.step :] if isinstance(step, EscalateStep)]
        to = ahead[0].to if ahead else ""
        self._record(r.Escalated(incident.incident, name, to, decision.value), now)
        messenger = Messenger(self.policy, incident, now)
        self._notify(messenger.escalated(name, to, decision.value, tracker.state, ladder.total))

    def _suggest(self, situation: gates.Situation, now: Moment) -> None:
        incident, name, spec = situation.incident, situation.name, situation.tracker.spec
        step = gates.next_step(situation)
        if step is None or situation.ladder.suggested:
            return
        self._record(r.Suggested(incident.incident, name, step.action), now)
        messenger = Messenger(self.policy, incident, now)
        self._notify(messenger.suggested(name, situation.tracker.state, step.action, spec.container or name))


def _other_target(old: Dependency, new: Dependency) -> bool:
    """The name now means something else: what was seen of the old target says nothing about the new one."""
    return (old.probe, old.options, old.container) != (new.probe, new.options, new.container)


def _plan(decision: Decision) -> str:
    if decision.verdict is Verdict.ACT:
        return "acting now"
    return f"{decision.verdict} ({decision.gate}): {decision.value}"
