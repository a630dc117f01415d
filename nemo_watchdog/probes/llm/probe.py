"""A model server (llama.cpp, vLLM, SGLang, TGI, any OpenAI-compatible one). Slow health is not death, and a green
health page does not prove that tokens flow.

A burst of requests makes a healthy engine miss a health deadline (ray#54070), and loading takes minutes: both are
busy. A fault is what cannot be load: refused, dropped, an answer that says so, or work without any progress.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Annotated

import aiohttp
from pydantic import AfterValidator, Field
from yarl import URL

from nemo_watchdog.durations import duration
from nemo_watchdog.evidence import Questions
from nemo_watchdog.model import Finding, Outcome, Reason, degraded, failed, ok
from nemo_watchdog.policy.units import Duration, Whole, duration_within, number_within, wrong
from nemo_watchdog.ports import ProbeContext
from nemo_watchdog.probes.http.client import (
    BODY_LIMIT,
    HEADERS,
    Headers,
    HttpClient,
    HttpUrl,
    http_failure,
    read_body,
    read_refusal,
    split_credentials,
    trusted,
    unless_tls_explains,
    wrong_status,
)
from nemo_watchdog.probes.http.evidence import answer_text
from nemo_watchdog.probes.http.lenient import Answer, Request, oddly_answered, read_again
from nemo_watchdog.probes.llm.canary import Canary, CanaryRounds, LlmCanary
from nemo_watchdog.probes.llm.evidence import metrics_text
from nemo_watchdog.probes.llm.load import Load, read_load
from nemo_watchdog.probes.llm.silence import Silence
from nemo_watchdog.probes.shared.deadline import patience_of
from nemo_watchdog.probes.shared.options import ProbeOptions

_MOST_METRICS = 1 << 20
"""Bytes of a page of metrics that are read at most."""


def _path(text: str) -> str:
    if not text.startswith("/") or not text.isprintable() or "?" in text or "#" in text:
        raise wrong("expected a path such as `/health`")
    return text


Path = Annotated[str, AfterValidator(_path)]


class LlmOptions(ProbeOptions):
    url: HttpUrl
    """The server's base address; the paths below are appended to its path."""
    health_path: Path = "/health"
    metrics_path: Path | None = "/metrics"
    """The server's own Prometheus metrics; null to leave them out, and the stall rule with them."""
    headers: Headers = Field(default_factory=dict)
    """Headers to send, with the canary too."""
    slow_after: Duration | None = None
    """A good answer of the health page that takes longer than these seconds is degraded."""
    stall_after: Annotated[Duration, AfterValidator(duration_within(10, 86400))] = 120.0
    """Seconds of work without progress, or without any answer, after which it is stalled."""
    max_waiting: Annotated[Whole, AfterValidator(number_within(0, 1_000_000))] | None = None
    """More waiting requests than these are degraded as overloaded."""
    canary: LlmCanary | None = None
    """A small completion, asked for while no real traffic shows that tokens flow."""


@dataclass(frozen=True, slots=True)
class _Health:
    """`answered` is False when the server was silent for the whole look."""

    finding: Finding
    answered: bool = True


