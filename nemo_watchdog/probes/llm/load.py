"""What a model server's own metrics say about its work: requests that run and wait, and a counter that tokens move.

It does no IO. Sources: vLLM documentation, "Production Metrics"; ggml-org/llama.cpp tools/server/README.md, "GET
/metrics"; text-generation-inference documentation, "Metrics"; SGLang documentation, "Production Metrics".
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families


@dataclass(frozen=True, slots=True)
class Load:
    """Requests, and the sum of the counters that move while tokens are made; None where the server has no such."""

    running: float
    waiting: float
    progress: float | None


@dataclass(frozen=True, slots=True)
class _Names:
    running: str
    waiting: str
    progress: tuple[str, ...]


# Only counters that move during a request. The token counters of TGI and SGLang move at its end: a long answer
# would look like a standstill. llama.cpp's do too, which is why its count of decodes is needed.
_SERVERS = (
    _Names(
        "vllm:num_requests_running",
        "vllm:num_requests_waiting",
        ("vllm:generation_tokens_total", "vllm:prompt_tokens_total"),
    ),
    _Names("llamacpp:requests_processing", "llamacpp:requests_deferred", ("llamacpp:n_decode_total",)),
    _Names("tgi_batch_current_size", "tgi_queue_size", ("tgi_batch_inference_success",)),
    _Names("sglang:num_running_reqs", "sglang:num_queue_reqs", ("sglang:realtime_tokens_total",)),
)
_WANTED = re.compile(
    b"^(?:%s)(?:[{ ].*)?$"
    % b"|".join(re.escape(name).encode() for each in _SERVERS for name in (each.running, each.waiting, *each.progress)),
    re.MULTILINE,
)
_MOST_WANTED = 64 * 1024
"""Bytes of those lines: a server has one of each name for each of its engines, and the parser's time is the loop's."""


def read_load(body: bytes) -> Load | None:
    """None when these are not the metrics of a server that is known here. Values are summed over their labels."""
    sums = _sums(body)
    for names in _SERVERS:
        if names.running in sums:
            progress = [sums[name] for name in names.progress if name in sums]
            return Load(sums[names.running], sums.get(names.waiting, 0.0), sum(progress) if progress else None)
    return None


def _sums(body: bytes) -> Mapping[str, float]:
    # The parser sees the lines that are wanted and no other: a page of metrics may have thousands.
    lines = [line[0].rstrip(b"\r").decode(errors="replace") for line in _WANTED.finditer(body)]
    if sum(len(line) for line in lines) > _MOST_WANTED:
        return {}
    sums: dict[str, float] = defaultdict(float)
    try:
        for family in text_string_to_metric_families("\n".join(lines) + "\n"):
            for sample in family.samples:
                sums[sample.name] += sample.value
    except (ValueError, IndexError, KeyError):
        return {}
    return {name: value for name, value in sums.items() if math.isfinite(value)}
