"""The target: a loopback HTTP server that costs as little as can be, and counts what it answered.

`python -m cost.server` prints its port. Each line on stdin is the status to answer with from now on, or nothing to
leave it, and is answered with the number of requests so far. `500 20` is the status of the first 20 targets, and leaves
that of the others.
"""

from __future__ import annotations

import asyncio
import sys

import uvloop

BODY = b'{"status":"ok"}'
END_OF_REQUEST = b"\r\n\r\n"


class Target(asyncio.Protocol):
    """One connection, kept alive. Requests have no body, so an empty line ends each one."""

    answered = 0
    answer = b""
    first_answer = b""
    first = 0
    """So many targets, by their numbers, have an answer of their own."""

    def __init__(self) -> None:
        self._unfinished = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        data = self._unfinished + data
        *requests, self._unfinished = data.split(END_OF_REQUEST)
        Target.answered += len(requests)
        if Target.first:
            self._transport.write(b"".join(map(_answer_to, requests)))
        else:
            self._transport.write(Target.answer * len(requests))


def _answer_to(request: bytes) -> bytes:
    """`GET /target/0042 HTTP/1.1` and headers."""
    number = request.partition(b"/target/")[2][:4]
    return Target.first_answer if number.isdigit() and int(number) < Target.first else Target.answer


def _told() -> None:
    if not (line := sys.stdin.readline()):  # whoever started it is gone
        sys.exit()
    match line.split():
        case [status]:
            _answer_with(status)
        case [status, first]:
            Target.first_answer, Target.first = _answer(status), int(first)
    print(Target.answered, flush=True)


def _answer_with(status: str) -> None:
    Target.answer, Target.first = _answer(status), 0


def _answer(status: str) -> bytes:
    head = f"HTTP/1.1 {status} Benchmark\r\nContent-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n"
    return head.encode() + BODY


async def serve() -> None:
    _answer_with("200")
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Target, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    loop.add_reader(sys.stdin.fileno(), _told)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve())
