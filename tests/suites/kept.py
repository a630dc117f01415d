"""A gateway with data in a named and in an anonymous volume, and what must be so whenever its container is made anew.

It answers 500 while a file is there: one of its own layer, which a new container does not have, or one in a volume.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any

from nemo_watchdog.demo.parts import Gateway, Part
from nemo_watchdog.demo.platform import LABEL, Platform
from nemo_watchdog.recreation import is_beside
from tests.integration.daemon import DaemonError
from tests.suites import data
from tests.suites.situations import Stage, shown

NAMED = "/named"
OWN_FAULT, KEPT_FAULT = "/tmp/broken", f"{NAMED}/broken"
SERVES = f"""
import http.server, json, os, signal

class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        broken = any(map(os.path.exists, {(OWN_FAULT, KEPT_FAULT)}))
        self.send_response(500 if broken else 200)
        self.end_headers()
        self.wfile.write(json.dumps({{"status": "broken" if broken else "ok"}}).encode())
    def log_message(self, *_): pass

signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
http.server.ThreadingHTTPServer(("", int(os.environ["PORT"])), Answers).serve_forever()
"""


class Keeps(Gateway):
    more: Sequence[str] = ()
    """Further options of `docker run`."""

    def options(self, others: Mapping[str, Part]) -> list[str]:
        return [*super().options(others), "-v", data.VOLUME, *self.more]

    def command(self) -> list[str]:
        return ["sh", "-c", f"exec /usr/bin/python3 -c {shlex.quote(SERVES)}"]


class GoesWithItsEnd(Keeps):
    more = ("--rm",)


class OfSwarm(Keeps):
    more = ("--label", "com.docker.swarm.service.id=nobody")


class WithNamedVolume(Platform):
    """Each container has one, which goes with the platform."""

    def _network_options(self, kind: str) -> list[str]:
        return [*super()._network_options(kind), "-v", f"{self._volume(kind)}:{NAMED}"]

    def _volume(self, kind: str) -> str:
        return f"{self.name(kind)}-named"

    async def _start(self, kind: str) -> None:
        await self.docker("volume", "create", *self._label_options(), self._volume(kind))
        await super()._start(kind)

    async def _remove(self) -> None:
        await super()._remove()
        for kind in self.parts:
            await self.docker("volume", "rm", "-f", self._volume(kind))


async def write(platform: Platform, _: AsyncExitStack) -> None:
    await platform.exec("gateway", "sh", "-c", f"echo '{data.WHOLE}' > {NAMED}/file")


async def volumes_are_kept(stage: Stage) -> None:
    """The same ones, by the names that Docker has for them, with what was in them."""
    before, after = _volumes(stage.before), _volumes(await shown(stage.platform, "gateway"))
    if len(before) != 2 or before != after:
        raise DaemonError(f"its volumes are {after}, and were {before}")
    for file in (data.FILE, f"{NAMED}/file"):
        if (said := (await stage.platform.exec("gateway", "cat", file)).strip()) != data.WHOLE:
            raise data.LostData(f"{file} has {said!r}")


async def one_at_a_time(stage: Stage) -> None:
    """Docker never told of a start of one while another ran; and none is left that stood beside it."""
    running, most = {str(stage.before["Id"])}, 1
    for event in await stage.witness.events():
        container = str(event["Actor"]["ID"])
        if event["Action"] == "start":
            running.add(container)
        elif event["Action"] == "die":
            running.discard(container)
        most = max(most, len(running))
    if most != 1 or len(running) != 1:
        raise DaemonError(f"{most} containers ran at the same time, and {len(running)} at the end")
    ours = ("--filter", f"label={LABEL}={stage.platform.prefix}", "--format", "{{.Names}}")
    if left := [name for name in (await stage.platform.docker("ps", "-a", *ours)).split() if is_beside(name)]:
        raise DaemonError(f"left behind: {', '.join(left)}")


async def is_another(stage: Stage) -> None:
    if (await shown(stage.platform, "gateway"))["Id"] == stage.before["Id"]:
        raise DaemonError("no container was made anew")


async def is_the_same(stage: Stage) -> None:
    after = await shown(stage.platform, "gateway")
    if after["Id"] != stage.before["Id"] or not after["State"]["Running"]:
        raise DaemonError(f"{stage.before['Id']} has not come back: {after['Id']}, {after['State']}")


async def is_the_same_run(stage: Stage) -> None:
    await is_the_same(stage)
    if (await shown(stage.platform, "gateway"))["State"]["StartedAt"] != stage.before["State"]["StartedAt"]:
        raise DaemonError("it was started anew")


def _volumes(inspected: Mapping[str, Any]) -> dict[str, str]:
    return {each["Destination"]: each["Name"] for each in inspected["Mounts"] if each["Type"] == "volume"}
