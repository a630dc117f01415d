"""Situations in which what gives no answer in time works: a restart loses that work and makes the queue longer."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from aiohttp import ClientError, ClientSession, ClientTimeout
from redis import asyncio as redis_client

from nemo_watchdog.demo.parts import Part
from tests.suites.situations import Happens, Situation, Stage

CLIENTS = 12

_WORKER = """
import http.server, sys, time
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/work":
            end = time.monotonic() + 0.4
            while {burns} and time.monotonic() < end:
                pass
            time.sleep(max(0.0, end - time.monotonic()))
        body = b'{{"status": "ok", "padding": "' + b"x" * {padding} + b'"}}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
class Server(http.server.HTTPServer):
    request_queue_size = 128
    def handle_error(self, *_):
        pass
Server(("", 8000), Handler).serve_forever()
"""


@dataclass(frozen=True, slots=True)
class SingleWorker:
    """A gateway that serves one request at a time: 0.4 s for each, of computing or of waiting for something.

    Its answers have so many bytes more than the shortest there are.
    """

    burns: bool
    padding: int = 500

    kind: ClassVar[str] = "gateway"
    inner_port: ClassVar[int] = 8000

    def options(self, others: Mapping[str, Part]) -> list[str]:
        return []

    def command(self) -> list[str]:
        return ["/usr/bin/python3", "-c", _WORKER.format(burns=self.burns, padding=self.padding)]


async def work(port: int, done: list[float]) -> None:
    """One client that asks for ever; when each answer came goes to `done`, in seconds of the loop."""
    async with ClientSession(timeout=ClientTimeout(30.0)) as session:
        while True:
            try:
                async with session.get(f"http://127.0.0.1:{port}/work") as answer:
                    await answer.read()
                    done.append(asyncio.get_running_loop().time())
            except (ClientError, TimeoutError):
                await asyncio.sleep(0.1)


async def calls_again(port: int) -> None:
    """One client that waits for half a second, gives up, and calls again, for ever."""
    async with ClientSession(timeout=ClientTimeout(0.5)) as session:
        while True:
            try:
                async with session.get(f"http://127.0.0.1:{port}/work") as answer:
                    await answer.read()
            except (ClientError, TimeoutError):
                await asyncio.sleep(0.05)


async def clients_call_again(stage: Stage) -> None:
    """The kernel takes their calls also for what is stopped."""
    for _ in range(CLIENTS):
        task = asyncio.create_task(calls_again(stage.platform.port("gateway")))
        stage.stack.callback(task.cancel)


async def more_work_than_it_can_do(stage: Stage) -> None:
    """The health answer queues behind it; all of it is answered in its turn."""
    done: list[float] = []
    for _ in range(CLIENTS):
        task = asyncio.create_task(work(stage.platform.port("gateway"), done))
        stage.stack.callback(task.cancel)
    await stage.daemon.more_looks(10)


def saves_in_the_foreground(seconds: float) -> Happens:
    """`SAVE` blocks every client until the file is written."""

    async def act(stage: Stage) -> None:
        keys = 100_000
        port = stage.platform.port("redis")
        async with redis_client.Redis(port=port) as client:
            fill = "for n = 1, tonumber(ARGV[1]) do redis.call('SET', 'fresh:' .. n, n) end"
            await client.eval(fill, 0, keys)
            await client.config_set("rdb-key-save-delay", max(1, int(seconds * 1e6 / keys) - 60))

        async def save() -> None:
            async with redis_client.Redis(port=port, socket_timeout=300.0) as client:
                await client.save()

        task = asyncio.create_task(save())
        stage.stack.callback(task.cancel)
        await asyncio.sleep(0.2)

    return act


OVERLOADED = (
    Situation(
        "gateway computes and gives no answer in time",
        [SingleWorker(burns=True)],
        "gateway",
        "overloaded",
        more_work_than_it_can_do,
    ),
    Situation(
        "gateway waits for others and gives no answer in time",
        [SingleWorker(burns=False)],
        "gateway",
        "overloaded",
        more_work_than_it_can_do,
    ),
    Situation(
        "gateway waits for others, and its answers are small",
        [SingleWorker(burns=False, padding=0)],
        "gateway",
        "overloaded",
        more_work_than_it_can_do,
    ),
    Situation("redis saves in the foreground", ["redis"], "redis", "overloaded", saves_in_the_foreground(15.0)),
)
