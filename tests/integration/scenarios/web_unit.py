"""The small server of `web` as a unit of a systemd that is the first process of the container.

The unit writes down each time that it starts, reloads or is stopped: that is how often it was ordered.
"""

from __future__ import annotations

import os
import shlex

from nemo_watchdog.demo.docker_cli import docker
from nemo_watchdog.demo.images import ensure_image
from tests.integration.scenarios.web import CURED_BY_A_RESTART, SERVES, Web
from tests.integration.service.systemd_box import BOOT, CGROUP, RUN_OPTIONS, SOCKET
from tests.parts import absent, need

UNIT = "web.service"
STARTS, STOPS, RELOADS = "/data/starts", "/data/stops", "/data/reloads"
PROGRAM = "/etc/serves.py"

UNIT_FILE = f"""\
[Service]
Environment=LINGERS={{stop}}
ExecStartPre=/bin/sh -c 'rm -f {CURED_BY_A_RESTART}; date +%%s.%%N >> {STARTS}'
ExecStartPre=/bin/sh -c '[ $(wc -l < {STARTS}) -eq 1 ] || sleep {{start}}'
ExecStart=/usr/bin/python3 {PROGRAM}
ExecStartPost=/bin/bash -c 'until : > /dev/tcp/127.0.0.1/8000; do sleep 0.05; done'
ExecReload=/bin/sh -c 'date +%%s.%%N >> {RELOADS}; sleep {{reload}}; kill -HUP $MAINPID'
ExecStop=/bin/sh -c 'date +%%s.%%N >> {STOPS}'
"""
"""From when it is written down a stop takes `stop` seconds, a reload `reload`, and a start `start`, but for the first
one. It has started when it serves.
"""

TARGET = f"[Unit]\nWants=dbus.service {UNIT}\nAfter=dbus.service {UNIT}\n"
UP_WITHIN = 60


async def start(web: Web, *, stop: int = 0, start: int = 0, reload: int = 0) -> None:
    """Returns when the unit serves, and systemd can be asked over its bus."""
    need("systemctl")
    need("dbus-daemon")
    if not CGROUP.is_dir() or os.geteuid() != 0:
        absent(f"needs systemd's cgroup of version 1 at {CGROUP}, and root, who may use the bus of a container")
    files = {
        PROGRAM: SERVES,
        f"/etc/systemd/system/{UNIT}": UNIT_FILE.format(stop=stop, start=start, reload=reload),
        "/etc/systemd/system/all.target": TARGET,
    }
    writing = [f"printf %s {shlex.quote(text)} > {path}" for path, text in files.items()]
    boot = ("sh", "-c", "\n".join(["mkdir -p /etc/systemd/system", *writing, BOOT]), "sh", str(SOCKET.stat().st_gid))
    await web.make(("--volume", "/data", *RUN_OPTIONS), await ensure_image(), (*boot, "all.target"))
    await web.run(f"timeout {UP_WITHIN} sh -c 'until systemctl -q is-active all.target; do sleep 0.1; done'")
    await web.run("echo precious > /data/kept")


async def bus(web: Web) -> str:
    """Of that systemd, by way of its process."""
    pid = await docker("inspect", "--format", "{{.State.Pid}}", web.name)
    return f"unix:path=/proc/{pid}/root/run/dbus/system_bus_socket"


async def written(web: Web, file: str) -> list[float]:
    """When that was, in seconds of the wall clock."""
    return [float(line) for line in (await web.run(f"cat {file} 2>/dev/null || true")).split()]


async def came(web: Web, file: str, times: int) -> None:
    """Returns as soon as it is written down for so many times."""
    await web.run(f"until [ -e {file} ] && [ $(wc -l < {file}) -ge {times} ]; do sleep 0.05; done")


async def shows(web: Web, *names: str) -> dict[str, str]:
    """Properties of the unit; what systemd does not show is empty."""
    lines = (await web.run(f"systemctl show -p {','.join(names)} {UNIT}")).splitlines()
    return dict.fromkeys(names, "") | {key: value for key, _, value in (line.partition("=") for line in lines)}


async def is_whole(web: Web, *, crashes: int = 0) -> bool:
    """It runs, once, with nothing under way, and each of its ends was followed by a start. It writes down no crash."""
    wanted = {"ActiveState": "active", "SubState": "running", "NRestarts": "0", "Job": ""}
    if await shows(web, *wanted) != wanted or await web.run(f"pgrep -fc '^/usr/bin/python3 {PROGRAM}' || true") != "1":
        return False
    return len(await written(web, STARTS)) == len(await written(web, STOPS)) + crashes + 1
