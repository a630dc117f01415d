"""The `docker` command, awaited. A command that was begun is finished even when its caller is cancelled.

A `docker run` cut in the middle could make its container after the clean-up has looked for it.
"""

from __future__ import annotations

import asyncio
import shutil

from nemo_watchdog.errors import NemoWatchdogError

FINISH_WITHIN = 5.0
"""Seconds that a cancelled command has to finish by itself before it is killed."""


class DockerError(NemoWatchdogError):
    """A docker command that failed: the command, its exit status and what it printed."""

    def __init__(self, arguments: tuple[str, ...], status: int, text: str) -> None:
        self.text = text.strip()
        super().__init__(f"docker {' '.join(arguments)} ended with {status}: {self.text}")


NOT_FROZEN = "unable to freeze"
"""What runc says now and then of a pause on a busy machine (cgroup v1)."""

TRIES = 5
"""Of such a pause: the next one mostly does it."""


async def docker(*arguments: str, stdin: bytes | None = None) -> str:
    """Runs `docker ARGUMENTS…` and returns what it printed. Raises `DockerError` when it fails or is not installed."""
    for _ in range(1, TRIES):
        try:
            return await command("docker", *arguments, stdin=stdin)
        except DockerError as error:
            if NOT_FROZEN not in error.text:
                raise
    return await command("docker", *arguments, stdin=stdin)


async def command(program: str, *arguments: str, stdin: bytes | None = None) -> str:
    """Runs one program in a session of its own, so that Ctrl-C reaches us and not it."""
    path = shutil.which(program)
    if path is None:
        raise DockerError(arguments, 127, f"`{program}` is not installed")
    process = await asyncio.create_subprocess_exec(
        path,
        *arguments,
        stdin=asyncio.subprocess.DEVNULL if stdin is None else asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    talk = asyncio.create_task(process.communicate(stdin))
    try:
        out, problems = await asyncio.shield(talk)
    except asyncio.CancelledError:
        await asyncio.wait({talk}, timeout=FINISH_WITHIN)
        if not talk.done():
            process.kill()
            await talk
        raise
    if process.returncode:
        raise DockerError(arguments, process.returncode, problems.decode(errors="replace"))
    return out.decode(errors="replace").strip()


async def said(container: str, text: str, *, since: str) -> None:
    """Returns as soon as a line with `text` is in the container's log, that of `since` (as inspect writes it) or later.

    Raises `DockerError` when the container ends first.
    """
    arguments = ("logs", "--follow", "--since", since, container)
    process = await asyncio.create_subprocess_exec(
        shutil.which("docker") or "docker",
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    assert process.stdout is not None  # noqa: S101 - it was asked for
    try:
        async for line in process.stdout:
            if text.encode() in line:
                return
        raise DockerError(arguments, await process.wait(), f"its log ended without {text!r}")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
