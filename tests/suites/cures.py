"""Faults that one action cures, and it is no restart of a container."""

from __future__ import annotations

import shlex
import signal
import tempfile
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nemo_watchdog.demo.parts import Gateway
from nemo_watchdog.demo.platform import Platform
from tests.integration.daemon import DaemonError
from tests.integration.own_remedies import SECRET, mending, receiver, with_steps
from tests.suites import machine, scaled
from tests.suites.acts import GATEWAY, inside, person, send, swap, switch
from tests.suites.released import Released, bad_release
from tests.suites.shared_network import PARENT, Behind, SharedNetwork, Tunnel, parent_is_made_anew
from tests.suites.situations import GemmaWithGpu, Rewrites, Situation, Stage, instead, nvml

RELOADING = """
import http.server, json, os, signal

def read(*_):
    global settings
    settings = json.load(open("/data/settings"))

class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        there = os.path.exists(settings["upstream"])
        self.send_response(200 if there else 500)
        self.end_headers()
        self.wfile.write(json.dumps({"status": "ok" if there else "upstream is gone"}).encode())
    def log_message(self, *_): pass

signal.signal(signal.SIGHUP, read)
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
read()
http.server.ThreadingHTTPServer(("", int(os.environ["PORT"])), Answers).serve_forever()
"""
"""It serves while what its settings name is there, and reads them at its start and on SIGHUP."""


class Reloading(Gateway):
    def command(self) -> list[str]:
        first = 'touch /data/a && echo \'{"upstream": "/data/a"}\' > /data/settings'
        return ["sh", "-c", f"{first}; exec /usr/bin/python3 -c {shlex.quote(RELOADING)}"]


MOVED = 'mv /data/a /data/b && echo \'{"upstream": "/data/b"}\' > /data/settings'
"""The file says so; who has read it before looks at the old place."""


def step(do: str, **keys: Any) -> dict[str, Any]:
    """One attempt that helps is enough."""
    return {"do": do, "attempts": 2, "backoff": {"initial": "1s", "jitter": 0}, "verify_within": "30s", **keys}


def steps(*given: dict[str, Any]) -> Rewrites:
    return lambda text, _: with_steps(text, *given)


def both(*rewrites: Rewrites) -> Rewrites:
    def rewrite(text: str, platform: Platform) -> str:
        for each in rewrites:
            text = each(text, platform)
        return text

    return rewrite


def from_the_parent(text: str, platform: Platform) -> str:
    once = step("docker.recreate", attempts=1, stop_timeout="2s", network_from=platform.name(PARENT))
    return with_steps(text, once)


@dataclass
class Orders:
    """A receiver of orders, which checks each signature, and notes whom it has mended."""

    taken: list[str] = field(default_factory=list)
    url: str = ""

    async def listen(self, platform: Platform, stack: AsyncExitStack) -> None:
        self.url = await stack.enter_async_context(receiver(platform, self.taken))

    def policy(self, text: str, _: Platform) -> str:
        return with_steps(text, step("webhook", url=f"{self.url}/mend", secret=SECRET))

    async def one_came(self, _: Stage) -> None:
        if self.taken != ["/mend"]:
            raise DaemonError(f"orders came to {self.taken}")


@dataclass
class Runs:
    """A program that mends the gateway, and notes each run of it in a file."""

    notes: Path = Path()

    async def make(self, _: Platform, stack: AsyncExitStack) -> None:
        self.notes = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "runs"

    def policy(self, text: str, platform: Platform) -> str:
        script = f'echo "$NEMO_WATCHDOG_REASON" >> {self.notes}; exec "$@"'
        return with_steps(text, step("command", command=["sh", "-c", script, "sh", *mending(platform)]))

    async def one_was(self, _: Stage) -> None:
        if (runs := self.notes.read_text(encoding="ascii").split()) != ["wrong_status"]:
            raise DaemonError(f"it ran for {runs}")


ORDERS, RUNS = Orders(), Runs()
DATABASE = "{do: docker.restart, stop_timeout: 30s, attempts: 1, verify_within: 1m}"

