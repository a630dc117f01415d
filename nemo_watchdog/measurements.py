"""The probes' own numbers as gauges. What the last look did not measure is not shown: an old number is a lie.

A measurement's name may carry one label, as `gpu_temperature_celsius{gpu="0"}`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from prometheus_client import CollectorRegistry, Gauge

_KEY = re.compile(r'(?P<name>[a-z][a-z0-9_]*)(\{(?P<label>[a-z][a-z0-9_]*)="(?P<value>[^"\\\n]*)"\})?')


class MeasuredGauges:
    """One gauge for each name, with the label `dependency` and the measurement's own."""

    def __init__(self, registry: CollectorRegistry, prefix: str) -> None:
        self._registry = registry
        self._prefix = prefix
        self._gauges: dict[str, tuple[Gauge, str | None]] = {}
        self._shown: dict[str, dict[str, tuple[Gauge, tuple[str, ...]]]] = {}

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
        if gauge is None:
            names = ("dependency",) if label is None else ("dependency", label)
            gauge = Gauge(self._prefix + name, "Measured by a probe", names, registry=self._registry)
            self._gauges[name] = gauge, label
        return gauge, (dependency,) if label is None else (dependency, found["value"])
