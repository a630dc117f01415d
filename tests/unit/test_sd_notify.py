"""What systemd hears, through a real datagram socket."""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from nemo_watchdog.sd_notify import SystemdNotify


@pytest.fixture(params=["path", "abstract"])
def listening(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    """The end that systemd holds, and the NOTIFY_SOCKET that it would give."""
    name = str(tmp_path / "notify") if request.param == "path" else f"@nemo-watchdog-test-{secrets.token_hex(8)}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(name.replace("@", "\0", 1) if name.startswith("@") else name)
        server.settimeout(5.0)
        yield server, name


def test_each_message_is_one_datagram(listening: tuple[socket.socket, str]) -> None:
    """READY, STATUS, WATCHDOG and STOPPING arrive as sd_notify(3) writes them."""
    server, name = listening
    notify = SystemdNotify({"NOTIFY_SOCKET": name})
    notify.ready("watching 6 dependencies")
    notify.status("redis is down:\n refused")
    notify.watchdog()
    notify.stopping()
    assert [server.recv(4096) for _ in range(4)] == [
        b"READY=1\nSTATUS=watching 6 dependencies",
        b"STATUS=redis is down: refused",
        b"WATCHDOG=1",
        b"STOPPING=1",
    ]


def test_reloading_carries_the_moment(listening: tuple[socket.socket, str]) -> None:
    """RELOADING comes with the monotonic microseconds of now."""
    server, name = listening
    before = time.monotonic_ns() // 1000
    SystemdNotify({"NOTIFY_SOCKET": name}).reloading()
    first, second = server.recv(4096).decode().splitlines()
    assert first == "RELOADING=1"
    assert before <= int(second.removeprefix("MONOTONIC_USEC=")) <= time.monotonic_ns() // 1000


def test_no_text_is_no_status(listening: tuple[socket.socket, str]) -> None:
    """An empty status sends nothing; READY goes without it."""
    server, name = listening
    notify = SystemdNotify({"NOTIFY_SOCKET": name})
    notify.status(" \n")
    notify.ready()
    assert server.recv(4096) == b"READY=1"


@pytest.mark.parametrize(
    "address", [None, "", "relative", "/nowhere/at/all", "@nobody-listens-here", "/" + "x" * 200, "/\0"]
)
def test_nobody_who_listens_is_no_error(address: str | None) -> None:
    """Without systemd, or with an address that leads nowhere, every call returns."""
    notify = SystemdNotify({} if address is None else {"NOTIFY_SOCKET": address})
    notify.ready("up")
    notify.reloading()
    notify.status("\ud800")
    notify.watchdog()
    notify.stopping()


def test_a_full_queue_does_not_block(listening: tuple[socket.socket, str]) -> None:
    """When systemd does not read, messages are dropped and the daemon goes on."""
    server, name = listening
    notify = SystemdNotify({"NOTIFY_SOCKET": name})
    for _ in range(2000):
        notify.watchdog()
    assert server.recv(4096) == b"WATCHDOG=1"


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "1500000", "WATCHDOG_PID": str(os.getpid())}, 1.5),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getppid())}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "-5"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "me"}, None),
    ],
)
def test_watchdog_interval(environ: dict[str, str], seconds: float | None) -> None:
    """The interval is in seconds, and None when systemd does not watch this process."""
    assert SystemdNotify(environ).watchdog_interval() == seconds
