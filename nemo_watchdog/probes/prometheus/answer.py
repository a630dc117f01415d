"""The answer to an instant query, read strictly: samples, or `NoSamples` with a blind finding. It does no IO.

Source: Prometheus documentation, "HTTP API": the format overview, "Instant queries" and "Expression query result
formats". Error texts repeat the query and, through a proxy, more: only the words of the API are shown.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nemo_watchdog.lines import one_line
from nemo_watchdog.model import Finding, Reason, failed

MOST_APART = 300.0
"""Seconds between our clock and the moment that an answer is about. Prometheus itself looks back five minutes."""

_LONGEST_LABELS = 120
_NOT_ITS_ANSWER = "the answer is not one of Prometheus's API"


class NoSamples(Exception):
    """There is nothing to judge; `finding` says why, and is always blind."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.finding: Finding = failed(reason, detail)


@dataclass(frozen=True, slots=True)
class Sample:
    """One series' value; `labels` for people, empty when it has none."""

    value: float
    labels: str


def read_answer(status: int, body: bytes | None, now: float) -> Sequence[Sample]:
    """At least one sample. `now` in seconds since the epoch. Raises `NoSamples`."""
    if status in (401, 403):
        raise NoSamples(Reason.AUTH_FAILED, f"Prometheus answered {status}: the credentials are not accepted")
    if body is None:
        raise NoSamples(Reason.REPORTED_BLIND, "the answer is too long: aggregate in the query")
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise _no_answer(status)
    if document.get("status") == "error":
        raise _error(status, document)
    if status != 200 or document.get("status") != "success" or not isinstance(document.get("data"), dict):
        raise _no_answer(status)
    if document.get("warnings"):
        raise NoSamples(Reason.REPORTED_BLIND, "Prometheus answered with warnings: the answer may be incomplete")
    return _samples(document["data"], now)


def _no_answer(status: int) -> NoSamples:
    if status in (200, 404) or 300 <= status < 400:
        return NoSamples(Reason.WRONG_TARGET, f"{_NOT_ITS_ANSWER} (status {status})")
    return NoSamples(Reason.REPORTED_BLIND, f"Prometheus answered {status}")


def _error(status: int, document: Mapping[str, Any]) -> NoSamples:
    kind = document.get("errorType")
    if kind == "bad_data":
        return NoSamples(Reason.WRONG_TARGET, "Prometheus does not accept the query (bad_data)")
    known = kind if kind in ("timeout", "canceled", "execution", "internal", "unavailable", "not_found") else "error"
    return NoSamples(Reason.REPORTED_BLIND, f"Prometheus could not answer the query ({known}, status {status})")


def _samples(data: Mapping[str, Any], now: float) -> Sequence[Sample]:
    kind, result = data.get("resultType"), data.get("result")
    if kind not in ("vector", "scalar") or not isinstance(result, list):
        shape = kind if kind in ("matrix", "string") else "something unknown"
        raise NoSamples(Reason.WRONG_TARGET, f"the query gives {shape}: expected an instant vector or a scalar")
    if not result:
        raise NoSamples(Reason.REPORTED_BLIND, "the query gives no data")
    series = [{"metric": {}, "value": result}] if kind == "scalar" else result
    return [_sample(each, now) for each in series]


def _sample(series: Any, now: float) -> Sample:
    if isinstance(series, dict) and "histogram" in series:
        raise NoSamples(Reason.WRONG_TARGET, "the query gives a histogram: ask for a number, such as a quantile of it")
    match series:
        case {"metric": dict(labels), "value": [int() | float() as at, str(text)]}:
            value = _number(text)
        case _:
            raise NoSamples(Reason.WRONG_TARGET, _NOT_ITS_ANSWER)
    if not abs(at - now) <= MOST_APART:
        raise NoSamples(Reason.REPORTED_BLIND, "the answer is about another time: it is stale, or the clocks differ")
    return Sample(value, _shown(labels))


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise NoSamples(Reason.WRONG_TARGET, _NOT_ITS_ANSWER) from None


def _shown(labels: Mapping[str, Any]) -> str:
    pairs = ", ".join(f'{name}="{value}"' for name, value in sorted(labels.items()) if name != "__name__")
    return f"{{{one_line(pairs, _LONGEST_LABELS)}}}" if pairs else ""


def nan_among(samples: Sequence[Sample]) -> Sample | None:
    """The first sample that is not a number, if any: a division by zero, or a series that ended."""
    return next((sample for sample in samples if math.isnan(sample.value)), None)
