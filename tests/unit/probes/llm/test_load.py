"""What the metrics of each model server say, and how long it has been silent."""

from __future__ import annotations

import time

import pytest

from nemo_watchdog.probes.llm.load import Load, read_load
from nemo_watchdog.probes.llm.silence import Silence

VLLM = b"""# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="a"} 2.0
vllm:num_requests_running{engine="1",model_name="a"} 1.0
vllm:num_requests_waiting{engine="0",model_name="a"} 7.0
vllm:prompt_tokens_total{engine="0",model_name="a"} 1.0e+02
vllm:generation_tokens_total{engine="0",model_name="a"} 20
vllm:e2e_request_latency_seconds_bucket{le="0.3",model_name="a"} 1.0
python_gc_objects_collected_total{generation="0"} 9.0
"""
LLAMA = b"llamacpp:requests_processing 1\nllamacpp:requests_deferred 4\nllamacpp:n_decode_total 77\n"
TGI = b"""tgi_batch_current_size 3
tgi_queue_size 5
tgi_batch_inference_success{method="prefill"} 4
tgi_batch_inference_success{method="decode"} 6
"""
SGLANG = b"""sglang:num_running_reqs{tp_rank="0"} 1
sglang:num_queue_reqs{tp_rank="0"} 0
sglang:realtime_tokens_total{mode="decode"} 5
sglang:generation_tokens_total 900
"""


@pytest.mark.parametrize(
    ("body", "load"),
    [
        (VLLM, Load(3, 7, 120)),
        (LLAMA, Load(1, 4, 77)),
        (TGI, Load(3, 5, 10)),
        (SGLANG, Load(1, 0, 5)),
        (b"vllm:num_requests_running 2\n", Load(2, 0, None)),
        (b"sglang:num_running_reqs 1\nsglang:generation_tokens_total 900\n", Load(1, 0, None)),
        (b"", None),
        (b"up 1\n", None),
        (b"<html>", None),
        (b"vllm:num_requests_running NaN\n", None),
        (b'vllm:num_requests_running{model_name="a" 2.0\n', None),
        (b"vllm:num_requests_running many\n", None),
        (b"\xff\xfe\0vllm:num_requests_running 1\n", None),
    ],
)
def test_the_metrics_of_each_server(body: bytes, load: Load | None) -> None:
    """Sums over engines and ranks; a counter that moves only at a request's end is no progress."""
    assert read_load(body) == load


WORKS = Load(1, 0, 100)


@pytest.mark.parametrize("line", [b"x\n", b"\n", b"vllm:num_requests_running 1\n", b'vllm:num_requests_running{"'])
def test_no_page_holds_up_the_other_looks(line: bytes) -> None:
    """One MiB, which is the most that is read, of whatever: otherwise it is `watchdog_overloaded` for all."""
    page = (line * (1 << 20))[: 1 << 20] if line.endswith(b"\n") else line + b'"' * (1 << 20)
    began = time.process_time()
    assert read_load(page) is None
    assert time.process_time() - began < 0.25


def silences(*looks: tuple[float, bool, Load | None], longest_gap: float = 60) -> list[float]:
    silence = Silence(longest_gap)
    return [silence.look(now, answered=answered, load=load) for now, answered, load in looks]


def test_work_without_progress_is_silence() -> None:
    """Requests run, no token moves."""
    assert silences((0, True, WORKS), (10, True, WORKS), (25, True, WORKS)) == [0, 10, 25]


@pytest.mark.parametrize(
    ("answered", "load"),
    [
        (True, Load(1, 0, 101)),  # a token
        (True, Load(1, 0, 0)),  # a new process, whose counters begin again
        (True, Load(0, 9, 100)),  # nothing runs
        (True, Load(1, 0, None)),  # its counters do not tell
        (True, None),  # no metrics, and it answers
        (False, Load(1, 0, 101)),  # a full server: health is late, tokens flow
    ],
)
def test_signs_of_life(answered: bool, load: Load | None) -> None:
    """Each of these ends a silence."""
    assert silences((0, True, WORKS), (10, True, WORKS), (20, answered, load))[-1] == 0


def test_no_answer_at_all_is_silence() -> None:
    """With metrics or without them."""
    assert silences((0, True, None), (10, False, None), (20, False, None)) == [0, 10, 20]
    assert silences((0, True, WORKS), (10, False, None), (20, False, None))[-1] == 20


def test_our_own_absence_is_no_silence_of_the_server() -> None:
    """After a gap in the looks the count begins again."""
    assert silences((0, True, WORKS), (10, True, WORKS), (500, True, WORKS), (510, True, WORKS)) == [0, 10, 0, 10]


def test_a_slow_prefill_is_never_silent() -> None:
    """The counters move with each chunk, so a prefill may take hours."""
    looks = [(float(now), True, Load(1, 3, now // 50)) for now in range(0, 5000, 10)]
    assert max(silences(*looks)) < 60
