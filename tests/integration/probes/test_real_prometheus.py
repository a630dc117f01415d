"""The prometheus probe against a real Prometheus with a target that is down."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml

from nemo_watchdog.model import Finding, Outcome, Reason
from nemo_watchdog.testing.servers import free_port
from tests.integration.probes.looking import is_ok, look_until
from tests.integration.service.programs import prometheus
from tests.unit.probes.making import probing

pytestmark = pytest.mark.integration


@pytest_asyncio.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    """A Prometheus with one target, which is down."""
    config = tmp_path / "prometheus.yml"
    down = {"job_name": "down", "static_configs": [{"targets": [f"127.0.0.1:{free_port()}"]}]}
    config.write_text(yaml.safe_dump({"global": {"scrape_interval": "200ms"}, "scrape_configs": [down]}))
    async with prometheus(tmp_path, config) as address:
        yield address


async def look(url: str, query: str, **options: Any) -> Finding:
    async with probing("prometheus", {"url": url, "query": query, **options}) as probe:
        return await probe.look()


async def test_what_a_real_prometheus_answers(url: str) -> None:
    """Values, several series, no data, NaN, wrong queries and other shapes, each as the page says."""
    assert is_ok(await look(url, "vector(3)", max=5))
    assert (await look(url, "1 / 4", max=5)).detail == "0.25"
    crossed = await look(url, "vector(0.07)", max="5%", category="fault", outcome="failed")
    assert (crossed.outcome, crossed.reason) == (Outcome.FAILED, Reason.REPORTED_FAULT)
    assert crossed.detail == "0.07, more than 0.05"
    assert crossed.measurements["prometheus_query_value"] == 0.07
    several = 'label_replace(vector(1), "n", "a", "", "") or label_replace(vector(9), "n", "b", "", "")'
    assert (await look(url, several, max=5)).detail == '9 {n="b"}, more than 5'
    for query, reason in (
        ("no_such_series", Reason.REPORTED_BLIND),
        ("vector(0) / 0", Reason.REPORTED_BLIND),
        ("sum(", Reason.WRONG_TARGET),
        ("up[5m]", Reason.WRONG_TARGET),
        ('"text"', Reason.WRONG_TARGET),
        ('vector(1) + on() (vector(1) or label_replace(vector(1), "n", "a", "", ""))', Reason.REPORTED_BLIND),
    ):
        finding = await look(url, query, max=5)
        assert (finding.outcome, finding.reason) == (Outcome.FAILED, reason), query


async def test_a_target_that_is_down(url: str) -> None:
    """What Prometheus scraped reaches the look, with the labels that tell which target."""
    async with probing("prometheus", {"url": url, "query": "up", "min": 1}) as probe:
        findings = await look_until(probe, lambda finding: finding.outcome is Outcome.DEGRADED)
    assert findings[-1].reason is Reason.REPORTED_BUSY
    assert 'job="down"' in findings[-1].detail


async def test_a_page_that_is_not_the_api(url: str) -> None:
    """A base address that is wrong by a path is the policy's mistake."""
    finding = await look(f"{url}/graph", "up", min=1)
    assert finding.reason is Reason.WRONG_TARGET
