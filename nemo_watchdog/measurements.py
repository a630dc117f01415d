"""The probes' own numbers as gauges. What the last look did not measure is not shown: an old number is a lie.

A measurement's name may carry one label, as `gpu_temperature_celsius{gpu="0"}`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping

from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.metrics_core import Metric

_SUFFIXES = ("", "_total", "_bucket", "_count", "_sum", "_created")

_KEY = re.compile(r'(?P<name>[a-z][a-z0-9_]*)(\{(?P<label>[a-z][a-z0-9_]*)="(?P<value>[^"\\\n]*)"\})?')


class MeasuredGauges:
    """One gauge for each name, with the label `dependency` and the measurement's own."""

    def __init__(self, registry: CollectorRegistry, prefix: str) -> None:
        self.registry = registry
        self._prefix = prefix
        self._reserved: set[str] = set()
        self._gauges: dict[str, tuple[Gauge, str | None]] = {}
        self._shown: dict[str, dict[str, tuple[Gauge, tuple[str, ...]]]] = {}

    def reserve(self, metrics: Iterable[Metric]) -> None:
        """These names, and those of their samples, are not a probe's to give."""
        for metric in metrics:
            self._reserved |= {metric.name + suffix for suffix in _SUFFIXES}

    def show(self, dependency: str, measurements: Mapping[str, float]) -> None:
        """These and no others, from now on. Raises ValueError about a name or a label that no metric can have."""
        shown = self._shown.setdefault(dependency, {})
        self._remove(shown, shown.keys() - measurements.keys())
        for key, value in measurements.items():
            if key not in shown:
                shown[key] = self._place(dependency, key)
            gauge, labels = shown[key]
            gauge.labels(*labels).set(value)

    def forget(self, dependency: str) -> None:
        shown = self._shown.pop(dependency, {})
        self._remove(shown, list(shown))

    def _remove(self, shown: dict[str, tuple[Gauge, tuple[str, ...]]], keys: Collection[str]) -> None:
        for key in keys:
            gauge, labels = shown.pop(key)
            gauge.remove(*labels)

    def _place(self, dependency: str, key: str) -> tuple[Gauge, tuple[str, ...]]:
        found = _KEY.fullmatch(key)
        if found is None:
            raise ValueError(f"{key!r} is no name of a measurement")
        name, label = found["name"], found["label"]
        gauge, its_label = self._gauges.get(name, (None, label))
        if its_label != label:
            raise ValueError(f"the measurement {name} has the label {its_label} elsewhere, and {label} here")
        if gauge is None and self._prefix + name in self._reserved:
            raise ValueError(f"the measurement {name} has the name of a metric of the watchdog's own")
        if gauge is None:
            names = ("dependency",) if label is None else ("dependency", label)
            gauge = Gauge(self._prefix + name, "Measured by a probe", names, registry=self.registry)
            self._gauges[name] = gauge, label
        return gauge, (dependency,) if label is None else (dependency, found["value"])
