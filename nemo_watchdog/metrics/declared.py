"""Every metric is declared here, with its bounded labels. Observations and records come in; nothing else is counted.

Label values come from the policy and from closed vocabularies, never from error text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from nemo_watchdog import __version__
from nemo_watchdog import records as r
from nemo_watchdog.engine.engine import Engine
from nemo_watchdog.engine.maintenance import spell_of
from nemo_watchdog.engine.reported import DECLARED
from nemo_watchdog.engine.storm import in_force
from nemo_watchdog.engine.view import budgets
from nemo_watchdog.measurements import MeasuredGauges
from nemo_watchdog.metrics.looks import FEW_BUCKETS, DependencyMetrics, LookCollector
from nemo_watchdog.model import Moment, Severity
from nemo_watchdog.views import EVERYTHING

PREFIX = "nemo_watchdog_"

EVIDENCE_BUCKETS = (0.1, 0.5, 1.0, 2.0, 5.0)
"""Seconds: questions that are answered, and one that hangs."""

INCIDENT_BUCKETS = (10.0, 60.0, 300.0, 1800.0, 7200.0)
"""Seconds from the opening to the resolution: one restart, minutes, a person."""


class Metrics:
    """One registry of its own, so that two daemons in one process do not meet."""

    def __init__(self, buckets: tuple[float, ...] = FEW_BUCKETS) -> None:
        """`buckets` are the upper bounds in seconds of the latency of a look."""
        self.registry = CollectorRegistry()
        """All of it, for who asks prometheus_client; `page` goes through the parts in slices."""
        self.few = CollectorRegistry()
        """What has a series for each thing that has happened, and no series for each dependency."""
        self.probe_bugs = self._counter("probe_bugs", "Exceptions that a probe let through", "dependency")
        self.incidents_open = self._gauge("incidents_open", "Open incidents", "severity")
        self.incidents = self._counter("incidents", "Incidents opened", "dependency", "severity", "rule")
        self.incident_duration = Histogram(
            f"{PREFIX}incident_duration_seconds",
            "Of the trouble that is over: from the first look that did not see it serve to its end",
            ["dependency"],
            registry=self.few,
            buckets=INCIDENT_BUCKETS,
        )
        self.actions = self._counter("actions", "Actions, by how they ended", "dependency", "action", "outcome")
        self.decisions = self._counter("decisions", "Changes of mind of the engine", "dependency", "decision", "reason")
        self.proposals = self._counter("proposals", "What people were asked to allow, by what became of it", "outcome")
        self.escalations = self._counter("escalations", "Ladders that ended with a person", "dependency")
        self.backoff = self._gauge("backoff_seconds", "Time until backoff allows the next attempt", "dependency")
        self.storm = self._gauge("storm", "1 while much fails together and what runs is not restarted")
        self.paused = self._gauge("paused", "1 while a pause holds this scope", "scope")
        self.silences = self._gauge("silences", "Silences that hold: nobody is told of what they name")
        self.reload_success = self._gauge("policy_reload_success", "1 when the last (re)load of the policy worked")
        self.discovered = self._gauge(
            "discovered_dependencies", "Dependencies that the labels of containers have brought"
        )
        self.unused_labels = self._gauge("unused_labels", "Labels of containers that cannot be used; the log says why")
        self.reload_timestamp = self._gauge("policy_reload_timestamp_seconds", "Unix time of the last good (re)load")
        self.notices = self._counter("notices", "Facts that are news, by why they were told or not", "kind", "outcome")
        self.notifications = self._counter("notifications", "Deliveries, by how they ended", "contact", "outcome")
        self.deadman = self._counter("deadman_heartbeats", "Heartbeats of our own, by what became of them", "outcome")
        self.outbox_pending = self._gauge("outbox_pending", "Notifications still to deliver")
        self.evidence = self._counter("evidence", "Collections of evidence, by what became of them", "outcome")
        self.evidence_seconds = Histogram(
            f"{PREFIX}evidence_seconds",
            "How long a collection of evidence took, and with it the action that waited for it",
            registry=self.few,
            buckets=EVIDENCE_BUCKETS,
        )
        self.connections_refused = self._counter("connections_refused", "Connections that had to go, by why", "why")
        self.gates_not_kept = self._counter("gates_not_kept", "Decisions of which `explain --at` knows one gate only")
        self.open_files = self._gauge("open_files", "File descriptors that this process has open")
        self.open_files_limit = self._gauge("open_files_limit", "File descriptors that this process may have")
        self.loop_lag = self._gauge("event_loop_lag_seconds", "How late the event loop ran the worst of its last ticks")
        self.docker_reachable = self._gauge("docker_reachable", "1 when Docker answered the last inspect")
        self.journal_writable = self._gauge("journal_writable", "1 when the journal took the last write")
        self.archive_writable = self._gauge("archive_writable", "1 when the archive took the last write")
        self.archive_bytes = self._gauge("archive_bytes", "Of the archive's files on disk")
        self.history_lost = self._counter("history_lost", "Looks of whose run nothing is kept: it could not be written")
        self.build_info = self._gauge("build_info", "Always 1; the version is a label", "version")
        self.build_info.labels(__version__).set(1)
        self.measurements = MeasuredGauges(CollectorRegistry(), PREFIX)
        self.looks = LookCollector(PREFIX, buckets, self.measurements)
        self.measurements.reserve([*self.few.collect(), *self.looks.collect()])
        for part in (self.few, self.looks, self.measurements.registry):
            self.registry.register(part)
        for severity in Severity:
            self.incidents_open.labels(severity)

    def dependency(self, name: str) -> DependencyMetrics:
        return self.looks.dependency(name)

    def forget(self, name: str) -> None:
        """The policy no longer watches it: nothing that says how it is now may stay."""
        self.measurements.forget(name)
        self.looks.dependency(name).forget_now()

    def count(self, records: Iterable[r.Record], severities: Mapping[str, str]) -> None:
        """Counts facts. `severities` tells the severity of each incident named in them."""
        for record in records:
            match record:
                case r.IncidentOpened():
                    self.incidents.labels(record.root, record.severity, record.rule).inc()
                case r.IncidentDeclared():
                    self.incidents.labels(record.dependency, record.severity, DECLARED).inc()
                case r.IncidentResolved():
                    self.incident_duration.labels(record.root).observe(record.seconds)
                case r.ActionEnded():
                    self.actions.labels(record.dependency, record.action, record.outcome).inc()
                case r.DecisionMade():
                    self.decisions.labels(record.dependency, record.verdict, record.gate).inc()
                case r.Proposed() | r.ProposalApproved() | r.ProposalRejected() | r.ProposalOver() | r.ActedByHand():
                    self.proposals.labels(outcome_of(record)).inc()
                case r.Escalated() | r.BusyTooLong() | r.FlappingBegan() | r.SparedTooLong() | r.LeftOver():
                    self.escalations.labels(record.dependency).inc()
                case _:
                    continue
        for severity in Severity:
            self.incidents_open.labels(severity).set(sum(s == severity for s in severities.values()))

    def refresh(self, engine: Engine, now: Moment) -> None:
        """The numbers that tell how it is now: computed when somebody scrapes."""
        for _, each in self.looks.dependencies():
            each.budget = None
        for name, tracker in engine.trackers.items():
            numbers = self.looks.dependency(name)
            numbers.health = tracker.state.health
            numbers.maintenance = spell_of(engine.volatile, engine.durable, name, now) is not None
            numbers.flapping = engine.durable.is_flapping(name)
            numbers.startup_grace = tracker.startup_grace if tracker.spec.container else None
        for scope, left in budgets(engine, now.monotonic):
            self.looks.dependency(scope).budget = left.remaining
        self.storm.set(in_force(engine.durable) is not None)
        self.paused.clear()
        self.paused.labels(EVERYTHING).set(0)
        for scope, pause in engine.durable.pauses.items():
            self.paused.labels(scope).set(pause.until is None or now.monotonic < pause.until)
        self.silences.set(sum(each.holds(now.monotonic) for each in engine.durable.quiet.silences.values()))
        self.backoff.clear()
        for incident in engine.durable.open():
            for name, ladder in incident.ladders.items():
                self.backoff.labels(name).set(max(0.0, (ladder.not_before or 0.0) - now.monotonic))

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(PREFIX + name, text, labels, registry=self.few)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(PREFIX + name, text, labels, registry=self.few)


_OUTCOMES: Mapping[type[r.Record], str] = {
    r.Proposed: "proposed",
    r.ProposalApproved: "approved",
    r.ProposalRejected: "rejected",
    r.ActedByHand: "by_hand",
}


def outcome_of(record: r.Record) -> str:
    """What became of a proposal by this fact: of its end, why."""
    return record.why if isinstance(record, r.ProposalOver) else _OUTCOMES[type(record)]
