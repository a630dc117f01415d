"""`nemo-watchdog example`: what came with the program, to begin with."""

from __future__ import annotations

from typing import Annotated

import typer

from nemo_watchdog.cli.output import WRONG, CommandFailed
from nemo_watchdog.shipped import Example, text_of


def example(
    context: typer.Context,
    name: Annotated[
        Example,
        typer.Argument(
            help="A policy, its schema for editors, situations for `classify`, the systemd unit, a rule of polkit with "
            "which it may act on other units, alerting rules and scrape configuration for Prometheus, routes for "
            "Alertmanager, a Compose file, HAProxy's configuration for a proxy before Docker's socket, or the manual "
            "page.",
            show_default=False,
        ),
    ],
) -> None:
    """Print a file that came with the program: a policy to begin with, the systemd unit, alerting rules."""
    if name is Example.MAN:
        from nemo_watchdog.cli.manual import manual

        print(manual(context), end="")
        return
    try:
        text = text_of(name)
    except OSError as error:
        raise CommandFailed(f"this installation has no {name}: install it again ({error})", WRONG) from error
    print(text, end="")
