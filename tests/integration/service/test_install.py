"""From a clone to a service that heals, then to another version and back, and away: as the README has it."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nemo_watchdog import __version__
from nemo_watchdog.demo.faults import switch
from nemo_watchdog.demo.platform import Platform
from tests.integration.service.systemd_box import UNIT, Box, box_with
from tests.integration.service.test_systemd import policy

pytestmark = [pytest.mark.xdist_group("systemd-install"), pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[3]
COMMAND = "/usr/local/bin/nemo-watchdog"
MANUAL = "/usr/local/share/man/man1/nemo-watchdog.1"
NEXT, BROKEN = "0.98.0", "0.99.0"


@pytest.fixture(scope="module")
def platform(start_module_platform: Callable[..., Platform]) -> Platform:
    return start_module_platform("gateway")


@pytest.fixture(scope="module")
def box(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """A machine with this clone, two later versions as wheels, and what pip needs; /usr/local is its own."""
    folder = tmp_path_factory.mktemp("machine")
    clone, wheels = folder / "clone", folder / "wheels"
    copy_clone(clone)
    fetch(clone, wheels)
    for version in (NEXT, BROKEN):
        build(clone, version, folder / version, wheels)
    for path in (folder, *folder.parents[:2]):
        path.chmod(0o755)
    with box_with({clone: Path("/clone"), wheels: Path("/wheels")}, f"{platform.prefix}-network") as box:
        box.run("mount", "-t", "tmpfs", "-o", "mode=755", "none", "/usr/local")
        yield box


def copy_clone(to: Path) -> None:
    """What is tracked, and what would be."""
    listed = run("git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to / name)


def fetch(clone: Path, wheels: Path) -> None:
    """All that pip would get from its index, for the machine's own Python."""
    python = wheels.with_name("python")
    run("/usr/bin/python3", "-m", "venv", python)
    pip = (python / "bin/python", "-m", "pip", "-q", "--disable-pip-version-check", "download", "-d", wheels)
    run(*pip, "-c", clone / "constraints.txt", clone, "hatchling")


def build(clone: Path, version: str, source: Path, wheels: Path) -> None:
    """A wheel of a later version; the broken one ends as soon as it is to watch."""
    shutil.copytree(clone, source)
    for name in ("pyproject.toml", "nemo_watchdog/__init__.py"):
        file = source / name
        file.write_text(
            file.read_text()
            .replace(f'version = "{__version__}"', f'version = "{version}"')
            .replace(f'__version__ = "{__version__}"', f'__version__ = "{version}"')
        )
    if version == BROKEN:
        (source / "nemo_watchdog/app.py").write_text('raise SystemExit("this version is broken")\n')
    python = wheels.with_name("python") / "bin/python"
    run(python, "-m", "pip", "-q", "--disable-pip-version-check", "wheel", "--no-deps", "-w", wheels, source)


def run(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def by_pip(box: Box, *command: str, status: int = 0) -> str:
    """A command that runs pip, which here has no index."""
    return box.run("env", "PIP_NO_INDEX=1", "PIP_FIND_LINKS=/wheels", *command, status=status)


def test_from_a_clone_to_a_service_that_heals_and_away_again(box: Box, platform: Platform) -> None:
    """Its policy, secrets and state outlive versions; one in which it does not start is left again."""
    said = by_pip(box, "make", "-C", "/clone", "install")
    assert "write /etc/systemd/system/nemo-watchdog.service" in said
    assert "systemctl enable --now nemo-watchdog" in said
    assert box.run(COMMAND, "--version") == f"nemo-watchdog {__version__}"
    assert box.run("cat", MANUAL) == box.run(COMMAND, "example", "man")
    box.write_policy(policy(platform))
    assert "is valid: 1 dependency" in box.run(COMMAND, "check", "--as-service")
    box.run("systemctl", "enable", "--now", UNIT)

    box.until(lambda: status(box)["dependencies"]["gateway"]["health"] == "up")
    before = asyncio.run(platform.state("gateway"))["StartedAt"]
    asyncio.run(switch(platform, "gateway", "500"))
    box.until(lambda: "incident_resolved" in box.log())
    assert asyncio.run(platform.state("gateway"))["StartedAt"] != before
    box.run(COMMAND, "pause", "--reason", "an upgrade")

    by_pip(box, COMMAND, "upgrade", f"/wheels/nemo_watchdog-{NEXT}-py3-none-any.whl")
    assert running(box) == (NEXT, "an upgrade")
    said = by_pip(box, COMMAND, "upgrade", f"/wheels/nemo_watchdog-{BROKEN}-py3-none-any.whl", status=1)
    assert "the service does not start: back to the version before" in said
    assert running(box) == (NEXT, "an upgrade")
    assert box.run(COMMAND, "--version") == f"nemo-watchdog {NEXT}"
    assert box.run("cat", "/etc/nemo-watchdog/policy.yaml") == policy(platform).strip()

    box.run(COMMAND, "uninstall")
    assert box.show("LoadState") == "not-found"
    assert box.run("ls", "/opt", "/usr/local/bin") == "/opt:\n\n/usr/local/bin:"
    box.run("test", "-e", MANUAL, status=1)
    assert box.run("ls", "/etc/nemo-watchdog").split() == ["environment", "policy.schema.json", "policy.yaml"]
    assert "token" in box.run("ls", "/var/lib/nemo-watchdog/")


def running(box: Box) -> tuple[str, str]:
    """The version that answers, and for what it is paused."""
    box.until(lambda: box.show("ActiveState") == "active")
    now = status(box)
    return now["version"], now["pauses"]["*"]["reason"]


def status(box: Box) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(box.run(COMMAND, "status", "--json", status=None))
    return answer
