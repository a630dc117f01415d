"""The canary and the stall rule against real HTTP servers that speak the protocols of model servers."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from nemo_watchdog.model import Category, Outcome, Reason
from nemo_watchdog.probes.llm.probe import LlmProbe
from tests.unit.probes.making import make, probing


def text(word: str, finish: str | None = None) -> str:
    return json.dumps({"choices": [{"index": 0, "text": word, "finish_reason": finish}]})


def delta(finish: str | None = None, **part: Any) -> str:
    return json.dumps({"choices": [{"index": 0, "delta": part, "finish_reason": finish}]})


@dataclass
class Model:
    """Answers completions with `status` and the `events`; None among them hangs. Its counters are set by the test."""

    events: Sequence[str | None] = (text("one"), text(" two"), text("", "length"), "[DONE]")
    status: int = 200
    content_type: str = "text/event-stream"
    body: str = ""
    props: Any = None
    health: int = 200
    metrics: str | None = None
    asked: list[dict[str, Any]] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/metrics":
            return web.Response(status=404) if self.metrics is None else web.Response(text=self.metrics)
        if request.path == "/props":
            return web.Response(status=404) if self.props is None else web.json_response(self.props)
        if request.path == "/health":
            if not self.health:
                await asyncio.Event().wait()
            return web.json_response({}, status=self.health)
        self.asked.append({**await request.json(), "path": request.path, "key": request.headers.get("Authorization")})
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            return await self._complete(request)
        finally:
            self.at_once -= 1

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        if self.status != 200 or self.body:
            return web.Response(status=self.status, text=self.body, content_type=self.content_type)
        response = web.StreamResponse(headers={"Content-Type": self.content_type})
        await response.prepare(request)
        for event in self.events:
            if event is None:
                await asyncio.Event().wait()
            await response.write(f"data: {event}\n\n".encode())
            await asyncio.sleep(0.01)
        return response

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self.handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()


async def test_canary_proves_that_tokens_flow() -> None:
    """A small, streamed, uncached question; its measurements are those of a user."""
    model = Model()
    async with (
        model.serving() as url,
        probing("llm", {"url": url, "headers": {"Authorization": "Bearer k"}, "canary": {"model": "m"}}) as probe,
    ):
        finding = await probe.look()
    assert finding.outcome is Outcome.OK
    assert finding.measurements["llm_canary_first_token_seconds"] > 0
    assert finding.measurements["llm_canary_tokens_per_second"] > 1
    assert 0 < finding.measurements["llm_canary_longest_gap_seconds"] < 1
    (asked,) = model.asked
    assert asked["key"] == "Bearer k"
    assert (asked["model"], asked["max_tokens"], asked["temperature"], asked["stream"]) == ("m", 4, 0, True)
    assert asked["prompt"].endswith(" Count from one to ten:")


async def test_no_two_canaries_have_the_same_beginning() -> None:
    """A prompt cache would answer the second one without a computation."""
    model = Model(status=500)
    async with model.serving() as url, probing("llm", {"url": url, "canary": {}}) as probe:
        for _ in range(3):
            await probe.look()
    assert len({asked["prompt"][:8] for asked in model.asked}) == 3


CHAT = {"path": "/v1/chat/completions"}


@pytest.mark.parametrize(
    ("model", "canary"),
    [
        (Model(events=[delta(role="assistant"), delta(content="1"), delta("stop")]), CHAT),
        (Model(events=[delta(reasoning_content="I"), delta(reasoning_content=" think"), delta("length")]), CHAT),
        (Model(events=[delta("length")]), CHAT),
        (Model(events=[text("", "stop"), "[DONE]"]), {}),
        (Model(content_type="application/json", body=text("one two", "length")), {}),
        (Model(events=[json.dumps({"choices": []}), text("a"), json.dumps({"usage": {}})]), {}),
    ],
)
async def test_answers_that_are_well(model: Model, canary: Any) -> None:
    """Chat, reasoning, an answer that the model chose to leave empty, a server that does not stream."""
    async with model.serving() as url, probing("llm", {"url": url, "canary": canary}) as probe:
        finding = await probe.look()
    assert finding.outcome is Outcome.OK, finding
    assert [asked["path"] for asked in model.asked] == [canary.get("path", "/v1/completions")]


@pytest.mark.parametrize(
    ("model", "reason", "category"),
    [
        (Model(status=500), Reason.WRONG_STATUS, Category.FAULT),
        (Model(status=503), Reason.OVERLOADED, Category.BUSY),
        (Model(status=503, body='{"error":{"message":"Loading model"}}'), Reason.LOADING, Category.BUSY),
        (Model(status=429), Reason.OVERLOADED, Category.BUSY),
        (Model(status=401), Reason.AUTH_FAILED, Category.BLIND),
        (Model(status=400), Reason.WRONG_TARGET, Category.BLIND),
        (Model(status=404), Reason.WRONG_TARGET, Category.BLIND),
        (Model(events=[]), Reason.WRONG_ANSWER, Category.FAULT),
        (Model(events=[text("a"), '{"error": {"code": 500, "message": "dead"}}']), Reason.WRONG_STATUS, Category.FAULT),
        (Model(events=['{"error": {"code": 429}}']), Reason.OVERLOADED, Category.BUSY),
        (Model(events=['{"error": "EngineDeadError"}']), Reason.WRONG_STATUS, Category.FAULT),
        (Model(events=["{"]), Reason.WRONG_ANSWER, Category.FAULT),
        (Model(events=["7"]), Reason.WRONG_ANSWER, Category.FAULT),
        (Model(events=["[" * 100_000]), Reason.WRONG_ANSWER, Category.FAULT),
        (Model(events=[text("a" * 70_000)]), Reason.WRONG_ANSWER, Category.FAULT),
        (Model(events=[text("a" * 600_000)]), Reason.WRONG_ANSWER, Category.FAULT),
    ],
)
async def test_answers_that_are_not_well(model: Model, reason: Reason, category: Category) -> None:
    """Only an answer that says so, or that is no answer, is a fault. The words of the answer are never shown."""
    async with model.serving() as url, probing("llm", {"url": url, "canary": {}}) as probe:
        finding = await probe.look()
    assert finding.reason is reason
    assert reason.category is category
    assert "dead" not in finding.detail


async def test_connection_that_ends_in_the_middle_is_lost() -> None:
    """A server that dies while it streams."""

    async def cut(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Content-Length": "9000"})
        await response.prepare(request)
        await response.write(b"data: ")
        assert request.transport is not None
        request.transport.abort()
        return response

    model = Model()
    model._complete = cut  # type: ignore[method-assign]
    async with model.serving() as url, probing("llm", {"url": url, "canary": {}}) as probe:
        assert (await probe.look()).reason is Reason.CONNECTION_LOST


async def test_late_first_token_is_slow() -> None:
    """The users' wait, against the operator's threshold."""
    model = Model()
    async with model.serving() as url, probing("llm", {"url": url, "canary": {"slow_first_token": 0}}) as probe:
        finding = await probe.look()
    assert (finding.outcome, finding.reason) == (Outcome.DEGRADED, Reason.SLOW)
    assert finding.measurements["llm_canary_first_token_seconds"] > 0


async def test_well_canary_is_not_asked_again_before_its_time() -> None:
    """Once per `every`, and never two at once."""
    model = Model()
    async with model.serving() as url, probing("llm", {"url": url, "canary": {}}) as probe:
        for _ in range(3):
            assert (await probe.look()).outcome is Outcome.OK
    assert (len(model.asked), model.most_at_once) == (1, 1)


async def test_each_failure_is_a_canary_of_its_own() -> None:
    """The engine confirms a failure by looking again: one bad answer must not count three times."""
    model = Model(status=500)
    async with model.serving() as url, probing("llm", {"url": url, "canary": {}}) as probe:
        assert (await probe.look()).reason is Reason.WRONG_STATUS
        assert (await probe.look()).reason is Reason.WRONG_STATUS
        model.status = 200
        assert (await probe.look()).outcome is Outcome.OK
    assert len(model.asked) == 3


async def test_hanging_canary_outlives_the_look_and_is_busy() -> None:
    """What gives no token may be at the end of a long queue. The canary has its own deadline, and stays alone."""
    model = Model(events=[None])
    options = {"url": "", "canary": {"within": "1s"}}
    async with model.serving() as url, probing("llm", {**options, "url": url}, timeout=0.3) as probe:
        assert (await probe.look()).outcome is Outcome.OK
        reasons: set[Reason | None] = set()
        async with asyncio.timeout(10):
            while Reason.OVERLOADED not in reasons:
                reasons.add((await probe.look()).reason)
                await asyncio.sleep(0.02)
        # The next one hangs as well, and that is no return to health.
        assert (await probe.look()).reason is Reason.OVERLOADED
        assert reasons == {None, Reason.OVERLOADED}
    assert model.most_at_once == 1


async def test_close_ends_a_canary() -> None:
    """Nothing stays open when a probe goes."""
    model = Model(events=[None])
    async with model.serving() as url:
        async with probing("llm", {"url": url, "canary": {}}, timeout=0.3) as probe:
            await probe.look()
            assert model.at_once == 1
        async with asyncio.timeout(5):
            while model.at_once:
                await asyncio.sleep(0.01)


async def test_sleeping_server_is_left_asleep() -> None:
    """A canary would wake llama.cpp, and load its model for nobody."""
    model = Model(props={"is_sleeping": True})
    async with model.serving() as url, probing("llm", {"url": url, "canary": {}}) as probe:
        assert (await probe.look()).outcome is Outcome.OK
    assert model.asked == []


def counters(running: int, tokens: int, waiting: int = 0) -> str:
    return (
        f"vllm:num_requests_running {running}\nvllm:num_requests_waiting {waiting}\n"
        f"vllm:generation_tokens_total {tokens}\n"
    )


async def test_canary_rests_while_real_tokens_flow() -> None:
    """Users prove it for free, for as long as a canary would."""
    model = Model(status=500, metrics=counters(1, 10))
    async with model.serving() as url, probing("llm", {"url": url, "canary": {}}) as probe:
        assert (await probe.look()).reason is Reason.WRONG_STATUS  # the first look has nothing to compare with
        model.metrics = counters(1, 20)
        assert (await probe.look()).outcome is Outcome.OK
        assert (await probe.look()).outcome is Outcome.OK
    assert len(model.asked) == 1


async def test_waiting_requests_are_overload() -> None:
    """Busy, above the operator's number."""
    model = Model(metrics=counters(4, 10, waiting=9))
    async with model.serving() as url:
        for most, outcome in ((8, Outcome.DEGRADED), (9, Outcome.OK)):
            async with probing("llm", {"url": url, "max_waiting": most}) as probe:
                finding = await probe.look()
            assert finding.outcome is outcome
            assert finding.measurements["llm_requests_waiting"] == 9
            assert finding.measurements["llm_requests_running"] == 4


