"""A PromQL instant query against a threshold. Prometheus is a witness: what it cannot tell says nothing of the target.

No data is neither success nor failure, and a Prometheus that is down, slow or confused is blind, never a fault.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Annotated, Literal

import aiohttp
from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from nemo_watchdog.model import Category, Finding, Outcome, Reason, failed, ok
from nemo_watchdog.policy.condition import QUERY_VALUE
from nemo_watchdog.policy.units import parse_ratio, wrong
from nemo_watchdog.ports import ProbeContext
from nemo_watchdog.probes.http.client import (
    Headers,
    HttpClient,
    HttpUrl,
    http_failure,
    read_body,
    split_credentials,
    trusted,
)
from nemo_watchdog.probes.prometheus.answer import NoSamples, Sample, nan_among, read_answer
from nemo_watchdog.probes.shared.deadline import patience_of
from nemo_watchdog.probes.shared.options import ProbeOptions
from nemo_watchdog.probes.shared.reported import REPORTED


def _number(value: object) -> float:
    if isinstance(value, str) and value.endswith("%"):
        return parse_ratio(value)
    try:
        number = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else math.nan
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise wrong("expected a number such as `0.05`, `5%` or `200`")
    return number


def _asks(query: str) -> str:
    if not query.strip():
        raise wrong("expected a PromQL expression such as `up`")
    return query


Number = Annotated[float, BeforeValidator(_number, json_schema_input_type=float | str)]


class PrometheusOptions(ProbeOptions):
    url: HttpUrl
    """The server's base address; `/api/v1/query` is appended to its path."""
    query: Annotated[str, AfterValidator(_asks)]
    """A PromQL expression that gives an instant vector or a scalar."""
    max: Number | None = None
    """A value above this has crossed the threshold; `5%` is 0.05. At least one of `max` and `min` is needed."""
    min: Number | None = None
    """A value below this has crossed the threshold."""
    category: Literal["fault", "busy", "integrity"] = "busy"
    """What a crossed threshold says: only a fault may lead to a restart."""
    outcome: Literal["degraded", "failed"] = "degraded"
    """How a look with a crossed threshold ends."""
    headers: Headers = Field(default_factory=dict)
    """Headers to send."""

    @model_validator(mode="after")
    def _has_a_threshold(self) -> PrometheusOptions:
        if self.max is None and self.min is None:
            raise wrong("expected a threshold: `max`, `min` or both")
        if self.max is not None and self.min is not None and self.min > self.max:
            raise wrong("expected `min` to be at most `max`")
        return self


class PrometheusProbe:
    def __init__(self, options: PrometheusOptions, context: ProbeContext) -> None:
        base, self._headers = split_credentials(options.url, options.headers)
        patience = patience_of(context.timeout)
        # Prometheus is told when to stop, so that a query that nobody waits for does not go on in it.
        self._url = base.with_path(base.path.rstrip("/") + "/api/v1/query", keep_query=True).update_query(
            query=options.query, timeout=f"{patience:.3f}"
        )
        # aiohttp rounds deadlines above ceil_threshold up to whole seconds, which would be too late.
        self._timeout = aiohttp.ClientTimeout(total=patience, ceil_threshold=float("inf"))
        self._max, self._min = options.max, options.min
        self._outcome = Outcome(options.outcome)
        self._reason = REPORTED[options.category]
        self._client = HttpClient()

    async def look(self) -> Finding:
        try:
            trust = await trusted(self._url)
            async with self._client.session_of_look().get(
                self._url, headers=self._headers, allow_redirects=False, ssl=trust, timeout=self._timeout
            ) as response:
                body = await read_body(response)
            samples = read_answer(response.status, body, time.time())
        except (aiohttp.ClientError, OSError) as error:
            return _blind(http_failure(error))
        except NoSamples as error:
            return error.finding
        self._client.was_well()
        return self._judge(samples)

    async def close(self) -> None:
        await self._client.close()

    def _judge(self, samples: Sequence[Sample]) -> Finding:
        """The worst series counts. One without a number hides no other that has crossed, and is no success."""
        numbers = [sample for sample in samples if not math.isnan(sample.value)]
        worst = max(numbers, key=lambda sample: self._beyond(sample.value), default=None)
        measured = {"prometheus_query_series": float(len(samples))}
        if worst is not None and math.isfinite(worst.value):
            measured[QUERY_VALUE] = worst.value
        if worst is not None and self._beyond(worst.value) > 0:
            return Finding(self._outcome, self._reason, f"{_text(worst)}, {self._expected(worst.value)}", measured)
        if (nan := nan_among(samples)) is not None:
            return failed(Reason.REPORTED_BLIND, f"{_text(nan)}: no number, so no data", measured)
        assert worst is not None  # noqa: S101 - read_answer gives at least one sample
        return ok(_text(worst), measured)

    def _beyond(self, value: float) -> float:
        """How far the value lies beyond the nearest threshold; negative when it is well."""
        above = -math.inf if self._max is None else value - self._max
        below = -math.inf if self._min is None else self._min - value
        return max(above, below)

    def _expected(self, value: float) -> str:
        if self._max is not None and value > self._max:
            return f"more than {self._max:g}"
        return f"less than {self._min:g}"


def _text(sample: Sample) -> str:
    return f"{sample.value:.6g} {sample.labels}".rstrip()


def _blind(finding: Finding) -> Finding:
    """What a request to the target would make a fault says of Prometheus only that it cannot be asked."""
    reason = finding.reason or Reason.REPORTED_BLIND
    if reason.category is not Category.BLIND:
        reason = Reason.REPORTED_BLIND
    return failed(reason, f"Prometheus cannot be asked: {finding.detail}")
