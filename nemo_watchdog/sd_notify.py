"""Talks to systemd and never gets in the daemon's way: without systemd, or when it does not listen, nothing happens.

The protocol is sd_notify(3): datagrams of `NAME=value` lines to the unix socket that `NOTIFY_SOCKET` names.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping


class SystemdNotify:
    """`environ` is the environment that systemd gave the process (normally `os.environ`)."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._address = environ.get("NOTIFY_SOCKET", "")
        self._watchdog_usec = environ.get("WATCHDOG_USEC", "")
        self._watchdog_pid = environ.get("WATCHDOG_PID", "")

    def ready(self, status: str = "") -> None:
        """The service has started, or its reload is over."""
        self._send("READY=1", *_status(status))

    def reloading(self) -> None:
        """A reload begins. systemd wants the moment with it (Type=notify-reload, sd_notify(3))."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def status(self, text: str) -> None:
        """One line for `systemctl status`."""
        self._send(*_status(text))

    def watchdog(self) -> None:
        """The daemon is alive; to be said more often than `watchdog_interval`."""
        self._send("WATCHDOG=1")

    def stopping(self) -> None:
        self._send("STOPPING=1")

    def watchdog_interval(self) -> float | None:
        """Seconds after which systemd kills a silent daemon; None when it does not watch this process.

        sd_watchdog_enabled(3): the values hold for the process that `WATCHDOG_PID` names, or for any when it is unset.
        Feed it about every half of this.
        """
        try:
            microseconds = int(self._watchdog_usec)
            if self._watchdog_pid and int(self._watchdog_pid) != os.getpid():
                return None
        except ValueError:
            return None
        return microseconds / 1e6 if microseconds > 0 else None

    def _send(self, *lines: str) -> None:
        if not lines or not self._address.startswith(("/", "@")):
            return
        # A leading "@" stands for the null byte of the abstract namespace (unix(7)).
        address = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
                out.setblocking(False)  # noqa: FBT003 - the socket API's own argument
                out.sendto("\n".join(lines).encode(errors="replace"), address)
        except (OSError, ValueError):
            # A systemd that does not listen, or whose queue is full, must not stop the daemon.
            return


def _status(text: str) -> tuple[str, ...]:
    return (f"STATUS={' '.join(text.split())}",) if text.strip() else ()
