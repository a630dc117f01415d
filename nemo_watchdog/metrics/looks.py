"""The numbers of each dependency, a few hundred bytes each: there may be thousands, and each counts every second.

A child of prometheus_client has a lock and an object for each bucket; looks are counted in one thread and need none.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample
from prometheus_client.utils import floatToGoString

from nemo_watchdog.measurements import MeasuredGauges
from nemo_watchdog.model import Health, Observation

FEW_BUCKETS = (0.01, 0.1, 0.5, 1.0, 5.0)
MANY_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds in seconds of the latency of one look."""


def number(value: float) -> str:
    """As both text formats write it; `1.0` for a count."""
    return str(floatToGoString(value))  # type: ignore[no-untyped-call]


class DependencyMetrics:
    """What is counted and shown of one dependency."""

    __slots__ = (
        "_bounds",
        "_measured",
        "_measurements",
        "_name",
        "buckets",
        "budget",
        "flapping",
        "health",
        "late",
        "maintenance",
        "spent",
        "startup_grace",
        "totals",
    )

    def __init__(self, name: str, bounds: tuple[float, ...], measurements: MeasuredGauges) -> None:
        self._name, self._bounds, self._measurements = name, bounds, measurements
        self._measured = False
        self.buckets = [0] * (len(bounds) + 1)
        """How many looks took so long, bucket by bucket; the last is for all that took longer."""
        self.spent = 0.0
        """Seconds of all looks together."""
        self.totals: dict[tuple[str, str], int] = {}
        self.late: float | None = None
        self.health: Health | None = None
        self.budget: int | None = None
        self.maintenance: bool | None = None
        """Whether work on it is planned now."""
        self.flapping: bool | None = None
        self.startup_grace: float | None = None
        """Seconds."""

    def looked(self, observation: Observation, lateness: float) -> None:
        """One look; `lateness` in seconds behind its planned start."""
        finding, latency = observation.finding, observation.latency
        key = (finding.outcome, finding.reason or "")
        self.totals[key] = self.totals.get(key, 0) + 1
        self.buckets[bisect_left(self._bounds, latency)] += 1
        self.spent += latency
        if lateness > 0.0:
            self.late = lateness
        if finding.measurements or self._measured:
            self._measured = bool(finding.measurements)
            self._measurements.show(self._name, finding.measurements)

    def forget_now(self) -> None:
        """What says how it is now may not stay when nobody looks any more; what was counted stays counted."""
        self.late = self.health = self.budget = self.maintenance = self.flapping = self.startup_grace = None


@dataclass(frozen=True, slots=True)
class Family:
    """One metric with samples for each dependency. Those of one dependency are made at once, so that they agree."""

    name: str
    kind: str
    text: str
    samples: Callable[[str, DependencyMetrics], Iterable[Sample]]


class LookCollector(Collector):
    """All dependencies, as prometheus_client's registry wants them."""

    def __init__(self, prefix: str, bounds: tuple[float, ...], measurements: MeasuredGauges) -> None:
        self._bounds, self._measurements = bounds, measurements
        self._les = [*(number(bound) for bound in bounds), "+Inf"]
        self._dependencies: dict[str, DependencyMetrics] = {}
        self.families = (
            Family(f"{prefix}dependency_health", "gauge", "1 for the health that it has now", self._health),
            Family(f"{prefix}probe_duration_seconds", "histogram", "Latency of one look", self._duration),
            Family(f"{prefix}probes", "counter", "Looks, by how they ended", self._probes),
            Family(f"{prefix}probe_lateness_seconds", "gauge", "How late the last late look began", self._lateness),
            Family(f"{prefix}budget_remaining", "gauge", "Actions that the budget still allows now", self._budget),
            Family(f"{prefix}maintenance", "gauge", "1 while work on it is planned", self._maintenance),
            Family(f"{prefix}dependency_flapping", "gauge", "1 while it flaps: down and back again", self._flapping),
            Family(f"{prefix}startup_grace_seconds", "gauge", "How long its container may take to start", self._grace),
        )

    def dependency(self, name: str) -> DependencyMetrics:
        found = self._dependencies.get(name)
        if found is None:
            found = self._dependencies[name] = DependencyMetrics(name, self._bounds, self._measurements)
        return found

    def dependencies(self) -> Iterator[tuple[str, DependencyMetrics]]:
        """All of them at this moment: while a page is written, more may come.

        A list of pairs would be thousands of new containers, for which the garbage collector walks all young objects.
        """
        for name in list(self._dependencies):
            yield name, self._dependencies[name]

    def collect(self) -> Iterator[Metric]:
        for family in self.families:
            metric = Metric(family.name, family.text, family.kind)
            metric.samples = [sample for name, each in self.dependencies() for sample in family.samples(name, each)]
            yield metric

    def _health(self, name: str, of: DependencyMetrics) -> Iterable[Sample]:
        if of.health is not None:
            labels = {"dependency": name, "health": str(of.health)}
            yield Sample(self.families[0].name, labels, 1.0)

    def _duration(self, name: str, of: DependencyMetrics) -> Iterable[Sample]:
        if not of.totals:
            return
        count, prefix = 0, self.families[1].name
        for le, looks in zip(self._les, of.buckets, strict=True):
            count += looks
            yield Sample(f"{prefix}_bucket", {"dependency": name, "le": le}, float(count))
        yield Sample(f"{prefix}_count", {"dependency": name}, float(count))
        yield Sample(f"{prefix}_sum", {"dependency": name}, of.spent)

    def _probes(self, name: str, of: DependencyMetrics) -> Iterable[Sample]:
        for (outcome, reason), count in of.totals.items():
            labels = {"dependency": name, "outcome": str(outcome), "reason": str(reason)}
            yield Sample(f"{self.families[2].name}_total", labels, float(count))

    def _lateness(self, name: str, of: DependencyMetrics) -> Iterable[Sample]:
        if of.late is not None:
            yield Sample(self.families[3].name, {"dependency": name}, of.late)

    def _budget(self, name: str, of: DependencyMetrics) -> Iterable[Sample]:
        if of.budget is not None:
            yield Sample(self.families[4].name, {"scope": name}, float(of.budget))

    def _maintenance(self, name: str, of: DependencyMetrics) -> Iterable[Sample]:
        if of.maintenance is not None:
            yield Sample(self.families[5].name, {"dependency": name}, float(of.maintenance))

    def _flapping(self, name: str, of: DependencyMetrics) -> Iterable[Sample]:
        if of.flapping is not None:
            yield Sample(self.families[6].name, {"dependency": name}, float(of.flapping))

    def _grace(self, name: str, of: DependencyMetrics) -> Iterable[Sample]:
        if of.startup_grace is not None:
            yield Sample(self.families[7].name, {"dependency": name}, of.startup_grace)
