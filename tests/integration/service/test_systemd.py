"""The shipped unit file under a real systemd: started, watched, reloaded and stopped as an operator would."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator

import pytest

from nemo_watchdog.demo.faults import switch
from nemo_watchdog.demo.platform import Platform
from tests.integration.service.systemd_box import POLICY, SOCKET, STATE, UNIT_FILE, Box, systemd_box

pytestmark = pytest.mark.xdist_group("systemd")  # one box for all of them


@pytest.fixture(scope="module")
def platform(start_module_platform: Callable[..., Platform]) -> Platform:
    return start_module_platform("gateway")


@pytest.fixture(scope="module")
def running_box(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    with systemd_box(tmp_path_factory.mktemp("drop-in"), f"{platform.prefix}-network") as box:
        yield box


@pytest.fixture
def box(running_box: Box, platform: Platform) -> Box:
    """The unit is freshly started, without any history."""
    running_box.fresh(policy(platform))
    return running_box


def policy(platform: Platform, more: str = "") -> str:
    return f"""
version: 1
defaults: {{interval: 500ms, confirm_interval: 200ms, timeout: 1s, down_after: 2, up_after: 2}}
dependencies:
  gateway:
    probe: http
    url: http://gateway:8000/health
    container: {platform.name("gateway")}
    startup_grace: 1s
    remedy: restart
{more}
remedies:
  restart:
    when: {{category: fault}}
    steps: [{{do: docker.restart, stop_timeout: 1s, attempts: 2, verify_within: 20s}}]
    budget: 3 per 1h
"""


def health(box: Box, dependency: str = "gateway") -> str:
    return str(box.status().get("dependencies", {}).get(dependency, {}).get("health"))


def test_the_start_ends_when_the_daemon_says_that_it_is_ready(box: Box) -> None:
    """Once `systemctl start` returns, the unit is active and the daemon answers; its status line tells how all is."""
    assert box.show("Type") == "notify"
    assert (box.show("ActiveState"), box.show("SubState")) == ("active", "running")
    assert "gateway" in box.status()["dependencies"]
    box.until(lambda: box.show("StatusText") == "1 of 1 up, 0 open incidents")


def test_it_runs_with_no_more_rights_than_the_docker_group(box: Box) -> None:
    """A user that is not root, no capability, a filter for system calls, and all the same it sees Docker."""
    process = box.process_status()
    assert process["Uid"].split()[0] != "0"
    assert str(SOCKET.stat().st_gid) in process["Groups"].split()
    assert {process[name] for name in ("CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert (process["NoNewPrivs"], process["Seccomp"]) == ("1", "2")
    box.until(lambda: box.status()["dependencies"]["gateway"]["container_state"] == "running")


def test_its_state_is_its_own(box: Box) -> None:
    """The state directory belongs to the unit's user, and neither the journal nor the token can be read by others."""
    box.until(lambda: health(box) == "up")
    uid = box.process_status()["Uid"].split()[0]
    listed = box.run("find", f"{STATE}/", "-printf", "%U %m %f\n").splitlines()
    assert {line.split()[0] for line in listed} == {uid}
    assert {line.split()[1] for line in listed} == {"700", "600"}
    assert {"journal.sqlite3", "token"} <= {line.split()[2] for line in listed}


def test_a_broken_container_is_restarted_from_within_the_sandbox(box: Box, platform: Platform) -> None:
    """Under all of the unit's restrictions the daemon heals a real container through Docker's socket."""
    box.until(lambda: health(box) == "up")
    before = asyncio.run(platform.state("gateway"))["StartedAt"]
    asyncio.run(switch(platform, "gateway", "500"))
    box.until(lambda: "incident_resolved" in box.log(), within=30.0)
    assert asyncio.run(platform.state("gateway"))["StartedAt"] != before
    assert health(box) == "up"


def test_a_reload_takes_the_new_policy(box: Box, platform: Platform) -> None:
    """`systemctl reload` keeps the process, takes what the file says now, and the status line counts it."""
    pid = box.show("MainPID")
    box.write_policy(policy(platform, "  itself: {probe: tcp, address: '127.0.0.1:9877'}"))
    box.systemctl("reload")
    box.until(lambda: box.show("StatusText") == "2 of 2 up, 0 open incidents")
    assert (box.show("ActiveState"), box.show("SubState"), box.show("MainPID")) == ("active", "running", pid)


