"""The page for Prometheus, written in slices: between two of them the event loop does what else is due.

The samples of one dependency in one metric are made at once, so a histogram never contradicts itself; the page as a
whole is as old as its first line when its last is written, as any page is when it arrives.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator

from prometheus_client.samples import Sample

from nemo_watchdog.metrics.declared import Metrics
from nemo_watchdog.metrics.looks import number

SLICE = 1000
"""Lines that are written before others have their turn: some milliseconds."""

_ESCAPED = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})


async def page(metrics: Metrics, *, openmetrics: bool) -> bytes:
    """Everything that is known now, as Prometheus text or as OpenMetrics 1.0 (both UTF-8)."""
    slices = [chunk async for chunk in _slices(metrics, openmetrics=openmetrics)]
    if openmetrics:
        slices.append("# EOF\n")
    return "".join(slices).encode()


async def _slices(metrics: Metrics, *, openmetrics: bool) -> AsyncIterator[str]:
    lines: list[str] = []
    for head, samples in _families(metrics, openmetrics=openmetrics):
        lines.append(head)
        for at_once in samples:
            lines += [_line(sample) for sample in at_once]
            if len(lines) >= SLICE:
                yield "".join(lines)
                lines = []
                await asyncio.sleep(0)
    yield "".join(lines)


def _families(metrics: Metrics, *, openmetrics: bool) -> Iterator[tuple[str, Iterable[Iterable[Sample]]]]:
    """The head of each metric, and its samples, those together that must agree."""
    for registry in (metrics.few, metrics.measurements.registry):
        for metric in registry.collect():
            head = _head(metric.name, metric.type, metric.documentation, openmetrics=openmetrics)
            # When a series was made is not told: Prometheus does not ask.
            yield head, ([sample] for sample in metric.samples if not sample.name.endswith("_created"))
    for family in metrics.looks.families:
        head = _head(family.name, family.kind, family.text, openmetrics=openmetrics)
        yield head, (family.samples(name, each) for name, each in metrics.looks.dependencies())


def _head(name: str, kind: str, text: str, *, openmetrics: bool) -> str:
    shown = f"{name}_total" if kind == "counter" and not openmetrics else name
    return f"# HELP {shown} {text.translate(_ESCAPED) if openmetrics else text}\n# TYPE {shown} {kind}\n"


def _line(sample: Sample) -> str:
    value = number(sample.value)
    if not sample.labels:
        return f"{sample.name} {value}\n"
    labels = ",".join(f'{name}="{_escape(label)}"' for name, label in sorted(sample.labels.items()))
    return f"{sample.name}{{{labels}}} {value}\n"


def _escape(label: str) -> str:
    return label.translate(_ESCAPED) if '"' in label or "\\" in label or "\n" in label else label
