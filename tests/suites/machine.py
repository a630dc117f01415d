"""A service of systemd on a machine of its own: a container whose first process is systemd. Its bus is ours as well."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from nemo_watchdog.demo.parts import Part
from nemo_watchdog.demo.platform import Platform
from tests.integration.daemon import DaemonError
from tests.integration.service.systemd_box import BOOT, RUN_OPTIONS, SOCKET
from tests.suites.situations import Stage

UNIT = "web.service"
FILES = {
    UNIT: """\
[Service]
WorkingDirectory=/mnt
ExecStart=/usr/bin/python3 -m http.server 8099
Restart=on-failure
""",
    "all.target": f"[Unit]\nWants=dbus.service {UNIT}\nAfter=dbus.service\n",
}
"""systemd itself would start it again if it ended; what hangs does not end."""


@dataclass(frozen=True, slots=True)
class Machine:
    kind: ClassVar[str] = "machine"
    inner_port: ClassVar[int] = 8099

    def options(self, others: Mapping[str, Part]) -> list[str]:
        return list(RUN_OPTIONS)

    def command(self) -> list[str]:
        writing = [f"printf %s {shlex.quote(text)} > /etc/systemd/system/{name}" for name, text in FILES.items()]
        script = "\n".join(["mkdir -p /mnt /etc/systemd/system", "touch /mnt/health", *writing, BOOT])
        return ["sh", "-c", script, "sh", str(SOCKET.stat().st_gid), "all.target"]


def bus(_: Path, platform: Platform) -> Mapping[str, str]:
    """The machine's, by way of its first process."""
    pid = asyncio.run(platform.state(Machine.kind))["Pid"]
    return {"DBUS_SYSTEM_BUS_ADDRESS": f"unix:path=/proc/{pid}/root/run/dbus/system_bus_socket"}


def watched(text: str, platform: Platform) -> str:
    machine = {
        "probe": "http",
        "url": f"http://127.0.0.1:{platform.port(Machine.kind)}/health",
        "tags": ["core"],
        "startup_grace": "2s",
        "remedy": "restart-unit",
    }
    step = {"do": "systemd.restart", "unit": UNIT, "attempts": 2, "verify_within": "20s"}
    remedy = {"when": {"category": "fault"}, "steps": [step], "budget": "3 per 1h"}
    text = text.replace("dependencies:\n", f"dependencies:\n  machine: {json.dumps(machine)}\n", 1)
    return text.replace("remedies:\n", f"remedies:\n  restart-unit: {json.dumps(remedy)}\n", 1)


async def _told(platform: Platform, *command: str) -> str:
    return await platform.docker("exec", platform.name(Machine.kind), *command)


async def unit_hangs(stage: Stage) -> None:
    """Its process is stopped by a signal of nobody that systemd knows."""
    listed = await stage.platform.docker("top", stage.platform.name(Machine.kind), "-eo", "pid,args")
    (pid,) = (int(line.split()[0]) for line in listed.splitlines() if "http.server" in line)
    os.kill(pid, signal.SIGSTOP)


async def restarted_once(stage: Stage) -> None:
    """Systemd knows two invocations, this one and the one before, and has restarted nothing by itself."""
    invocation = await _told(stage.platform, "systemctl", "show", "-P", "InvocationID", UNIT)
    by_itself = await _told(stage.platform, "systemctl", "show", "-P", "NRestarts", UNIT)
    journal = await _told(stage.platform, "journalctl", "-u", UNIT, "-o", "json", "--no-pager")
    lines = [json.loads(line) for line in journal.splitlines()]
    known = {line["INVOCATION_ID"] for line in lines if "INVOCATION_ID" in line}
    if len(known) != 2 or invocation not in known or by_itself != "0":
        raise DaemonError(f"{invocation} runs; there were {', '.join(sorted(known))}; by itself: {by_itself}")
