"""One small container that serves, and can be broken so that a restart cures it, only a new container does, or nothing.

Each test has its own, and everything of it bears its name: tests with it may run side by side.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import aiohttp

from nemo_watchdog.demo.docker_cli import docker
from nemo_watchdog.demo.images import USR_MOUNTS, ensure_image
from nemo_watchdog.testing.servers import free_port

MADE = "nemo-watchdog-test.made=1"

CURED_BY_A_RESTART = "/run/broken"
"""In memory, which a restart empties."""
CURED_BY_ANOTHER_CONTAINER = "/broken"
"""In the container's own files."""
CURED_BY_NOTHING = "/data/broken"
"""In its volume."""

SERVES = f"""
import os, signal, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
BROKEN = {[CURED_BY_A_RESTART, CURED_BY_ANOTHER_CONTAINER, CURED_BY_NOTHING]}
def mend(*_):
    if os.path.exists(BROKEN[0]):
        os.unlink(BROKEN[0])
class Answers(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/exit":
            os._exit(3)
        if self.path == "/mend":
            mend()
        else:
            with open("/data/looks", "a") as looks:
                looks.write(f"{{time.time()}}\\n")
        is_broken = os.environ.get("RELEASE") == "bad" or any(map(os.path.exists, BROKEN))
        self.send_response(500 if is_broken else 200)
        self.end_headers()
def stop(*_):
    time.sleep(float(os.environ.get("LINGERS", "0")))
    os._exit(0)
signal.signal(signal.SIGTERM, stop)
signal.signal(signal.SIGHUP, mend)
ThreadingHTTPServer(("", 8000), Answers).serve_forever()
"""
"""It writes down when somebody looks at it. SIGHUP, and whoever asks for /mend, mend what a restart would. A stop takes
`LINGERS` seconds.
"""

COMMAND = ("/usr/bin/python3", "-c", SERVES)

POLICY = """\
version: 1
defaults: {{interval: 1s, confirm_interval: 300ms, startup_grace: 2s, down_after: 2}}
dependencies:
  web: {{probe: http, url: 'http://127.0.0.1:{port}/', container: {name}, when_unsure: restart, remedy: mend}}
contacts: {{team: []}}
remedies:
  mend:
    steps: {steps}
    budget: {budget}
"""
"""`when_unsure`: Docker's memory of 256 events is full of what other tests do."""


class Web:
    """One container with a volume of its own; `kept` is what was written into that."""

    def __init__(self) -> None:
        self.name = f"nemo-test-{secrets.token_hex(4)}"
        self.label = f"nemo-watchdog-test.of={self.name}"
        """Also of whatever is made in its place."""
        self.port = free_port()

    def policy(self, *steps: dict[str, Any], budget: str = "5 per 1h") -> str:
        return POLICY.format(port=self.port, name=self.name, steps=json.dumps(steps), budget=budget)

    async def start(self, *more: str) -> None:
        """`more` options of `docker run`."""
        await self.make(("--volume", "/data", *more), await ensure_image(), COMMAND)
        await self.run("echo precious > /data/kept")

    async def make(self, options: Sequence[str], image: str, command: Sequence[str] = ()) -> None:
        mine = ("--label", MADE, "--label", self.label, "--publish", f"127.0.0.1:{self.port}:8000", "--tmpfs", "/run")
        await docker("run", "-d", "--name", self.name, *mine, *options, *USR_MOUNTS, image, *command)

    async def run(self, script: str) -> str:
        return await docker("exec", self.name, "/bin/sh", "-c", script)

    async def breaks(self, fault: str) -> None:
        """It serves badly from now on, for as long as that file is there."""
        await self.run(f"touch {fault}")

    async def crashes(self) -> None:
        """It ends by itself, with an error."""
        async with aiohttp.ClientSession() as session:
            with suppress(aiohttp.ClientError):
                await session.get(f"http://127.0.0.1:{self.port}/exit")

    async def id(self) -> str:
        return await docker("inspect", "--format", "{{.Id}}", self.name)

    async def all(self) -> list[str]:
        """The names of it and of whatever was made in its place, or stands beside it."""
        return sorted((await docker("ps", "-a", "--filter", f"label={self.label}", "--format", "{{.Names}}")).split())

    async def remove(self) -> None:
        """Also volumes that were anonymous once: after a recreation Docker takes them for named ones."""
        names = await self.all()
        volumes = '{{range .Mounts}}{{if eq .Type "volume"}}{{.Name}} {{end}}{{end}}'
        mounted = (await docker("inspect", "--format", volumes, *names)).split() if names else []
        for name in names:
            await docker("rm", "-f", "-v", name)
        for volume in {*mounted}:
            await docker("volume", "rm", "-f", volume)