CURED = (
    Situation(
        "a container loses the GPU that the host sees, and the policy says a new one at once",
        [GemmaWithGpu(load_seconds=0.0)],
        "gemma",
        "gpu_unavailable",
        inside("gemma", "rm /dev/nvidiactl"),
        rewrites=both(
            instead("gemma", "probe: gpu\n    container_view: true"),
            steps(
                step("docker.restart", when={"reason": ["exited", "oom_killed", "timeout"]}),
                step("docker.recreate", stop_timeout="2s", when={"reason": "gpu_unavailable"}),
            ),
        ),
        environ=nvml(),
        cured_by="docker.recreate",
    ),
    Situation(
        "the container whose network it uses was made anew",
        [Tunnel(), Behind(load_seconds=0.0)],
        "gemma",
        "connection_lost",
        parent_is_made_anew,
        or_sees=["refused"],  # as long as the new one is not there yet
        rewrites=from_the_parent,
        people_order={"kill 9": 1, "remove": 1, "create": 1},
        cured_by="docker.recreate",
        made=SharedNetwork,
    ),
    Situation(
        "a person deploys a release that answers 500",
        GATEWAY,
        "gateway",
        "wrong_status",
        bad_release,
        rewrites=steps(step("docker.rollback", proven_for="1m", stop_timeout="2s")),
        people_order={"kill 9": 1, "remove": 1, "create": 1},
        cured_by="docker.rollback",
        made=Released,
    ),
    Situation(
        "a service of systemd hangs",
        [machine.Machine()],
        "machine",
        "timeout",
        machine.unit_hangs,
        rewrites=machine.watched,
        environ=machine.bus,
        cured_by="systemd.restart",
        afterwards=machine.restarted_once,
    ),
    Situation(
        "a queue has more to do than one worker can",
        [scaled.Worker()],
        "worker",
        "reported_busy",
        scaled.too_much_to_do,
        rewrites=scaled.watched,
        cured_by="compose.up",
        made=scaled.Queue,
        afterwards=scaled.both_are_worked_at,
    ),
    Situation(
        "gateway is killed, and the policy says start",
        GATEWAY,
        "gateway",
        "exited",
        send("gateway", signal.SIGKILL),
        rewrites=steps(step("docker.start"), step("docker.restart")),
        cured_by="docker.start",
    ),
    Situation(
        "postgres is killed, and the policy says start",
        ["postgres"],
        "postgres",
        "exited",
        send("postgres", signal.SIGKILL),
        rewrites=swap(DATABASE, "{do: docker.start, attempts: 1, verify_within: 1m}"),
        cured_by="docker.start",
    ),
    Situation(
        "a script paused it, and never let it go on",
        GATEWAY,
        "gateway",
        "paused",
        person("pause", "gateway"),
        rewrites=steps(step("docker.unpause", after="1m"), step("docker.restart")),
        people_order={"pause": 1},
        acts_within=120.0,
        cured_by="docker.unpause",
    ),
    Situation(
        "what it needs has moved, and it reads its settings anew on SIGHUP",
        [Reloading()],
        "gateway",
        "wrong_status",
        inside("gateway", MOVED),
        rewrites=steps(step("docker.kill", signal="HUP"), step("docker.restart")),
        cured_by="docker.kill",
    ),
    Situation(
        "gateway answers 500, and a program mends it",
        GATEWAY,
        "gateway",
        "wrong_status",
        switch("gateway", "500"),
        prepares=RUNS.make,
        rewrites=RUNS.policy,
        cured_by="command",
        afterwards=RUNS.one_was,
    ),
    Situation(
        "gateway answers 500, and who is told by a signed order mends it",
        GATEWAY,
        "gateway",
        "wrong_status",
        switch("gateway", "500"),
        prepares=ORDERS.listen,
        rewrites=ORDERS.policy,
        cured_by="webhook",
        afterwards=ORDERS.one_came,
    ),
)
