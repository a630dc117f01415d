"""`/metrics`, through real requests."""

from __future__ import annotations

from nemo_watchdog import __version__
from tests.unit.web.site import Site


async def test_metrics_are_prometheus_text_by_default(site: Site) -> None:
    """With the content type of the text format."""
    response = await site.get("/metrics")
    assert response.status == 200
    assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    text = await response.text()
    assert 'nemo_watchdog_dependency_health{dependency="gateway",health="' in text
    assert f'nemo_watchdog_build_info{{version="{__version__}"}} 1.0' in text
    assert 'nemo_watchdog_budget_remaining{scope="total"}' in text
    assert "# EOF" not in text


async def test_metrics_are_openmetrics_for_who_asks(site: Site) -> None:
    """Prometheus asks for it, and the format ends with its own mark."""
    response = await site.get("/metrics", Accept="application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
    assert response.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    assert (await response.text()).endswith("# EOF\n")
