"""The example package as an operator has it: installed, named in a policy, and used by the real program."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.daemon import Daemon
from tests.unit.plugin_packages import install, install_example, probe

POLICY = """
version: 1
autonomy: observe
defaults: {{interval: 200ms, confirm_interval: 100ms, timeout: 1s}}
dependencies:
  backup: {{probe: file-age, path: {path}, at_most: 1h}}
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder for packages, with the example and a plugin whose import fails."""
    folder = tmp_path / "site"
    folder.mkdir()
    install_example(folder)
    install(folder, "broken-plugin", probe("broken", "broken_plugin:KIND"), {"broken_plugin": "import missing_driver"})
    return folder


def call(site: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "nemo_watchdog", *map(str, arguments)],
        env=environ(site),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def environ(site: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")]).rstrip(":")}


def policy(folder: Path, path: Path) -> Path:
    file = folder / "policy.yaml"
    file.write_text(POLICY.format(path=path), encoding="utf-8")
    return file


def test_check_looks_with_it(site: Path, tmp_path: Path) -> None:
    """A young file is well, an old one is not; the broken plugin beside it is in nobody's way."""
    dump = tmp_path / "dump"
    dump.touch()
    answer = call(site, "check", "--probe", "--json", policy(tmp_path, dump))
    assert (answer.returncode, answer.stderr) == (0, "")
    assert json.loads(answer.stdout)["probes"]["backup"]["outcome"] == "ok"
    os.utime(dump, (0, 0))
    answer = call(site, "check", "--probe", "--json", policy(tmp_path, dump))
    assert answer.returncode == 1
    assert json.loads(answer.stdout)["probes"]["backup"]["reason"] == "reported_integrity"


def test_check_tells_what_is_wrong_with_a_plugin_that_the_policy_uses(site: Path, tmp_path: Path) -> None:
    """With the line, the distribution and the error of its import; without a traceback."""
    file = tmp_path / "policy.yaml"
    file.write_text("version: 1\nautonomy: observe\ndependencies:\n  it: {probe: broken}\n", encoding="utf-8")
    answer = call(site, "check", file)
    assert answer.returncode == 2
    assert f"{file}:4:15: dependencies.it.probe: the plugin broken-plugin offers the probe `broken`" in answer.stderr
    assert "No module named 'missing_driver'" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_the_schema_lists_it(site: Path) -> None:
    """Editors complete its options; what cannot be loaded is a warning."""
    answer = call(site, "schema")
    assert answer.returncode == 0
    known = json.loads(answer.stdout)["$defs"]
    at_most = known["dependency-file-age"]["properties"]["at_most"]
    assert at_most["description"] == "How long ago it may have been written."
    assert known["step-touch.file"]["properties"]["path"]["description"] == "The file."
    assert "warning: the plugin broken-plugin offers" in answer.stderr


async def test_the_daemon_watches_with_it(site: Path, tmp_path: Path) -> None:
    """Its looks, its health and its measurement are like those of any probe."""
    dump = tmp_path / "dump"
    dump.touch()
    async with Daemon(POLICY.format(path=dump), tmp_path, environ=environ(site)) as daemon:
        await daemon.wait_for_health("backup", "up")
        assert 'nemo_watchdog_file_age_seconds{dependency="backup"}' in await daemon.metrics()
        assert await daemon.terminate() == 0


HEALING = """
version: 1
defaults: {{interval: 200ms, confirm_interval: 100ms, timeout: 1s}}
dependencies:
  worker: {{probe: command, command: [test, -e, {flag}], remedy: reload}}
remedies:
  reload:
    steps: [{{do: touch.file, path: {flag}, verify_within: 20s}}]
    budget: 3 per 1h
"""


async def test_the_daemon_heals_with_its_action(site: Path, tmp_path: Path) -> None:
    """What is no container is mended by the plugin's action, and looking proves it."""
    flag = tmp_path / "flag"
    flag.touch()
    async with Daemon(HEALING.format(flag=flag), tmp_path, environ=environ(site)) as daemon:
        await daemon.wait_for_health("worker", "up")
        flag.unlink()
        await daemon.event("action_started", action="touch.file", target=f"file {flag}")
        await daemon.event("incident_resolved")
        assert flag.exists()
        done = 'nemo_watchdog_actions_total{action="touch.file",dependency="worker",outcome="succeeded"} 1.0'
        assert done in await daemon.metrics()
        assert await daemon.terminate() == 0