def hurried(probe: Any, stall_after: float = 0.5) -> Any:
    """The stall rule within the patience of a test: the policy's shortest is ten seconds."""
    assert isinstance(probe, LlmProbe)
    probe._stall_after = stall_after
    return probe


async def looks_until(probe: Any, reason: Reason) -> list[Reason | None]:
    seen: list[Reason | None] = []
    async with asyncio.timeout(10):
        while reason not in seen:
            seen.append((await probe.look()).reason)
            await asyncio.sleep(0.05)
    return seen


async def test_green_health_of_a_hung_engine_is_stalled() -> None:
    """As vLLM does it: 200 while nothing moves; the counters tell."""
    model = Model(metrics=counters(1, 10))
    async with model.serving() as url, probing("llm", {"url": url}) as probe:
        seen = await looks_until(hurried(probe), Reason.STALLED)
        assert set(seen[:-1]) == {None}
        model.metrics = counters(1, 11)
        assert (await probe.look()).outcome is Outcome.OK
    assert Reason.STALLED.category is Category.FAULT


async def test_idle_hung_engine_is_found_by_its_canary() -> None:
    """Without traffic the canary is the work that does not progress."""
    model = Model(events=[None], metrics=counters(0, 10))
    async with model.serving() as url, probing("llm", {"url": url, "canary": {}}, timeout=0.3) as probe:
        await hurried(probe).look()
        model.metrics = counters(1, 10)
        await looks_until(probe, Reason.STALLED)


