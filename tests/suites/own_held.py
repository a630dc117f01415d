"""Situations in which an action of the operator's own, a program or an order by HTTP, could take too much."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from nemo_watchdog.demo.platform import Platform
from tests.connects_stub.build import build_stub
from tests.integration.daemon import DaemonError
from tests.integration.own_remedies import SECRET, with_steps
from tests.suites.acts import FIVE_HUNDRED, GATEWAY, in_turn
from tests.suites.anew import refused
from tests.suites.cures import step
from tests.suites.situations import Happens, Situation, Stage

METADATA = "169.254.169.254"
NAME = "metadata.test"

TELLS = """
import json, os, sys
fds = {}
for each in os.listdir("/proc/self/fd"):
    try: fds[each] = os.readlink(f"/proc/self/fd/{each}")
    except FileNotFoundError: pass
with open(sys.argv[1] + ".new", "w") as out:
    json.dump({"environ": dict(os.environ), "fds": fds}, out)
os.rename(sys.argv[1] + ".new", sys.argv[1])
"""
"""Writes down what it was given. The first three are /dev/null and what it writes to."""
GIVEN = {"PATH", "LANG"} | {
    f"NEMO_WATCHDOG_{each}" for each in ("INCIDENT", "SEVERITY", "DEPENDENCY", "REASON", "ACTION_ID", "TARGET")
}

LASTS = """\
trap '' TERM
echo $$ >> {notes}
sleep 300 &
echo $! >> {notes}
wait
sleep 300
"""
"""It goes on after SIGTERM, and so does what it has put into the background."""


def ended(action: str, outcome: str) -> Happens:
    async def act(stage: Stage) -> None:
        await stage.daemon.event("action_ended", within=60.0, action=action, outcome=outcome)

    return act


@dataclass
class Program:
    """One that leaves notes in a file."""

    script: list[str]
    keys: dict[str, Any] = field(default_factory=dict)
    notes: Path = Path()

    async def make(self, _: Platform, stack: AsyncExitStack) -> None:
        self.notes = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "notes"

    def policy(self, text: str, _: Platform) -> str:
        """It is tried more often than it is looked at: the order with the secret never has its turn."""
        command = [word.replace("{notes}", str(self.notes)) for word in self.script]
        own = step("command", command=command, **{"attempts": 9, "verify_within": "5s", **self.keys})
        return with_steps(text, own, step("webhook", url="http://127.0.0.1:1/", secret="${CANARY}"))

    async def nothing_more(self, _: Stage) -> None:
        """Its environment is what is documented, and of the daemon's files it has none."""
        text = self.notes.read_text(encoding="utf-8")
        told = json.loads(text)
        if SECRET in text or set(told["environ"]) - {"LC_CTYPE"} != GIVEN:  # Python itself sets that one
            raise DaemonError(f"its environment: {', '.join(sorted(told['environ']))}")
        files = told["fds"]
        written = {files.pop(each, "") for each in ("1", "2")}
        if files != {"0": "/dev/null"} or not all(each.startswith(("pipe:", "socket:")) for each in written):
            raise DaemonError(f"its files: {told['fds']}, {written}")

    async def runs(self, stage: Stage) -> None:
        """Returns when it has put something into the background."""

        async def begun() -> bool:
            return self.notes.exists() and len(self.notes.read_text(encoding="ascii").split()) == 2

        await stage.daemon.until(begun, 30.0, "the program was not started")

    async def nothing_of_it(self, _: Stage) -> None:
        """Of its first run: it may have been tried again since."""
        pids = self.notes.read_text(encoding="ascii").split()
        if len(pids) < 2 or any(map(_lives, pids[:2])):
            raise DaemonError(f"of {', '.join(pids)} these go on: {', '.join(filter(_lives, pids))}")


