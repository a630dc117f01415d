"""`nemo-watchdog demo`: a small real platform, broken and healed before your eyes."""

from __future__ import annotations

from typing import Annotated

import typer

from nemo_watchdog.cli.output import GOOD, WRONG


def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave platform and watchdog running.")] = False,
    name: Annotated[str, typer.Option(help="What the names of the demo's containers begin with.")] = "nemo-demo",
) -> None:
    """Start a small real platform, break it, and show what the watchdog does. Exit code 0 when all ended as announced.

    Touches only containers that it made itself, and removes them at the end.
    """
    import asyncio

    from nemo_watchdog.demo.performance import perform

    try:
        well = asyncio.run(perform(name, keep=keep))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    raise typer.Exit(GOOD if well else WRONG)
