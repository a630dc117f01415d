"""The process probe's `unit` against a real systemd: the one in the box, reached by a `systemctl` that goes there."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nemo_watchdog.demo.platform import Platform
from nemo_watchdog.model import Finding, Outcome, Reason
from tests.integration.service.systemd_box import Box, systemd_box
from tests.unit.probes.making import probing

UNITS = {
    "runs": "ExecStart=/usr/bin/sleep 1000",
    "broken": "ExecStart=/usr/bin/false",
    "slow": "Type=oneshot\nExecStart=/usr/bin/sleep 1000\nTimeoutStartSec=infinity",
    "loops": "ExecStart=/usr/bin/false\nRestart=always\nRestartSec=1000",
    "lingers": "ExecStart=/usr/bin/sh -c \"trap '' TERM; while :; do sleep 1; done\"\nTimeoutStopSec=1000",
    "done": "Type=oneshot\nRemainAfterExit=yes\nExecStart=/usr/bin/true",
}


@pytest.fixture(scope="module")
def box(start_module_platform: Callable[..., Platform], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """A systemd that knows these units."""
    platform = start_module_platform("gateway")
    with systemd_box(tmp_path_factory.mktemp("drop-in"), f"{platform.prefix}-network") as box:
        for name, service in UNITS.items():
            text = f"[Service]\n{service}\n"
            box.run("sh", "-c", f"cat > /run/systemd/system/{name}.service", stdin=text)
        box.run("systemctl", "daemon-reload")
        yield box


async def look(unit: str) -> Finding:
    async with probing("process", {"unit": unit}, timeout=20.0) as probe:
        return await probe.look()


async def until(unit: str, reason: Reason | None) -> Finding:
    """The first finding with that reason; the last one when it does not come."""
    finding = await look(unit)
    try:
        async with asyncio.timeout(20):
            while finding.reason is not reason:
                await asyncio.sleep(0.1)
                finding = await look(unit)
    except TimeoutError:
        pytest.fail(f"{unit} is not {reason} but {finding}")
    return finding


async def test_units_of_a_real_systemd(box: Box, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each state that systemd can be brought into on demand is the reason that the page gives."""
    shim = tmp_path / "systemctl"
    shim.write_text(f'#!/bin/sh\nexec docker exec {box.name} systemctl "$@"\n')
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    assert (await look("runs.service")).reason is Reason.NOT_RUNNING
    await asyncio.to_thread(box.run, "systemctl", "start", "--no-block", *(f"{name}.service" for name in UNITS))
    running = await until("runs.service", None)
    assert (running.outcome, running.detail) == (Outcome.OK, "runs.service is active (running)")
    assert running.measurements == {"process_unit_restarts": 0}
    assert (await until("done.service", None)).detail == "done.service is active (exited)"
    broken = await until("broken.service", Reason.NOT_RUNNING)
    assert broken.detail == "broken.service is failed (failed), result exit-code"
    await until("slow.service", Reason.STARTING)
    assert "restarts it" in (await until("loops.service", Reason.RESTARTING)).detail
    await until("lingers.service", None)
    await asyncio.to_thread(box.run, "systemctl", "stop", "--no-block", "lingers.service", "runs.service")
    await until("lingers.service", Reason.SHUTTING_DOWN)
    await until("runs.service", Reason.NOT_RUNNING)
    assert (await look("no-such.service")).reason is Reason.WRONG_TARGET
    assert (await look("basic.target")).outcome is Outcome.OK