def _lives(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(") ")[2][0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


async def the_watchdog_stops(stage: Stage) -> None:
    await stage.daemon.terminate()
    await stage.daemon.start()


@dataclass
class Elsewhere:
    """An order that is sent to `to`, or answered with a redirect to there; `taken` is what came to the other server."""

    to: str
    redirects: bool = False
    taken: list[str] = field(default_factory=list)
    first: list[str] = field(default_factory=list)
    url: str = ""
    connects: Path = Path()

    async def listen(self, _: Platform, stack: AsyncExitStack) -> None:
        other = await _server(stack, "127.0.0.2", self.taken)
        to = self.to.format(other=other)
        self.url = f"{await _server(stack, '127.0.0.1', self.first, to)}/order" if self.redirects else to

    def policy(self, text: str, _: Platform) -> str:
        return with_steps(text, step("webhook", url=self.url, secret=SECRET, verify_within="5s"))

    def environ(self, folder: Path, _: Platform) -> Mapping[str, str]:
        """Where the daemon connects to is written down by what stands between it and the kernel."""
        self.connects = folder / "connects"
        stub = build_stub(folder / "connects-stub")
        return {
            "LD_PRELOAD": str(stub),
            "CONNECTS": str(self.connects),
            "CONNECTS_NAME": NAME,
            "CONNECTS_ADDRESS": METADATA,
        }

    async def nowhere_else(self, _: Stage) -> None:
        """It was asked for, where there is a redirect; nobody else was; and what is written down is written down."""
        connected = set(self.connects.read_text(encoding="ascii").split())
        if self.taken or bool(self.first) is not self.redirects or connected != {"127.0.0.1"}:
            raise DaemonError(f"orders came to {self.first}, then to {self.taken}; connected to {connected}")


async def _server(stack: AsyncExitStack, host: str, taken: list[str], to: str = "") -> str:
    """Its URL; it notes each request, and sends it on."""

    async def take(request: web.Request) -> web.Response:
        taken.append(request.path)
        return web.Response(status=307, headers={"Location": to}) if to else web.Response(status=202)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", take)
    runner = web.AppRunner(app)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, host, 0).start()
    return f"http://{host}:{runner.addresses[0][1]}"


def sent(name: str, order: Elsewhere) -> Situation:
    end = ended("webhook", "failed") if order.redirects else refused("webhook", "it is never reached")
    return Situation(
        f"an order would go {name}",
        GATEWAY,
        "gateway",
        "wrong_status",
        in_turn(FIVE_HUNDRED, end),
        prepares=order.listen,
        rewrites=order.policy,
        environ=order.environ,
        afterwards=order.nowhere_else,
    )


def runs(name: str, program: Program, happens: Happens, afterwards: Happens) -> Situation:
    return Situation(
        name,
        GATEWAY,
        "gateway",
        "wrong_status",
        in_turn(FIVE_HUNDRED, happens),
        prepares=program.make,
        rewrites=program.policy,
        environ=lambda *_: {"CANARY": SECRET},
        afterwards=afterwards,
    )


TELLING = Program([sys.executable, "-c", TELLS, "{notes}"])
LATE = Program(["sh", "-c", LASTS], {"timeout": "4s", "stop_within": "500ms"})
INTERRUPTED = Program(["sh", "-c", LASTS], {"timeout": "2m", "stop_within": "500ms"})

OWN_HELD = (
    runs("a program looks at what it was given", TELLING, ended("command", "succeeded"), TELLING.nothing_more),
    runs("a program goes on after its time", LATE, ended("command", "timed_out"), LATE.nothing_of_it),
    runs(
        "the watchdog is stopped while its program runs",
        INTERRUPTED,
        in_turn(INTERRUPTED.runs, the_watchdog_stops),
        INTERRUPTED.nothing_of_it,
    ),
    sent("to another host by a redirect", Elsewhere("{other}/order", redirects=True)),
    sent("to the metadata of the machine by a redirect", Elsewhere(f"http://{METADATA}/latest", redirects=True)),
    sent("to the metadata of the machine", Elsewhere(f"http://{METADATA}/latest")),
    sent("to the metadata of the machine by a name", Elsewhere(f"http://{NAME}/latest")),
    sent("to the metadata of the machine by IPv6", Elsewhere(f"http://[::ffff:{METADATA}]/latest")),
)
