"""The demo from its begin to its end: the platform starts, the story is played, and what was made is removed."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from nemo_watchdog.demo.platform import Platform
from nemo_watchdog.demo.runner import Runner, policy_file, summary
from nemo_watchdog.demo.story import STORY, Fault
from nemo_watchdog.demo.watchdog import Watchdog


async def perform(name: str, *, keep: bool) -> bool:
    """Whether all ended as announced. `name` is what the names of its containers begin with."""
    _end_on_sigterm()
    console = Console()
    console.print("Starting a small real platform: gateway, Postgres, Redis and a model server, each a container.")
    async with Platform(name) as platform:
        await platform.ready()
        folder = Path(tempfile.mkdtemp(prefix="nemo-watchdog-demo-"))
        try:
            well = await play(platform, folder, console, keep=keep)
        except asyncio.CancelledError:
            shutil.rmtree(folder)
            raise
        except Exception:
            _tell_where_the_log_is(console, folder)
            raise
        platform.keep = keep
    if not well:
        _tell_where_the_log_is(console, folder)
    elif not keep:
        shutil.rmtree(folder)
    return well


async def play(
    platform: Platform, folder: Path, console: Console, *, keep: bool, story: tuple[Fault, ...] = STORY
) -> bool:
    """Whether every fault of the story ended as announced; `folder` gets the policy, the log and the journal."""
    policy = policy_file(platform, folder)
    console.print(f"The platform serves. The watchdog starts with this policy: {policy}")
    runner = Runner(platform, console, story)
    async with Watchdog(policy, folder / "state", f"127.0.0.1:{_free_port()}", runner.hear) as watchdog:
        results = await runner.run(watchdog)
        watchdog.keep = keep
    console.print(summary(results))
    if keep:
        _tell_what_is_left(console, platform, watchdog, folder)
    return not any(result.problems for result in results)


def _tell_where_the_log_is(console: Console, folder: Path) -> None:
    console.print(f"The watchdog's log and journal are in {folder / 'state'}.")


def _tell_what_is_left(console: Console, platform: Platform, watchdog: Watchdog, folder: Path) -> None:
    """Lines to copy: none is wrapped. gemma's budget is whole, the story has spent the gateway's."""
    containers = ", ".join(platform.name(part) for part in platform.parts)
    console.print(f"Left running: the watchdog (process {watchdog.pid}) and the containers {containers}.")
    for what, command in (
        ("look", f"{_program()} status --watch --listen {watchdog.listen}"),
        ("break", f"curl -X POST 'http://127.0.0.1:{platform.port('gemma')}/break?mode=500'"),
        ("tune", f"{folder / 'policy.yaml'} (reloads by itself)"),
        ("end", f"kill {watchdog.pid}; {platform.removal}; rm -r {folder}"),
    ):
        console.print(f"  {what + ':':7} {command}", soft_wrap=True)


def _program() -> str:
    """What to type for this command: the programs of a virtual environment are seldom on the PATH."""
    return "nemo-watchdog" if shutil.which("nemo-watchdog") else f"{os.path.relpath(sys.executable)} -m nemo_watchdog"


def _end_on_sigterm() -> None:
    """A terminated demo removes what it made, like one that was interrupted."""
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
