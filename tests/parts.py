"""Real parts that a test needs: present, or a failure where CI is set, or a skip that says what to install."""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest

_PACKAGE_OF = {
    "amtool": "prometheus-alertmanager",
    "chromium": "chromium",
    "dbus-daemon": "dbus-daemon",
    "docker": "docker.io",
    "dockerd": "docker.io",
    "debootstrap": "debootstrap",
    "docker-compose": "docker-compose",
    "gcc": "gcc",
    "groff": "groff-base",
    "haproxy": "haproxy",
    "initdb": "postgresql-15",
    "man": "man-db",
    "monit": "monit",
    "openssl": "openssl",
    "pgbouncer": "pgbouncer",
    "postgres": "postgresql-15",
    "prometheus": "prometheus",
    "promtool": "prometheus",
    "psql": "postgresql-client-15",
    "redis-cli": "redis-tools",
    "redis-server": "redis-server",
    "setpriv": "util-linux",
    "prlimit": "util-linux",
    "unshare": "util-linux",
    "systemctl": "systemd",
}
# Debian keeps the server's programs out of the PATH.
_MORE_FOLDERS = ("/usr/lib/postgresql/15/bin", "/usr/sbin", "/sbin")


def need(binary: str) -> str:
    """The absolute path of a program; without it, a test fails where CI is set and is skipped elsewhere."""
    folders = os.pathsep.join((os.environ.get("PATH", os.defpath), *_MORE_FOLDERS))
    found = shutil.which(binary, path=folders)
    if found is None:
        absent(f"{binary} is missing: install the Debian package {_PACKAGE_OF.get(binary, binary)}")
    return found


def absent(message: str) -> NoReturn:
    """What a test needs is not here: it fails where CI is set and is skipped elsewhere."""
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)
