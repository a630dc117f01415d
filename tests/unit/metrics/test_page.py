"""The page: what prometheus_client's own parsers read from it, and that writing it holds up nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from nemo_watchdog.metrics import MANY_BUCKETS, Metrics, page
from nemo_watchdog.metrics.page import SLICE
from nemo_watchdog.model import Moment, Observation, Reason, failed, ok
from tests.unit.engine.world import NOON, World, dependency, policy

AT = Moment(1000.0, NOON)


def busy(dependencies: int = 3) -> Metrics:
    """Everything that can be told is told."""
    metrics = Metrics()
    for n in range(dependencies):
        one = metrics.dependency(f"d-{n}")
        one.looked(Observation(ok("", {'gpu_temperature_celsius{gpu="0"}': 50.5}), 0.02, AT), 0.0)
        one.looked(Observation(failed(Reason.REFUSED, ""), 3.0, AT), 0.5)
        one.looked(Observation(ok("", {'gpu_temperature_celsius{gpu="0"}': 51.5, "tcp_backlog": 2.0}), 99.0, AT), 0.0)
    world = World(policy(*(dependency(f"d-{n}") for n in range(dependencies))))
    world.crash("d-0")
    metrics.refresh(world.engine, world.now)
    metrics.count([record for _, record in world.records], {"i": "SEV1"})
    metrics.notifications.labels('a "quoted"\\name\n', "delivered").inc()
    metrics.incident_duration.labels("d-0").observe(42.0)
    return metrics


def samples(families: Iterable[Metric]) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


@pytest.mark.parametrize("openmetrics", [False, True])
async def test_the_page_is_what_the_registry_holds(*, openmetrics: bool) -> None:
    """Both formats, read by the parsers of the library that Prometheus's own people keep."""
    metrics = busy()
    text = (await page(metrics, openmetrics=openmetrics)).decode()
    read = list((parse_openmetrics if openmetrics else parse_text)(text))
    assert samples(read) == samples(metrics.registry.collect())
    types = {family.name: family.type for family in metrics.registry.collect()}
    assert {family.name: family.type for family in read} == types
    assert all(family.documentation for family in read)
    assert text.endswith("# EOF\n") is openmetrics


async def test_what_never_happened_is_not_there() -> None:
    """No counter that was never touched, no series for what is not so, no time at which a series was made."""
    metrics = Metrics()
    metrics.dependency("gateway")
    text = (await page(metrics, openmetrics=True)).decode()
    assert "gateway" not in text
    assert "_created" not in text
    for name in ("probes", "actions", "decisions", "incidents_total", "notices"):
        assert f"\nnemo_watchdog_{name}" not in text


async def test_there_are_more_buckets_for_who_asks() -> None:
    """Five by default: most of the page was buckets."""
    for metrics, buckets in ((Metrics(), 6), (Metrics(MANY_BUCKETS), 14)):
        metrics.dependency("gateway").looked(Observation(ok(), 0.02, AT), 0.0)
        text = (await page(metrics, openmetrics=False)).decode()
        assert text.count("nemo_watchdog_probe_duration_seconds_bucket{") == buckets


async def test_thousands_of_dependencies_are_written_in_slices() -> None:
    """Others have their turn at least once a thousand lines; no step is long (the fixture of all unit tests)."""
    metrics, turns = await asyncio.to_thread(busy, 2000), 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count_turns())
    text = await page(metrics, openmetrics=False)
    counting.cancel()
    lines = text.count(b"\n")
    assert lines > 20_000
    assert turns >= lines // (2 * SLICE)


async def test_a_histogram_agrees_with_itself_while_looks_go_on() -> None:
    """What is counted between two slices is in all of a dependency's lines or in none."""
    metrics = busy(200)

    async def go_on() -> None:
        while True:
            for name, each in metrics.looks.dependencies():
                each.looked(Observation(ok(), 0.02, AT), 0.0)
                metrics.dependency(f"{name}-new").looked(Observation(ok(), 0.02, AT), 0.0)
                break
            metrics.forget("d-199")
            await asyncio.sleep(0)

    going_on = asyncio.create_task(go_on())
    pages = await asyncio.gather(page(metrics, openmetrics=False), page(metrics, openmetrics=True))
    going_on.cancel()
    for text, parse in zip(pages, (parse_text, parse_openmetrics), strict=True):
        families = await asyncio.to_thread(lambda text=text, parse=parse: list(parse(text.decode())))  # type: ignore[misc]
        (family,) = (each for each in families if each.name == "nemo_watchdog_probe_duration_seconds")
        last = {s.labels["dependency"]: s.value for s in family.samples if s.labels.get("le") == "+Inf"}
        counts = {s.labels["dependency"]: s.value for s in family.samples if s.name.endswith("_count")}
        assert last == counts
        assert len(counts) >= 200
