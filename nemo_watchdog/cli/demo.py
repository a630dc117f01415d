"""`nemo-watchdog demo`: a small real platform, broken and healed before your eyes."""

from __future__ import annotations

import asyncio
import shutil
import signal
import socket
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from nemo_watchdog.cli.output import GOOD, WRONG
from nemo_watchdog.demo.platform import Platform
from nemo_watchdog.demo.runner import Runner, policy_file, summary
from nemo_watchdog.demo.watchdog import Watchdog


def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave platform and watchdog running.")] = False,
    name: Annotated[str, typer.Option(help="What the names of the demo's containers begin with.")] = "nemo-demo",
) -> None:
    """Start a small real platform, break it, and show what the watchdog does. Exit code 0 when all ended as announced.

    Touches only containers that it made itself, and removes them at the end.
    """
    try:
        well = asyncio.run(_demo(name, keep=keep))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    raise typer.Exit(GOOD if well else WRONG)


async def _demo(name: str, *, keep: bool) -> bool:
    _end_on_sigterm()
    folder = Path(tempfile.mkdtemp(prefix="nemo-watchdog-demo-"))
    console = Console()
    try:
        well = await _play(name, folder, console, keep=keep)
    except asyncio.CancelledError:
        shutil.rmtree(folder)
        raise
    if not well:
        console.print(f"The watchdog's log and journal are in {folder / 'state'}.")
    elif not keep:
        shutil.rmtree(folder)
    return well


async def _play(name: str, folder: Path, console: Console, *, keep: bool) -> bool:
    listen = f"127.0.0.1:{_free_port()}"
    console.print("Starting a small real platform: gateway, Postgres, Redis and a model server, each a container.")
    async with Platform(name, keep=keep) as platform:
        await platform.ready()
        policy = policy_file(platform, folder)
        console.print(f"The platform serves. The watchdog starts with this policy: {policy}")
        runner = Runner(platform, console)
        async with Watchdog(policy, folder / "state", listen, runner.hear) as watchdog:
            results = await runner.run(watchdog)
            watchdog.keep = keep
    console.print(summary(results))
    if keep:
        _tell_what_is_left(console, platform, watchdog, folder)
    return not any(result.problems for result in results)


def _tell_what_is_left(console: Console, platform: Platform, watchdog: Watchdog, folder: Path) -> None:
    containers = " ".join(platform.name(part) for part in platform.parts)
    console.print(f"Left running: the watchdog (process {watchdog.pid}) and the containers {containers}.")
    console.print(f"  look:   nemo-watchdog status --watch --listen {watchdog.listen}")
    console.print(f"  break:  curl -X POST 'http://127.0.0.1:{platform.port('gateway')}/break?mode=500'")
    console.print(f"  tune:   {folder / 'policy.yaml'} (reloads by itself)")
    console.print(f"  end:    kill {watchdog.pid}; docker rm -f -v {containers}")


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