def test_a_reload_with_a_bad_policy_changes_nothing(box: Box, platform: Platform) -> None:
    """The unit stays active with the last good policy, and the log and the status line say what is wrong."""
    pid = box.show("MainPID")
    box.write_policy(policy(platform).replace("probe: http", "prob: http"))
    box.systemctl("reload")
    box.until(lambda: "policy not reloaded" in box.show("StatusText"))
    mistake = f"{POLICY}:6:5: dependencies.gateway.prob: unknown key: did you mean `probe`?"
    box.until(lambda: mistake in box.log())
    box.until(lambda: health(box) == "up")
    assert (box.show("ActiveState"), box.show("SubState"), box.show("MainPID")) == ("active", "running", pid)
    box.write_policy(policy(platform))
    box.systemctl("reload")
    box.until(lambda: box.show("StatusText") == "1 of 1 up, 0 open incidents")


def test_a_frozen_daemon_is_killed_and_started_again(box: Box) -> None:
    """A process that feeds the watchdog no more is ended by systemd, and a new one watches on."""
    pid = box.show("MainPID")
    box.systemctl("kill", "--kill-whom=main", "--signal=STOP")
    box.until(lambda: box.show("NRestarts") == "1" and box.show("ActiveState") == "active")
    box.until(lambda: "Watchdog timeout" in box.log())
    assert box.show("MainPID") != pid
    box.until(lambda: health(box) == "up")


def test_a_healthy_daemon_is_left_alone_by_the_watchdog(box: Box) -> None:
    """Longer than the watchdog's patience, the same process goes on."""
    pid = box.show("MainPID")
    patience = 3.0
    began = time.monotonic()
    box.until(lambda: time.monotonic() - began > 1.5 * patience and health(box) == "up")
    assert (box.show("MainPID"), box.show("NRestarts")) == (pid, "0")


def test_a_stop_is_quick_and_a_success(box: Box) -> None:
    """`systemctl stop` ends within seconds, and systemd had to kill nobody."""
    box.until(lambda: health(box) == "up")
    began = time.monotonic()
    box.systemctl("stop")
    assert time.monotonic() - began < 5.0
    assert (box.show("ActiveState"), box.show("Result")) == ("inactive", "success")


def test_a_pause_holds_after_a_restart_and_after_a_crash(box: Box, platform: Platform) -> None:
    """What an operator paused stays paused: nothing restarts the broken container until it is resumed."""
    box.cli("pause", "--reason", "moving the disks")
    box.systemctl("restart")
    box.systemctl("kill", "--kill-whom=main", "--signal=KILL")
    box.until(lambda: box.show("NRestarts") == "1" and box.show("ActiveState") == "active")
    assert json.loads(box.cli("status", "--json"))["pauses"]["*"]["reason"] == "moving the disks"

    before = asyncio.run(platform.state("gateway"))["StartedAt"]
    asyncio.run(switch(platform, "gateway", "500"))
    box.until(lambda: (box.status()["dependencies"]["gateway"]["decision"] or {}).get("gate") == "pause")
    assert asyncio.run(platform.state("gateway"))["StartedAt"] == before
    box.cli("resume")
    box.until(lambda: health(box) == "up", within=30.0)
    assert asyncio.run(platform.state("gateway"))["StartedAt"] != before


def test_the_doctor_sees_the_unit_and_what_it_has(box: Box) -> None:
    """Its file, its state directory, the rights of its user; and that it does not run, when it does not."""
    box.run("mkdir", "-p", str(UNIT_FILE.parent))
    box.run("sh", "-c", f"cat > {UNIT_FILE}", stdin=UNIT_FILE.read_text(encoding="utf-8"))  # as in a clone
    box.until(lambda: health(box) == "up")
    found = examined(box)
    assert found["unit"] == ("good", "enabled, active, as it comes with this version, with 1 drop-in")
    assert {found[check][0] for check in ("state directory", "journal", "token", "permissions", "daemon")} == {"good"}
    box.systemctl("stop")
    found = examined(box)
    assert found["unit"] == ("bad", "it does not run (inactive)")
    assert found["daemon"][0] == "bad"


def examined(box: Box) -> dict[str, tuple[str, str]]:
    """Grade and what was seen by check, the first of each."""
    findings = json.loads(box.cli("doctor", "--as-service", "--json", status=None))["findings"]
    return {each["check"]: (each["grade"], each["seen"]) for each in reversed(findings)}
