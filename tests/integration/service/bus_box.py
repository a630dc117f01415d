"""The box with a system bus and polkit in it, and actions done there: by root, or by whom a unit runs as.

dbus-daemon and polkitd are the host's own programs; systemd-sysusers has made their users when the box started.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from nemo_watchdog.model import ActionOutcome, ActionResult
from tests.integration.service.systemd_box import Box, systemd_box
from tests.parts import absent, need

ACT = "/run/act.py"
RULE = Path(__file__).parents[3] / "systemd" / "nemo-watchdog.rules"
POLKITD = Path("/usr/lib/polkit-1/polkitd")
USER = "nemo-watchdog"
RULES = "/etc/polkit-1/rules.d/50-nemo-watchdog.rules"

SCRIPT = """\
import asyncio, json, sys
from nemo_watchdog.actions.catalog import ACTIONS
from nemo_watchdog.model import ActionRequest, Target
from nemo_watchdog.ports import ActionContext

name, given, within = sys.argv[1], json.loads(sys.argv[2]), float(sys.argv[3])
kind = ACTIONS[name]
options = kind.options.model_validate(given)
request = ActionRequest("a", "i", "it", name, Target("unit", options.unit), options, timeout=within)
result = asyncio.run(kind.make(ActionContext(None)).run(request))
print(json.dumps([result.outcome, result.detail]), flush=True)
"""


@contextlib.contextmanager
def bus_box(folder: Path, network: str) -> Iterator[Box]:
    """`folder` gets the drop-in of the watchdog's unit."""
    need("dbus-daemon")
    if not POLKITD.exists():
        absent("polkitd is missing: install the Debian package polkitd")
    with systemd_box(folder, network) as box:
        box.run("ln", "-s", "/run/dbus", "/var/run/dbus")  # polkitd looks there
        box.run("useradd", "--system", USER)
        box.run("mkdir", "-p", str(Path(RULES).parent))
        box.run("systemctl", "start", "dbus.service", "polkit.service")
        box.run("sh", "-c", f"cat > {ACT}", stdin=SCRIPT)
        yield box


def add_unit(box: Box, name: str, service: str, unit: str = "") -> None:
    text = f"[Unit]\n{unit}\n[Service]\n{service}\n"
    box.run("sh", "-c", f"cat > /run/systemd/system/{name}", stdin=text)


def let(box: Box, *units: str) -> None:
    """The shipped rule of polkit, with these units in it."""
    rule = RULE.read_text(encoding="utf-8").replace('"nginx.service"', ", ".join(f'"{each}"' for each in units))
    box.run("sh", "-c", f"cat > {RULES}", stdin=rule)
    box.run("systemctl", "restart", "polkit.service")


def command(action: str, unit: str, within: float = 30.0, **options: str) -> list[str]:
    """What does the action in the box and prints its result."""
    return [sys.executable, ACT, action, json.dumps({"unit": unit, **options}), str(within)]


def act(box: Box, action: str, unit: str, within: float = 30.0, **options: str) -> ActionResult:
    """As root, outside of every unit of the box."""
    return result_of(box.run(*command(action, unit, within, **options)))


def result_of(printed: str) -> ActionResult:
    outcome, detail = json.loads(printed.splitlines()[-1])
    return ActionResult(ActionOutcome(outcome), detail)


def state(box: Box, unit: str, name: str = "ActiveState") -> str:
    return box.run("systemctl", "show", "-P", name, unit)
