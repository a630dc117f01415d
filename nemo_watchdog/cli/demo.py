"""`nemo-watchdog demo`: a small real platform, broken and healed before your eyes."""

from __future__ import annotations

import typer


def demo() -> None:
    """Start a small real platform on this machine, break it, and show what the watchdog does."""
    raise typer.Exit(1)