class LlmProbe:
    def __init__(self, options: LlmOptions, context: ProbeContext) -> None:
        base, self._headers = split_credentials(options.url, options.headers)
        self._health_url = _below(base, options.health_path)
        self._metrics_url = None if options.metrics_path is None else _below(base, options.metrics_path)
        self._slow_after = options.slow_after
        self._stall_after = options.stall_after
        self._max_waiting = options.max_waiting
        # A little below the runtime's deadline, so that this probe can tell a connect that hangs from an answer that
        # does. aiohttp rounds deadlines above ceil_threshold up to whole seconds, which would be too late.
        self._deadline = patience_of(context.timeout)
        self._timeout = aiohttp.ClientTimeout(
            total=self._deadline, connect=self._deadline * 0.75, ceil_threshold=float("inf")
        )
        self._client = HttpClient()
        self._silence = Silence(longest_gap=max(3 * (context.interval + context.timeout), options.stall_after / 2))
        self._progress: float | None = None
        self._loads_since: float | None = None
        self._canary = (
            None
            if options.canary is None
            else CanaryRounds(Canary(options.canary, base, self._headers), self._client, options.canary.every)
        )

    async def look(self) -> Finding:
        began = monotonic()
        health, load = await asyncio.gather(self._health(), self._load())
        now = monotonic()
        quiet = self._silence.look(now, answered=health.answered, load=load)
        measured = self._measure(now, health.finding, load)
        if quiet >= self._stall_after and (stalled := _stalled(quiet, health, load)) is not None:
            return _with(stalled, measured)
        if health.finding.outcome is Outcome.FAILED:
            if self._canary is not None and health.answered:
                await self._canary.forget()
            return _with(health.finding, measured)
        if load is not None and self._max_waiting is not None and load.waiting > self._max_waiting:
            detail = f"{load.waiting:g} requests wait, more than {self._max_waiting}"
            return degraded(Reason.OVERLOADED, detail, measured)
        if self._canary is not None:
            patience = max(self._deadline - (monotonic() - began), 0.0)
            canary = await self._canary.look(patience, tokens_flow=self._tokens_flow(load))
            measured = {**measured, **canary.measurements}
            if canary.outcome is not Outcome.OK or (canary.detail and health.finding.outcome is Outcome.OK):
                return _with(canary, measured)
        return _with(health.finding, measured)

    def evidence(self) -> Questions:
        """See `ports.EvidenceSource`. Metrics where the look asks for them: asking wakes some servers."""
        questions = {"answer.txt": lambda: answer_text(self._request(self._health_url), 0)}
        if (metrics := self._metrics_url) is not None:
            questions["metrics.txt"] = lambda: metrics_text(self._request(metrics))
        return questions

    async def close(self) -> None:
        if self._canary is not None:
            await self._canary.forget()
        await self._client.close()

    async def _health(self) -> _Health:
        began = monotonic()
        try:
            trust = await trusted(self._health_url)
            async with self._client.session_of_look().get(
                self._health_url, headers=self._headers, allow_redirects=False, ssl=trust, timeout=self._timeout
            ) as response:
                well = 200 <= response.status < 300
                body = await (read_body(response) if well else read_refusal(response))
                answer = Answer(response.status, response.headers, body)
        except aiohttp.ConnectionTimeoutError:
            detail = f"no connection within {duration(self._deadline * 0.75)}"
            return _Health(failed(Reason.TIMEOUT, detail), answered=False)
        except TimeoutError:
            detail = f"it took the connection and gave no answer within {duration(self._deadline)}"
            return _Health(failed(Reason.OVERLOADED, detail), answered=False)
        except (aiohttp.ClientError, OSError) as error:
            patience = (self._deadline - (monotonic() - began)) / 2
            again = await read_again(error, self._request(self._health_url), BODY_LIMIT, patience)
            if again is None:
                return _Health(await self._unless_tls_explains(http_failure(error), monotonic() - began))
            answer = again
        if not 200 <= answer.status < 300:
            finding = _not_well(answer.status, answer.body or b"", answer.headers)
            return _Health(await self._unless_tls_explains(finding, monotonic() - began, answer.status))
        if answer.odd:
            return _Health(oddly_answered(answer))
        if self._slow_after is not None and (took := monotonic() - began) > self._slow_after:
            detail = f"answered in {duration(took)}, more than {duration(self._slow_after)}"
            return _Health(degraded(Reason.SLOW, detail))
        self._client.was_well()
        return _Health(ok("answered as expected"))

    def _request(self, url: URL) -> Request:
        """For a connection of its own."""
        return Request("GET", url, {**HEADERS, **(self._headers or {})})

    async def _unless_tls_explains(self, finding: Finding, took: float, status: int | None = None) -> Finding:
        return await unless_tls_explains(finding, self._health_url, self._deadline - took, status)

    async def _load(self) -> Load | None:
        """None when the server does not tell; its health page says whether it is well."""
        if self._metrics_url is None:
            return None
        try:
            trust = await trusted(self._metrics_url)
            async with self._client.session().get(
                self._metrics_url, headers=self._headers, allow_redirects=False, ssl=trust, timeout=self._timeout
            ) as response:
                body = await read_body(response, _MOST_METRICS)
        except (aiohttp.ClientError, OSError):
            return None
        return read_load(body) if response.status == 200 and body is not None else None

    def _tokens_flow(self, load: Load | None) -> bool:
        """Whether the server's counters moved since the look before."""
        before, self._progress = self._progress, None if load is None else load.progress
        return before is not None and self._progress is not None and self._progress != before

    def _measure(self, now: float, finding: Finding, load: Load | None) -> Mapping[str, float]:
        measured = {}
        if load is not None:
            measured["llm_requests_running"] = load.running
            measured["llm_requests_waiting"] = load.waiting
        if finding.reason is not Reason.LOADING:
            self._loads_since = None
        else:
            self._loads_since = now if self._loads_since is None else self._loads_since
            measured["llm_loading_seconds"] = now - self._loads_since
        return measured


def _below(base: URL, path: str) -> URL:
    return base.with_path(base.path.rstrip("/") + path, keep_query=True)


def _with(finding: Finding, measurements: Mapping[str, float]) -> Finding:
    return Finding(finding.outcome, finding.reason, finding.detail, measurements)


def _stalled(quiet: float, health: _Health, load: Load | None) -> Finding | None:
    if load is not None and load.running > 0:
        return failed(Reason.STALLED, f"{load.running:g} requests run, and no token has moved for {duration(quiet)}")
    if not health.answered:
        return failed(Reason.STALLED, f"it has answered nothing at all for {duration(quiet)}")
    return None


def _not_well(status: int, body: bytes, headers: Mapping[str, str]) -> Finding:
    """llama.cpp says in its body what it does; its words are in tools/server/README.md of ggml-org/llama.cpp."""
    text = body.lower()
    if status == 503 and b"loading model" in text:
        return failed(Reason.LOADING, "it loads its model")
    if status == 503 and b"no slot available" in text:
        return failed(Reason.OVERLOADED, "all of its slots are in use")
    if status == 404:
        return failed(Reason.WRONG_TARGET, "it has no such health page: set health_path")
    return wrong_status(status, "2xx", headers)
