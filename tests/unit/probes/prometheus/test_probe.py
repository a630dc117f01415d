"""The prometheus probe against answers over a real socket: values, no data, and answers that are none."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from nemo_watchdog.model import Category, Finding, Outcome, Reason
from nemo_watchdog.probes import PROBES
from tests.unit.probes.making import probing
from tests.unit.probes.servers import Server, say, stall

SECRET = "hunter2-very-secret"


def http(body: str | bytes, status: str = "200 OK") -> bytes:
    raw = body.encode() if isinstance(body, str) else body
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(raw)}\r\n\r\n"
    return head.encode() + raw


def data(kind: str, result: Any, **more: Any) -> str:
    return json.dumps({"status": "success", "data": {"resultType": kind, "result": result}, **more})


def vector(*values: Any, ago: float = 0.0, **labels: str) -> str:
    """An instant vector with these values; the series are told apart by the label `n`."""
    at = time.time() - ago
    return data(
        "vector",
        [{"metric": {"__name__": "m", "n": str(n), **labels}, "value": [at, v]} for n, v in enumerate(values)],
    )


async def look(body: str | bytes, status: str = "200 OK", **options: Any) -> Finding:
    limits = {"max": 10} if not {"max", "min"} & set(options) else {}
    async with Server(say(http(body, status))).running() as server:
        url = {"url": f"http://127.0.0.1:{server.port}"}
        async with probing("prometheus", {**url, "query": "up", **limits, **options}) as probe:
            return await probe.look()


@pytest.mark.parametrize(
    ("values", "options", "detail"),
    [
        (("3",), {"max": 5}, '3 {n="0"}'),
        (("5",), {"max": 5}, '5 {n="0"}'),
        (("5",), {"min": 5}, '5 {n="0"}'),
        (("1", "4", "2"), {"max": 5}, '4 {n="1"}'),
        (("9", "6", "7"), {"min": 5}, '6 {n="1"}'),
        (("-Inf",), {"max": 5}, '-inf {n="0"}'),
        (("6",), {"max": 5}, None),
        (("4",), {"min": 5}, None),
        (("1", "6", "9"), {"max": 5}, None),
        (("+Inf",), {"max": 5}, None),
        (("0.06",), {"max": "5%"}, None),
        (("1e3",), {"min": 0, "max": "200"}, None),
    ],
)
async def test_thresholds(values: tuple[str, ...], options: dict[str, Any], detail: str | None) -> None:
    """At a threshold is well, beyond it is not, and of several series the worst counts."""
    finding = await look(vector(*values), **options)
    assert (finding.outcome is Outcome.OK) == (detail is not None)
    if detail is not None:
        assert finding.detail == detail
    assert finding.measurements["prometheus_query_series"] == len(values)


async def test_the_worst_series_is_named_and_measured() -> None:
    """The detail has the value, the threshold and the labels, and the measurement is that value."""
    finding = await look(vector("1", "-40", "9"), min=-10, max=5)
    assert finding.detail == '-40 {n="1"}, less than -10'
    assert finding.measurements == {"prometheus_query_series": 3, "prometheus_query_value": -40}
    infinite = await look(vector("1", "+Inf"), max=5)
    assert infinite.detail == 'inf {n="1"}, more than 5'
    assert infinite.measurements == {"prometheus_query_series": 2}


@pytest.mark.parametrize("category", ["fault", "busy", "integrity", None])
@pytest.mark.parametrize("outcome", ["degraded", "failed", None])
async def test_what_a_crossed_threshold_means_is_the_policys_choice(category: str | None, outcome: str | None) -> None:
    """Category and outcome come from the options; without them it is degraded and busy."""
    chosen = {"category": category, "outcome": outcome}
    finding = await look(vector("11"), **{name: value for name, value in chosen.items() if value is not None})
    assert finding.reason is not None
    assert finding.reason.category is Category(category or "busy")
    assert finding.outcome is Outcome(outcome or "degraded")


async def test_scalar() -> None:
    """A scalar is a value without labels."""
    assert (await look(data("scalar", [time.time(), "3"]))).detail == "3"
    assert (await look(data("scalar", [time.time(), "30"]))).detail == "30, more than 10"


async def test_labels_are_bounded_and_clean() -> None:
    """Whatever a scraped target puts into its labels, the detail stays one short line."""
    finding = await look(vector("11", job="a\x1b[31mb\nc" + "x" * 1000))
    assert len(finding.detail) < 200
    assert finding.detail.isprintable()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (vector(), Reason.REPORTED_BLIND),
        (vector("NaN"), Reason.REPORTED_BLIND),
        (vector("1", "NaN"), Reason.REPORTED_BLIND),
        (vector("1", ago=301.0), Reason.REPORTED_BLIND),
        (vector("11", ago=-86_400.0), Reason.REPORTED_BLIND),  # from collection on, however long the run takes
        (data("scalar", [time.time(), "NaN"]), Reason.REPORTED_BLIND),
        (data("vector", [{"metric": {}, "value": [time.time(), "11"]}], warnings=["partial"]), Reason.REPORTED_BLIND),
        (data("matrix", [{"metric": {}, "values": [[time.time(), "1"]]}]), Reason.WRONG_TARGET),
        (data("string", [time.time(), "x"]), Reason.WRONG_TARGET),
        (data("vector", [{"metric": {}, "histogram": [time.time(), {}]}]), Reason.WRONG_TARGET),
        (data("vector", [{"metric": {}, "value": [time.time(), 11]}]), Reason.WRONG_TARGET),
        (data("vector", [{"metric": {}, "value": [time.time(), "eleven"]}]), Reason.WRONG_TARGET),
        (data("vector", [{"metric": {}, "value": [float("nan"), "11"]}]), Reason.REPORTED_BLIND),
        (data("vector", [{"value": [time.time(), "11"]}]), Reason.WRONG_TARGET),
        (data("vector", [11]), Reason.WRONG_TARGET),
        (data("vector", {}), Reason.WRONG_TARGET),
        (json.dumps({"status": "success", "data": []}), Reason.WRONG_TARGET),
        (json.dumps({"status": "success"}), Reason.WRONG_TARGET),
        (json.dumps([]), Reason.WRONG_TARGET),
        ("<html>hello</html>", Reason.WRONG_TARGET),
        ("[" * 60_000, Reason.WRONG_TARGET),
        (b"\xff\xfe", Reason.WRONG_TARGET),
        ("", Reason.WRONG_TARGET),
        (vector(*["11"] * 5000), Reason.REPORTED_BLIND),
    ],
    ids=lambda value: str(value)[:40],  # the same in every process: no time of its start in it
)
async def test_no_data_is_blind(body: str | bytes, reason: Reason) -> None:
    """Nothing, no number, another time, part of it or another shape: neither success nor failure."""
    finding = await look(body)
    assert (finding.outcome, finding.reason) == (Outcome.FAILED, reason)


async def test_a_crossed_threshold_is_not_hidden_by_another_series_without_a_number() -> None:
    """NaN in one series leaves what the others tell."""
    finding = await look(vector("NaN", "11", "NaN"))
    assert (finding.outcome, finding.reason) == (Outcome.DEGRADED, Reason.REPORTED_BUSY)


@pytest.mark.parametrize(
    ("status", "kind", "reason"),
    [
        ("400 Bad Request", "bad_data", Reason.WRONG_TARGET),
        ("422 Unprocessable Entity", "execution", Reason.REPORTED_BLIND),
        ("503 Service Unavailable", "timeout", Reason.REPORTED_BLIND),
        ("500 Internal Server Error", SECRET, Reason.REPORTED_BLIND),
        ("503 Service Unavailable", None, Reason.REPORTED_BLIND),
        ("502 Bad Gateway", None, Reason.REPORTED_BLIND),
        ("404 Not Found", None, Reason.WRONG_TARGET),
        ("302 Found", None, Reason.WRONG_TARGET),
        ("401 Unauthorized", None, Reason.AUTH_FAILED),
        ("403 Forbidden", "bad_data", Reason.AUTH_FAILED),
    ],
)
async def test_an_error_of_prometheus_is_blind(status: str, kind: str | None, reason: Reason) -> None:
    """It says nothing of the target, and the error's own words are not shown."""
    error = {"status": "error", "errorType": kind, "error": f"about {SECRET}"}
    finding = await look("try later" if kind is None else json.dumps(error), status)
    assert (finding.outcome, finding.reason) == (Outcome.FAILED, reason)
    assert reason.category is Category.BLIND
    assert SECRET not in finding.detail


async def test_a_prometheus_that_hangs_is_blind_before_the_runtime_calls_it_a_timeout() -> None:
    """The runtime's word for a late look is a fault, so this probe is a little faster."""
    async with Server(stall).running() as server:
        options = {"url": f"http://127.0.0.1:{server.port}", "query": "up", "min": 1}
        async with probing("prometheus", options, timeout=0.5) as probe:
            finding = await probe.look()
    assert (finding.outcome, finding.reason) == (Outcome.FAILED, Reason.REPORTED_BLIND)


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"max": 1, "min": 2},
        {"max": "NaN"},
        {"max": "many"},
        {"max": True},
        {"max": "500%"},
        {"max": 1, "query": "  "},
        {"max": 1, "category": "blind"},
        {"max": 1, "outcome": "ok"},
    ],
)
def test_options_that_are_mistakes(wrong: dict[str, Any]) -> None:
    """A query without a threshold would be a probe that can never tell anything."""
    with pytest.raises(ValueError, match=r"expected|Input should be"):
        PROBES["prometheus"].options.model_validate({"url": "http://127.0.0.1:9090", "query": "up", **wrong})
