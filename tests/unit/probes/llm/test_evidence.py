"""What is kept of a model server: its health page as it came, and its metrics with those first that matter."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from aiohttp import web

from nemo_watchdog.errors import in_one_line
from nemo_watchdog.ports import EvidenceSource
from nemo_watchdog.probes.llm.evidence import MOST_LINES
from tests.unit.probes.http.test_probe import answering, serving
from tests.unit.probes.making import probing
from tests.unit.probes.servers import Server, drop, stall

VLLM = """\
# HELP vllm:num_requests_running Number of requests in model execution batches.
python_gc_objects_collected_total{generation="0"} 8315.0
vllm:num_requests_running{engine="0",model_name="gemma"} 7.0
process_start_time_seconds 1.7e9
vllm:num_requests_waiting{engine="0",model_name="gemma"} 120.0
vllm:kv_cache_usage_perc{engine="0",model_name="gemma"} 0.998
vllm:generation_tokens_total{engine="0",model_name="gemma"} 424242.0
vllm:time_to_first_token_seconds_bucket{le="0.1"} 3.0
vllm:time_to_first_token_seconds_sum 12.5
"""


async def told(url: str, part: str, **options: Any) -> str:
    async with probing("llm", {"url": url, **options}) as probe:
        assert isinstance(probe, EvidenceSource)
        return await probe.evidence()[part]()


async def test_metrics_that_matter_come_first() -> None:
    """Queue, cache and tokens, as the server wrote them; without comments and the parts of histograms."""
    async with serving(answering(text=VLLM, content_type="text/plain")) as url:
        first, *lines = (await told(url, "metrics.txt")).splitlines()
    assert first.startswith("status 200: connected after ")
    of_vllm = [line for line in VLLM.splitlines() if line.startswith("vllm:") and "_bucket" not in line]
    assert lines[:5] == of_vllm
    assert [line.partition(" ")[0].partition("{")[0] for line in lines[5:]] == [
        "python_gc_objects_collected_total",
        "process_start_time_seconds",
    ]


async def test_long_pages_are_cut() -> None:
    """In lines, and a page of more than is read where it is cut: never in the middle of a line."""
    for count, last in ((3000, f"… {3000 - MOST_LINES} more lines are left out"), (300_000, "more lines are left out")):
        page = "".join(f"tgi_queue_size{number} {number}\n" for number in range(count))
        async with serving(answering(text=page)) as url:
            lines = (await told(url, "metrics.txt")).splitlines()
        assert len(lines) == MOST_LINES + 2
        assert last in lines[-1]
    async with serving(answering(text="tgi_queue_size 1234567\n" + "#" * (2 << 20))) as url:
        lines = (await told(url, "metrics.txt")).splitlines()
    assert lines[1:] == ["tgi_queue_size 1234567", "… the rest of the page was not read"]


async def test_a_page_that_drips_is_told_in_whole_lines() -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\ntgi_queue_size 3\ntgi_batch_current_size 1")
        writer.close()

    async with Server(drip).running() as server:
        lines = (await told(f"http://127.0.0.1:{server.port}", "metrics.txt")).splitlines()
    assert lines[1] == "tgi_queue_size 3"
    assert lines[2].startswith("… it closed the connection after ")
    assert len(lines) == 3


async def test_a_server_that_is_gone() -> None:
    async with Server(drop).running() as server:
        url = f"http://127.0.0.1:{server.port}"
        assert (await told(url, "metrics.txt")).startswith("no answer: connected after ")
        assert (await told(url, "answer.txt")).startswith("GET: connected after ")


async def test_the_health_page_as_the_look_asks_for_it() -> None:
    async def handler(request: web.Request) -> web.Response:
        body = {"error": {"message": "Loading model"}, "asked": request.path, "by": request.headers["Authorization"]}
        return web.json_response(body, status=503)

    async with serving(handler) as url:
        headers = {"Authorization": "Bearer hunter2-and-more"}
        answer = await told(url.removesuffix("/health"), "answer.txt", headers=headers, health_path="/v1/models")
        metrics = await told(url.removesuffix("/health"), "metrics.txt", headers=headers)
    assert "HTTP/1.1 503 Service Unavailable" in answer
    assert '"asked": "/v1/models", "by": "***"' in answer
    assert "hunter2" not in answer + metrics


async def test_control_characters_are_shown_as_such() -> None:
    async with serving(answering(text='tgi_queue_size{a="\x1b[2J"} 3\n')) as url:
        assert in_one_line('{a="\x1b[2J"} 3') in await told(url, "metrics.txt")


async def test_metrics_that_the_look_does_not_ask_for_are_no_evidence() -> None:
    """Asking for them wakes a server that sleeps."""
    async with probing("llm", {"url": "http://127.0.0.1:1", "metrics_path": None}) as probe:
        assert isinstance(probe, EvidenceSource)
        assert set(probe.evidence()) == {"answer.txt"}


async def test_cancelled_it_leaves_nothing_open() -> None:
    async with Server(stall).running() as server, probing("llm", {"url": f"http://127.0.0.1:{server.port}"}) as probe:
        assert isinstance(probe, EvidenceSource)
        asking = [asyncio.ensure_future(question()) for question in probe.evidence().values()]
        await server.wait_open(2)
        for each in asking:
            each.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await each
        await server.wait_open(0)
