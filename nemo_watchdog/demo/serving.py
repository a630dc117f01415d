"""A small threaded HTTP server that breaks on request. Standard library only: it runs inside containers.

`POST /break?mode=…` sets how it misbehaves. The mode lives in memory, so a restart cures it;
only `never` is kept in a file of the container, so that no restart does.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn
from urllib.parse import parse_qs, urlsplit

MODES = ("ok", "500", "hang", "exit", "slow", "stall", "never", "ill", "garble", "deaf", "hoard")
"""`ill` says so with a 200, `garble` is no HTTP, `deaf` stops listening, `hoard` takes memory until it is ended."""
NEVER = Path("/tmp/never-healthy")  # noqa: S108 - inside the container, which has nobody else


class Switch:
    """The mode, shared by all request threads. `slow_seconds` is how long a slow answer takes."""

    def __init__(self, slow_seconds: float, never: Path = NEVER) -> None:
        self.slow_seconds = slow_seconds
        self._never = never
        self._changed = threading.Condition()
        self._mode = "never" if never.exists() else "ok"

    @property
    def mode(self) -> str:
        return self._mode

    def set(self, mode: str) -> None:
        """`exit` ends the process at once, as a crash does. Raises ValueError for a mode that does not exist."""
        if mode not in MODES:
            raise ValueError(f"no such mode: {mode!r}; there are {', '.join(MODES)}")
        if mode == "exit":
            os._exit(1)
        if mode == "never":
            self._never.touch()
        else:
            self._never.unlink(missing_ok=True)
        with self._changed:
            self._mode = mode
            self._changed.notify_all()

    def wait_while(self, *modes: str, timeout: float | None = None) -> None:
        """Blocks as long as the mode is one of these, at most `timeout` seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self._mode not in modes, timeout)


class Handler(BaseHTTPRequestHandler):
    """Answers JSON, honours the switch on every path but `/break`, and logs nothing per request."""

    protocol_version = "HTTP/1.1"
    switch: Switch

    def do_GET(self) -> None:
        if not self.misbehaved():
            self.get(urlsplit(self.path).path)

    def do_POST(self) -> None:
        target = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if target.path == "/break":
            mode = parse_qs(target.query).get("mode", [""])[0]
            try:
                self.switch.set(mode)
            except ValueError as error:
                self.answer(400, {"error": str(error)})
            else:
                self.answer(200, {"mode": mode})
                self.switched()
        elif not self.misbehaved():
            self.post(target.path, body)

    def get(self, path: str) -> None:
        """What the server answers when it is well; a subclass knows."""
        self.answer(404, {"error": f"nothing at {path}"})

    def post(self, path: str, body: bytes) -> None:
        self.answer(404, {"error": f"nothing at {path} takes {len(body)} bytes"})

    def misbehaved(self) -> bool:
        """True when the switch has already answered this request."""
        self.switch.wait_while("hang")
        self.switch.wait_while("slow", timeout=self.switch.slow_seconds)
        if self.switch.mode in ("500", "never"):
            self.answer(500, {"error": "Internal Server Error"})
        elif self.switch.mode == "ill":
            self.answer(200, {"status": "ill"})
        elif self.switch.mode == "garble":
            self.wfile.write(b"\x00 this is no HTTP \x00\r\n\r\n")
            self.close_connection = True
        elif self.switch.mode == "deaf":
            self.close_connection = True
        else:
            return False
        return True

    def switched(self) -> None:
        """What a mode does beyond its answers, once it has been answered itself."""
        if self.switch.mode == "deaf":
            threading.Thread(target=self.server.shutdown, daemon=True).start()
        elif self.switch.mode == "hoard":
            hoard: list[bytes] = []
            while True:
                hoard.append(b"x" * 2**20)

    def answer(self, status: int, body: object) -> None:
        self.answer_bytes(status, "application/json", json.dumps(body).encode())

    def answer_bytes(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Probes come every second; a line for each would bury what matters."""


class Server(ThreadingHTTPServer):
    """One thread a connection; a client that went away is no error worth a traceback."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A probe that gave up closes its connection while we write to it: that is its right."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def serve(handler: type[Handler], port: int) -> None:
    """Serves on every address of the container until SIGTERM, which it obeys at once: PID 1 has no default action."""

    def leave(_signal: int, _frame: FrameType | None) -> NoReturn:
        os._exit(0)

    signal.signal(signal.SIGTERM, leave)
    with Server(("0.0.0.0", port), handler) as server:
        print("serving", flush=True)  # noqa: T201 - the container's log tells to the millisecond when it served again
        server.serve_forever()
    signal.pause()  # deaf: it lives, and nobody listens
