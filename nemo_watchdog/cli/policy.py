"""`nemo-watchdog policy`: what is said about policies as files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nemo_watchdog.cli import options
from nemo_watchdog.cli.output import GOOD, WRONG, as_json

app = typer.Typer(help="Policies as files: what does one change?", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keeps `diff` a command of its own while it is the only one."""


@app.command()
def diff(
    old: Annotated[Path, typer.Argument(help="A policy file, such as a copy of the one in force.")],
    new: Annotated[Path, typer.Argument(help="The one that would follow it.")],
    json: options.JsonOption = False,
) -> None:
    """Say what NEW changes, a line for each; exit code 1 when anything. Reads no secret and shows none."""
    from nemo_watchdog.policy.difference import differences
    from nemo_watchdog.policy.loader import read_written

    found = differences(read_written(old), read_written(new))
    if json:
        as_json({"changed": found})
    else:
        print("\n".join(found) or "Both say the same.")
    raise typer.Exit(WRONG if found else GOOD)