async def test_silent_server_is_overloaded_first_and_stalled_in_the_end() -> None:
    """A burst makes health late for seconds; minutes without any answer are no burst."""
    model = Model(health=0)
    async with model.serving() as url, probing("llm", {"url": url, "metrics_path": None}, timeout=0.2) as probe:
        seen = await looks_until(hurried(probe), Reason.STALLED)
    assert seen[0] is Reason.OVERLOADED
    assert set(seen[:-1]) == {Reason.OVERLOADED}


async def test_late_health_while_tokens_flow_is_never_stalled() -> None:
    """An overloaded server is busy for as long as it works."""
    model = Model(health=0, metrics=counters(1, 0))
    async with model.serving() as url, probing("llm", {"url": url}, timeout=0.2) as probe:
        hurried(probe)
        for tokens in range(1, 6):
            model.metrics = counters(4, tokens, waiting=500)
            assert (await probe.look()).reason is Reason.OVERLOADED


async def test_loading_is_measured() -> None:
    """No server tells how far it is; the time so far is what there is."""
    model = Model(health=503, metrics="")

    async def loading(request: web.Request) -> web.Response:
        return web.json_response({"error": {"message": "Loading model"}}, status=503)

    model.handle = loading  # type: ignore[method-assign]
    async with model.serving() as url, probing("llm", {"url": url}) as probe:
        first, second = await probe.look(), await probe.look()
    assert first.reason is second.reason is Reason.LOADING
    assert 0 == first.measurements["llm_loading_seconds"] < second.measurements["llm_loading_seconds"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"canary": {"max_tokens": 9}}, "max_tokens"),
        ({"canary": {"max_tokens": 1}}, "max_tokens"),
        ({"canary": {"path": "/v1/embeddings"}}, "path"),
        ({"canary": {"every": "1s"}}, "every"),
        ({"canary": {"question": "x"}}, "question"),
        ({"stall_after": "9s"}, "stall_after"),
        ({"max_waiting": -1}, "max_waiting"),
        ({"metrics_path": "metrics"}, "expected a path"),
    ],
)
def test_wrong_options_are_refused(options: Any, message: str) -> None:
    """A canary is small and rare; a stall needs time to be one."""
    with pytest.raises(ValueError, match=message):
        make("llm", {"url": "http://127.0.0.1:8001", **options})
