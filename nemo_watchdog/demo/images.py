"""An image without a registry: an almost empty root, in which the host's own `/usr` is mounted read-only.

Real Postgres, Redis and Python then start in a container in a second, and nothing is downloaded.
"""

from __future__ import annotations

import asyncio
import fcntl
import io
import os
import tarfile
import tempfile
from pathlib import Path

from nemo_watchdog.demo.docker_cli import docker
from nemo_watchdog.errors import NemoWatchdogError

IMAGE = "nemo-watchdog-parts:1"
USR_MOUNTS = ("-v", "/usr:/usr:ro", "-v", "/etc/alternatives:/etc/alternatives:ro")
"""Options of `docker run` without which the image has no programs."""

_LOCK = Path(tempfile.gettempdir()) / f"nemo-watchdog-image-{os.getuid()}.lock"
_FOLDERS = ("data", "dev", "etc", "opt", "proc", "root", "run", "sys", "tmp", "usr", "var", "var/lib", "var/tmp")
_LINKS = {"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib64": "usr/lib64", "lib32": "usr/lib32"}
_FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\npostgres:x:999:999:postgres:/data:/bin/sh\n",
    "etc/group": "root:x:0:\npostgres:x:999:\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}
_OPEN_TO_ALL = frozenset({"data", "tmp", "var/tmp"})


def root_archive() -> bytes:
    """The root as a tar archive."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name in _FOLDERS:
            folder = tarfile.TarInfo(name)
            folder.type = tarfile.DIRTYPE
            folder.mode = 0o1777 if name in _OPEN_TO_ALL else 0o755
            archive.addfile(folder)
        for name, target in _LINKS.items():
            link = tarfile.TarInfo(name)
            link.type = tarfile.SYMTYPE
            link.linkname = target
            archive.addfile(link)
        for name, text in _FILES.items():
            file = tarfile.TarInfo(name)
            file.size = len(text)
            archive.addfile(file, io.BytesIO(text.encode()))
    return buffer.getvalue()


async def ensure_image(name: str = IMAGE) -> str:
    """Imports the image where Docker has none of that name; returns the name.

    One process at a time: of two that import at once, one would lose the name and leave an image without any.
    """
    lock = os.open(_LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)
        if not await docker("images", "-q", name):
            await docker("import", "-", name, stdin=root_archive())
    finally:
        os.close(lock)
    return name


def is_missing_image(error: NemoWatchdogError) -> bool:
    """Whether a `docker run --pull never` failed because another platform has just removed the shared image."""
    return "No such image" in str(error) or "Unable to find image" in str(error)
