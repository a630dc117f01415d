"""Situations in which a unit of systemd must not be restarted: systemd itself says which run of it there is."""

from __future__ import annotations

import asyncio
import json
import tempfile
from pathlib import Path

from tests.integration.daemon import DaemonError
from tests.integration.service.bus_box import add_unit, bus_box, let, state
from tests.integration.service.systemd_box import UNIT, Box
from tests.suites import machine
from tests.suites.acts import GATEWAY, in_turn
from tests.suites.anew import refused
from tests.suites.situations import Happens, Situation, Stage

OWN = f"{UNIT}.service"
ALIAS = "guard.service"
TAKES_ALONG = "app.service"
WEB = "WorkingDirectory=/mnt\nExecStart=/usr/bin/python3 -m http.server -b 127.0.0.1 8099"
POLICY = {
    "version": 1,
    "defaults": {"interval": "500ms", "confirm_interval": "200ms", "timeout": "1s", "down_after": 2, "up_after": 2},
}


def policy(unit: str) -> str:
    """What is broken is another unit than the one that the step names."""
    web = {"probe": "http", "url": "http://127.0.0.1:8099/", "remedy": "itself", "startup_grace": "1s"}
    step = {"do": "systemd.restart", "unit": unit, "attempts": 2, "backoff": {"initial": "1s", "jitter": 0}}
    remedy = {"when": {"category": "fault"}, "steps": [step], "budget": "5 per 1h"}
    return json.dumps({**POLICY, "dependencies": {"web": web}, "remedies": {"itself": remedy}})


def would_restart(unit: str, *words: str) -> Happens:
    """The shipped unit of the watchdog, in a machine of its own, with leave to restart itself."""

    async def act(stage: Stage) -> None:
        try:
            await asyncio.to_thread(_in_a_box, f"{stage.platform.prefix}-network", unit, words)
        except AssertionError as error:  # what a box says
            raise DaemonError(str(error)) from error

    return act


def _in_a_box(network: str, unit: str, words: tuple[str, ...]) -> None:
    with tempfile.TemporaryDirectory() as folder, bus_box(Path(folder), network) as box:
        add_unit(box, "web.service", WEB)
        box.run("ln", "-s", f"/etc/systemd/system/{OWN}", f"/run/systemd/system/{ALIAS}")
        add_unit(box, TAKES_ALONG, "ExecStart=/usr/bin/sleep 1000")
        if unit == TAKES_ALONG:
            part = f"[Unit]\nPartOf={TAKES_ALONG}\n"
            box.run("mkdir", "-p", f"/etc/systemd/system/{OWN}.d")
            box.run("sh", "-c", f"cat > /etc/systemd/system/{OWN}.d/part.conf", stdin=part)
        box.run("mkdir", "-p", "/mnt")
        box.run("systemctl", "daemon-reload")
        box.run("systemctl", "start", "web.service", TAKES_ALONG)
        let(box, OWN, ALIAS, TAKES_ALONG)
        box.fresh(policy(ALIAS if unit == OWN else unit))
        box.until(lambda: _health(box) == "up")
        before = _run_of(box)
        if unit == OWN:
            box.write_policy(policy(OWN))
        box.run("systemctl", "kill", "--signal=STOP", "web.service")
        box.until(lambda: all(word in box.log() for word in words))
        if (after := _run_of(box)) != before:
            raise DaemonError(f"its run is {after}, and was {before}")


def _health(box: Box) -> str:
    return str(box.status().get("dependencies", {}).get("web", {}).get("health"))


def _run_of(box: Box) -> tuple[str, ...]:
    return tuple(state(box, OWN, name) for name in ("InvocationID", "MainPID", "NRestarts", "ActiveState"))


async def a_person_stops_the_unit(stage: Stage) -> None:
    await stage.platform.exec(machine.Machine.kind, "systemctl", "stop", machine.UNIT)


async def stays_stopped(stage: Stage) -> None:
    wanted = {"ActiveState": "inactive", "NRestarts": "0"}
    for name, value in wanted.items():
        command = ("systemctl", "show", "-P", name, machine.UNIT)
        if (shown := (await stage.platform.exec(machine.Machine.kind, *command)).strip()) != value:
            raise DaemonError(f"{name} of the unit is {shown}")


def own_unit(name: str, unit: str, *words: str) -> Situation:
    """The gateway is well, and only there for its network."""
    return Situation(name, GATEWAY, "gateway", "health:up", would_restart(unit, *words))


NOT_ITSELF = f"{ALIAS} is another name of {OWN}"
UNITS_HELD = (
    own_unit("the policy would have the watchdog's own unit restarted", OWN, "it is the watchdog's own", NOT_ITSELF),
    own_unit("the watchdog would restart its own unit by another name", ALIAS, NOT_ITSELF),
    own_unit("the watchdog would restart what takes its own unit along", TAKES_ALONG, f"would restart {OWN} as well"),
    Situation(
        "a person stops a unit of systemd",
        [machine.Machine()],
        "machine",
        "health:down",
        in_turn(a_person_stops_the_unit, refused("systemd.restart", "stopped in order")),
        rewrites=machine.watched,
        environ=machine.bus,
        afterwards=stays_stopped,
    ),
)
