"""Every metric is declared here, with its bounded labels. Observations and records come in; nothing else is counted.

Label values come from the policy and from closed vocabularies, never from error text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from nemo_watchdog import __version__
from nemo_watchdog import records as r
from nemo_watchdog.engine.engine import Engine
from nemo_watchdog.engine.state import EVERYTHING
from nemo_watchdog.engine.view import budgets
from nemo_watchdog.measurements import MeasuredGauges
from nemo_watchdog.model import Health, Moment, Observation, Severity

LATENCY_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
PREFIX = "nemo_watchdog_"


class DependencyMetrics:
    """The children of one dependency, looked up once: a look costs one histogram and one counter."""

    def __init__(self, metrics: Metrics, name: str) -> None:
        self._metrics, self._name = metrics, name
        self._duration = metrics.probe_duration.labels(name)
        self._lateness = metrics.probe_lateness.labels(name)
        self._totals: dict[tuple[str, str], Counter] = {}
        self._measured = False

    def looked(self, observation: Observation, lateness: float) -> None:
        """One look; `lateness` in seconds behind its planned start."""
        finding = observation.finding
        key = (finding.outcome, finding.reason or "")
        total = self._totals.get(key)
        if total is None:
            total = self._totals[key] = self._metrics.probes.labels(self._name, *key)
        total.inc()
        self._duration.observe(observation.latency)
        if lateness > 0.0:
            self._lateness.set(lateness)
        if finding.measurements or self._measured:
            self._measured = bool(finding.measurements)
            self._metrics.measurements.show(self._name, finding.measurements)


class Metrics:
    """One registry of its own, so that two daemons in one process do not meet."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.health = self._gauge("dependency_health", "1 for the health that it has now", "dependency", "health")
        self.probe_duration = self._histogram("probe_duration_seconds", "Latency of one look", "dependency")
        self.probes = self._counter("probes", "Looks, by how they ended", "dependency", "outcome", "reason")
        self.probe_lateness = self._gauge("probe_lateness_seconds", "How late the last late look began", "dependency")
        self.probe_bugs = self._counter("probe_bugs", "Exceptions that a probe let through", "dependency")
        self.incidents_open = self._gauge("incidents_open", "Open incidents", "severity")
        self.incidents = self._counter("incidents", "Incidents opened", "dependency", "severity")
        self.incident_duration = self._histogram("incident_duration_seconds", "Opening to resolution", "dependency")
        self.actions = self._counter("actions", "Actions, by how they ended", "dependency", "action", "outcome")
        self.decisions = self._counter("decisions", "Changes of mind of the engine", "dependency", "decision", "reason")
        self.escalations = self._counter("escalations", "Ladders that ended with a person", "dependency")
        self.budget_remaining = self._gauge("budget_remaining", "Actions that the budget still allows now", "scope")
        self.backoff = self._gauge("backoff_seconds", "Time until backoff allows the next attempt", "dependency")
        self.paused = self._gauge("paused", "1 while a pause holds this scope", "scope")
        self.reload_success = self._gauge("policy_reload_success", "1 when the last (re)load of the policy worked")
        self.reload_timestamp = self._gauge("policy_reload_timestamp_seconds", "Unix time of the last good (re)load")
        self.notifications = self._counter("notifications", "Deliveries, by how they ended", "contact", "outcome")
        self.outbox_pending = self._gauge("outbox_pending", "Notifications still to deliver")
        self.loop_lag = self._gauge("event_loop_lag_seconds", "How late the event loop ran the worst of its last ticks")
        self.docker_reachable = self._gauge("docker_reachable", "1 when Docker answered the last inspect")
        self.journal_writable = self._gauge("journal_writable", "1 when the journal took the last write")
        self.build_info = self._gauge("build_info", "Always 1; the version is a label", "version")
        self.build_info.labels(__version__).set(1)
        self.measurements = MeasuredGauges(self.registry, PREFIX)
        self._dependencies: dict[str, DependencyMetrics] = {}
        self._shown: dict[str, Health] = {}
        for severity in Severity:
            self.incidents_open.labels(severity)

    def dependency(self, name: str) -> DependencyMetrics:
        found = self._dependencies.get(name)
        if found is None:
            found = self._dependencies[name] = DependencyMetrics(self, name)
        return found

    def set_health(self, name: str, health: Health) -> None:
        if self._shown.get(name) is health:
            return
        self._shown[name] = health
        for each in Health:
            self.health.labels(name, each).set(1.0 if each is health else 0.0)

    def forget(self, name: str) -> None:
        """The policy no longer watches it: nothing that says how it is now may stay."""
        for gauge in (self.probe_lateness, self.budget_remaining):
            gauge.remove(name)
        self.measurements.forget(name)
        if self._shown.pop(name, None) is not None:
            for health in Health:
                self.health.remove(name, health)
        self._dependencies.pop(name, None)

    def count(self, records: Iterable[r.Record], severities: Mapping[str, str]) -> None:
        """Counts facts. `severities` tells the severity of each incident named in them."""
        for record in records:
            match record:
                case r.IncidentOpened():
                    self.incidents.labels(record.root, record.severity).inc()
                case r.IncidentResolved():
                    self.incident_duration.labels(record.root).observe(record.seconds)
                case r.ActionEnded():
                    self.actions.labels(record.dependency, record.action, record.outcome).inc()
                case r.DecisionMade():
                    self.decisions.labels(record.dependency, record.verdict, record.gate).inc()
                case r.Escalated():
                    self.escalations.labels(record.dependency).inc()
                case _:
                    continue
        for severity in Severity:
            self.incidents_open.labels(severity).set(sum(s == severity for s in severities.values()))

    def refresh(self, engine: Engine, now: Moment) -> None:
        """The numbers that tell how it is now: computed when somebody scrapes."""
        for name, tracker in engine.trackers.items():
            self.set_health(name, tracker.state.health)
        for scope, left in budgets(engine, now.monotonic).items():
            self.budget_remaining.labels(scope).set(left.remaining)
        self.paused.clear()
        self.paused.labels(EVERYTHING).set(0)
        for scope, pause in engine.durable.pauses.items():
            self.paused.labels(scope).set(pause.until is None or now.monotonic < pause.until)
        self.backoff.clear()
        for incident in engine.durable.open():
            for name, ladder in incident.ladders.items():
                self.backoff.labels(name).set(max(0.0, (ladder.not_before or 0.0) - now.monotonic))

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(PREFIX + name, text, labels, registry=self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(PREFIX + name, text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, *labels: str) -> Histogram:
        return Histogram(PREFIX + name, text, labels, registry=self.registry, buckets=LATENCY_BUCKETS)
