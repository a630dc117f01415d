"""The console script as a person calls it, and a stand-in for the daemon that it speaks to."""

from __future__ import annotations

import json
import logging
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import structlog

from nemo_watchdog.cli import main
from tests.unit.engine.world import World
from tests.unit.statuses import on_the_wire, seen

TOKEN = "the-token"


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


Call = Callable[..., Result]


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """`call("check", path)` is `nemo-watchdog check PATH`, without what the environment may hold."""
    for name in ("POLICY", "STATE_DIR", "LISTEN", "LOG_LEVEL", "LOG_FORMAT", "READING", "TOKEN"):
        monkeypatch.delenv(f"NEMO_WATCHDOG_{name}", raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("NO_COLOR", "1")

    def called(*arguments: object) -> Result:
        monkeypatch.setattr("sys.argv", ["nemo-watchdog", *map(str, arguments)])
        before, heard, warned = structlog.get_config(), list(logging.getLogger().handlers), warnings.showwarning
        try:
            with pytest.raises(SystemExit) as ended:
                main()
        finally:
            structlog.configure(**before)  # `run` sets up the log of the whole process
            logging.getLogger().handlers[:] = heard
            warnings.showwarning = warned
        captured = capsys.readouterr()
        code = ended.value.code
        assert isinstance(code, int)
        return Result(code, captured.out, captured.err)

    return called


def status_of(world: World, *problems: str, **more: Any) -> dict[str, Any]:
    """What the daemon of this world would answer; `problems` are those of the last reload."""
    return {**on_the_wire(seen(world, *problems)), **more}


@dataclass
class StandIn:
    """Answers every request with `code` and `body`, or of `bodies` with that of its path; keeps what was asked."""

    listen: str
    body: Any = field(default_factory=dict)
    bodies: dict[str, Any] = field(default_factory=dict)
    code: int = 200
    content_type: str = "application/json"
    asked: list[tuple[str, str, Any]] = field(default_factory=list)
    """Method, path and JSON body."""
    tokens: list[str | None] = field(default_factory=list)


@contextmanager
def standing_in() -> Iterator[StandIn]:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            sent = json.loads(self.rfile.read(length)) if length else None
            it.asked.append((self.command, self.path, sent))
            it.tokens.append(self.headers.get("Authorization"))
            said = it.bodies.get(self.path, it.body)
            body = said if isinstance(said, bytes) else json.dumps(said).encode()
            self.send_response(it.code)
            self.send_header("Content-Type", it.content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = _answer  # noqa: N815 - the names that http.server calls

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that http.server gives
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    it = StandIn(f"127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield it
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
