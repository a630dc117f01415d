"""Compose as a program: without a shell, in a process group of its own, killed whole; its output is bounded.

What it writes goes into memory that cannot grow: nobody reads along, and what it has left behind holds up no end.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import re
import shutil
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

from nemo_watchdog.errors import NemoWatchdogError, in_one_line

PLUGIN_FOLDERS = (
    "/usr/local/lib/docker/cli-plugins",
    "/usr/local/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
    "/usr/libexec/docker/cli-plugins",
)
"""Where Docker's own command looks for its plugins. Each is a program by itself."""

MOST_WRITTEN = 4 << 20
"""Bytes that it may write to each of its two outputs; then its writes fail."""
KEPT_OUTPUT = 64 * 1024
"""Bytes of its output that are kept for people: the last."""
MOST_WORDS = 300
"""Characters of its words about an error."""

_USUAL_HOST = "unix:///var/run/docker.sock"
_DIES_WITHIN = 1.0
_ERROR = re.compile(r"error\b", re.IGNORECASE)
_VERSION = re.compile(r"v?([0-9]{1,9})\.([0-9]{1,9})", re.ASCII)


class CannotRun(NemoWatchdogError):
    """It could not be started: nothing was ordered."""


@dataclass(slots=True)
class Written:
    """What the last command wrote."""

    out: str = ""
    err: str = ""

    @property
    def output(self) -> str:
        return f"{self.out}{self.err}"[-KEPT_OUTPUT:]

    @property
    def words(self) -> str:
        """Its words about an error, from the last line that speaks of one; else its last line."""
        lines = [line.strip() for line in f"{self.out}\n{self.err}".splitlines() if line.strip()]
        at = max((index for index, line in enumerate(lines) if _ERROR.search(line)), default=len(lines) - 1)
        said = in_one_line("; ".join(lines[at:]) if lines else "")
        return said if len(said) <= MOST_WORDS else f"{said[: MOST_WORDS - 1]}…"


def find() -> str | None:
    """The plugin of Docker's command, or `docker-compose`. It asks the file system."""
    return shutil.which("docker-compose", path=os.pathsep.join((*PLUGIN_FOLDERS, os.environ.get("PATH", os.defpath))))


def version_in(told: str) -> tuple[int, int] | None:
    """`1.29.2`, `v2.26.1-desktop.1`; None for what is no version."""
    found = _VERSION.match(told.strip())
    return (int(found[1]), int(found[2])) if found else None


def environment(docker_host: str) -> Mapping[str, str]:
    """All that it gets. Orphans are other services' containers, which a project's `.env` could have it remove."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "DOCKER_HOST": docker_host or _USUAL_HOST,
        "LANG": "C.UTF-8",
        "COMPOSE_IGNORE_ORPHANS": "1",
        "COMPOSE_REMOVE_ORPHANS": "0",
    }


async def run(command: Sequence[str], docker_host: str, written: Written) -> int:
    """Its exit code, or minus the number of the signal that killed it; `written` has its words, however it ended.

    Raises `CannotRun`. Cancelled, it kills the whole group, and waits a moment for its end.
    """
    with _papers() as (out, err):
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env=environment(docker_host),
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            raise _cannot(error) from None
        try:
            return await process.wait()
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)
                with suppress(TimeoutError):
                    async with asyncio.timeout(_DIES_WITHIN):
                        await process.wait()
            written.out, written.err = _read(out), _read(err)


@contextmanager
def _papers() -> Iterator[tuple[int, int]]:
    """Two files in memory of a fixed size; where its writer stands is how much is written."""
    with ExitStack() as stack:
        papers = []
        try:
            for _ in range(2):
                descriptor = os.memfd_create("compose", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
                stack.callback(os.close, descriptor)
                os.ftruncate(descriptor, MOST_WRITTEN)
                fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK)
                papers.append(descriptor)
        except OSError as error:
            raise _cannot(error) from None
        out, err = papers
        yield out, err


def _cannot(error: OSError) -> CannotRun:
    """An error's own text may repeat an argument, so it is not shown."""
    return CannotRun(f"Compose could not be started ({errno.errorcode.get(error.errno or 0, 'no errno')})")


def _read(paper: int) -> str:
    return os.pread(paper, os.lseek(paper, 0, os.SEEK_CUR), 0).decode(errors="replace")
