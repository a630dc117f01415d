"""What keeps the shipped unit down, and how it was before: for the test that it comes back, and for how long it takes.

`/var/lib/private/nemo-watchdog` of the box is a small file system of its own, which can be full.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from nemo_watchdog.demo.faults import switch
from nemo_watchdog.demo.platform import Platform
from tests.integration.service.systemd_box import POLICY, UNIT, Box
from tests.integration.service.test_systemd import health, policy

Cause = Callable[[Box, Platform], AbstractContextManager[None]]
"""What keeps it down, while the block lasts."""

SOCKET_INSIDE = "/var/run/docker.sock"
PRIVATE = "/var/lib/private/nemo-watchdog"
"""Where systemd keeps the state directory of a dynamic user."""


def make_room(box: Box) -> None:
    """For the state: little of it."""
    box.run("mount", "--make-rshared", "/")  # as systemd has it where it is not in a container
    box.run("sh", "-c", f"mkdir -p {PRIVATE} && chmod 700 {PRIVATE}/.. && mount -t tmpfs -o size=4m none {PRIVATE}")


def give_it_a_past(box: Box, platform: Platform) -> None:
    """One of three actions is spent, an incident is open, and nothing more is done: it is paused."""
    box.fresh(policy(platform))
    box.until(lambda: health(box) == "up")
    asyncio.run(switch(platform, "gateway", "500"))
    box.until(lambda: "incident_resolved" in box.log())
    box.cli("pause", "--reason", "a test")
    asyncio.run(switch(platform, "gateway", "500"))
    box.until(lambda: bool(box.status().get("incidents")))


def runs_as(box: Box, before: dict[str, Any]) -> bool:
    """With what it knew, and without any trouble."""
    if remembered(box) != before or box.show("ActiveState") != "active":
        return False
    status = box.status()
    return bool(status) and not status["troubles"] and status["journal"] == "ok"


def remembered(box: Box) -> dict[str, Any]:
    """What it must not forget; empty while it does not answer."""
    status = box.status()
    if not status:
        return {}
    incidents = [(each["id"], each["root"], each["severity"]) for each in status["incidents"]]
    return {"incidents": incidents, "budgets": status["budgets"], "pauses": status["pauses"]}


def waits_for_its_next_start(box: Box) -> bool:
    return box.show("SubState") == "auto-restart" and int(box.show("NRestarts")) > 0


@contextmanager
def bad_policy(box: Box, platform: Platform) -> Iterator[None]:
    box.systemctl("stop")
    box.write_policy("version: 2\n")
    box.run("systemctl", "start", UNIT, status=1)
    box.until(lambda: waits_for_its_next_start(box))
    assert f"{POLICY}:1:10: version: expected `1`" in box.log()
    yield
    box.write_policy(policy(platform))


@contextmanager
def late_secret(box: Box, platform: Platform) -> Iterator[None]:
    secret = "/etc/nemo-watchdog/host"
    box.systemctl("stop")
    box.run("rm", "-f", secret)
    box.write_policy(policy(platform).replace("http://gateway:", f"http://${{file:{secret}}}:"))
    box.run("systemctl", "start", UNIT, status=1)
    box.until(lambda: waits_for_its_next_start(box))
    yield
    box.run("sh", "-c", f"printf gateway > {secret}; chmod 644 {secret}")


@contextmanager
def full_disk(box: Box, platform: Platform) -> Iterator[None]:
    """Somebody else has filled the file system on which its state lies."""
    box.systemctl("stop")
    box.run("sh", "-c", f"cat /dev/zero > {PRIVATE}/filling", status=None)
    box.run("systemctl", "start", UNIT, status=None)
    box.until(lambda: waits_for_its_next_start(box) or box.status().get("journal", "ok") != "ok")
    yield
    box.run("rm", f"{PRIVATE}/filling")


@contextmanager
def no_docker(box: Box, platform: Platform) -> Iterator[None]:
    """Where its socket was there is none, also when the daemon starts."""
    box.systemctl("stop")
    box.run("mount", "--bind", "/dev/null", SOCKET_INSIDE)
    box.systemctl("start")
    box.until(lambda: bool(box.status()["troubles"]))
    yield
    box.run("umount", SOCKET_INSIDE)


@contextmanager
def frozen(box: Box, platform: Platform) -> Iterator[None]:
    """None of its loops moves."""
    pid = box.show("MainPID")
    box.systemctl("kill", "--kill-whom=main", "--signal=STOP")
    box.until(lambda: box.show("MainPID") not in {pid, "0"})
    yield


CAUSES: tuple[Cause, ...] = (bad_policy, late_secret, full_disk, no_docker, frozen)
