"""A stand-in for a model server: it loads, then streams tokens. Standard library only: it runs inside its container.

`/health` answers as llama.cpp does (503 "Loading model", then 200 "ok"), `/v1/completions` as OpenAI does,
`/metrics` as vLLM does. Settings come from the environment:
PORT, LOAD_SECONDS, TOKENS_PER_SECOND, SLOTS, SLOW_SECONDS.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from nemo_watchdog.demo.serving import Handler, Switch, serve

MODEL = "gemma"
WORDS = ("the", " database", " is", " not", " broken", ",", " it", " is", " busy", ".")


class Model:
    """Loads for `load_seconds`, then gives at most `slots` requests `tokens_per_second` each.

    In mode `stall` it produces nothing while `/health` stays green: vLLM's hung engine (vllm-project/vllm#17972).
    """

    def __init__(self, switch: Switch, load_seconds: float, tokens_per_second: float, slots: int) -> None:
        self._switch = switch
        self._loaded_at = time.monotonic() + load_seconds
        self._gap = 1.0 / tokens_per_second
        self._slots = threading.Semaphore(slots)
        self._lock = threading.Lock()
        self._counts = {"running": 0, "waiting": 0, "prompt_tokens": 0, "generated_tokens": 0}

    @property
    def loading(self) -> bool:
        return time.monotonic() < self._loaded_at

    @property
    def counts(self) -> Mapping[str, int]:
        with self._lock:
            return dict(self._counts)

    def _count(self, **changes: int) -> None:
        with self._lock:
            for name, change in changes.items():
                self._counts[name] += change

    @contextmanager
    def slot(self, prompt: str) -> Iterator[None]:
        self._count(waiting=1)
        self._slots.acquire()
        self._count(waiting=-1, running=1, prompt_tokens=len(prompt.split()))
        try:
            yield
        finally:
            self._count(running=-1)
            self._slots.release()

    def tokens(self, count: int) -> Iterator[str]:
        for number in range(count):
            time.sleep(self._gap)
            self._switch.wait_while("stall")
            self._count(generated_tokens=1)
            yield WORDS[number % len(WORDS)]

    def metrics(self) -> str:
        """Names of vLLM's own metrics. Source: vLLM documentation, "Production Metrics"."""
        counts = self.counts
        rows = (
            ("vllm:num_requests_running", "gauge", counts["running"]),
            ("vllm:num_requests_waiting", "gauge", counts["waiting"]),
            ("vllm:prompt_tokens_total", "counter", counts["prompt_tokens"]),
            ("vllm:generation_tokens_total", "counter", counts["generated_tokens"]),
        )
        return "".join(
            f'# TYPE {name} {kind}\n{name}{{model_name="{MODEL}"}} {float(value)}\n' for name, kind, value in rows
        )


class ModelHandler(Handler):
    model: Model

    def get(self, path: str) -> None:
        if path == "/metrics":
            self.answer_bytes(200, "text/plain; version=0.0.4", self.model.metrics().encode())
        elif path not in ("/health", "/v1/models"):
            super().get(path)
        elif self.model.loading:
            self._answer_loading()
        elif path == "/health":
            self.answer(200, {"status": "ok"})
        else:
            self.answer(200, {"object": "list", "data": [{"id": MODEL, "object": "model"}]})

    def post(self, path: str, body: bytes) -> None:
        if path != "/v1/completions":
            super().post(path, body)
            return
        if self.model.loading:
            self._answer_loading()
            return
        try:
            request = json.loads(body or b"{}")
            prompt, count, stream = str(request["prompt"]), int(request.get("max_tokens", 16)), request.get("stream")
        except (ValueError, TypeError, KeyError) as error:
            self.answer(400, {"error": {"code": 400, "message": f"bad request: {error!r}"}})
            return
        with self.model.slot(prompt):
            if stream:
                self._stream(count)
            else:
                self.answer(200, _completion("".join(self.model.tokens(count)), "length"))

    def _answer_loading(self) -> None:
        """Source: llama.cpp `tools/server/README.md`, "GET /health"."""
        self.answer(503, {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}})

    def _stream(self, count: int) -> None:
        """Server-sent events; without a length the end of the connection is the end of the answer."""
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        for token in self.model.tokens(count):
            self._event(json.dumps(_completion(token, None)))
        self._event(json.dumps(_completion("", "length")))
        self._event("[DONE]")

    def _event(self, data: str) -> None:
        self.wfile.write(f"data: {data}\n\n".encode())


def _completion(text: str, finish: str | None) -> dict[str, object]:
    choice = {"index": 0, "text": text, "finish_reason": finish}
    return {"id": "cmpl-demo", "object": "text_completion", "model": MODEL, "choices": [choice]}


def main() -> None:
    switch = Switch(float(os.environ.get("SLOW_SECONDS", "2")))
    ModelHandler.switch = switch
    ModelHandler.model = Model(
        switch,
        load_seconds=float(os.environ.get("LOAD_SECONDS", "3")),
        tokens_per_second=float(os.environ.get("TOKENS_PER_SECOND", "50")),
        slots=int(os.environ.get("SLOTS", "4")),
    )
    serve(ModelHandler, int(os.environ["PORT"]))


if __name__ == "__main__":
    main()
