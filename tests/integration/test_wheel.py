"""The wheel alone, in an environment that has nothing else: it has all that a first hour needs."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from nemo_watchdog import __version__
from nemo_watchdog.demo.platform import LABEL
from tests.integration.conftest import StartPlatform
from tests.integration.daemon import Daemon
from tests.integration.first_policy.part_of_docker import only

ROOT = Path(__file__).parents[2]
PIP = ("-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input")


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, f"{command} ended with {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.mark.timeout(600)  # pip builds it and installs what it needs
async def test_the_wheel_alone_is_enough(start_platform: StartPlatform, tmp_path: Path) -> None:
    """Its policy is valid, its unit is the one of the repository, it makes a first policy, and its daemon watches."""
    platform = await start_platform("redis")
    built, environment = tmp_path / "built", tmp_path / "environment"
    await asyncio.to_thread(run, sys.executable, *PIP, "wheel", "--no-deps", "-w", built, ROOT, cwd=tmp_path)
    (wheel,) = built.glob(f"nemo_watchdog-{__version__}-*.whl")
    pages = "nemo_watchdog/web/pages"
    assert {f"{pages}/templates/status.html", f"{pages}/static/status.css"} <= set(zipfile.ZipFile(wheel).namelist())
    await asyncio.to_thread(run, sys.executable, "-m", "venv", environment, cwd=tmp_path)
    install = (environment / "bin" / "python", *PIP, "install", "-c", ROOT / "constraints.txt", wheel)
    await asyncio.to_thread(run, *install, cwd=tmp_path)
    command = environment / "bin" / "nemo-watchdog"
    assert run(command, "--version", cwd=tmp_path) == f"nemo-watchdog {__version__}\n"
    policy = run(command, "example", "policy", cwd=tmp_path)
    (tmp_path / "policy.yaml").write_text(policy, encoding="utf-8")
    assert "is valid" in run(command, "check", "policy.yaml", cwd=tmp_path)
    unit = (ROOT / "systemd" / "nemo-watchdog.service").read_text(encoding="utf-8")
    assert run(command, "example", "unit", cwd=tmp_path) == unit
    async with only({LABEL: platform.prefix}, tmp_path) as host:
        made = await asyncio.to_thread(run, command, "init", "--docker", host, cwd=tmp_path)
    (tmp_path / "policy.yaml").write_text(made, encoding="utf-8")
    assert "is valid" in run(command, "check", "policy.yaml", cwd=tmp_path)
    async with Daemon(made, tmp_path, command=(str(command),)) as daemon:
        await daemon.wait_for_health(platform.name("redis"), "up", within=30.0)
        assert (await daemon.status())["version"] == __version__
