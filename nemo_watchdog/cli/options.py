"""Options that several commands share; each can come from the environment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nemo_watchdog.cli.output import USAGE, CommandFailed

DEFAULT_POLICY = Path("config/policy.yaml")
DEFAULT_STATE_DIR = Path("/var/lib/nemo-watchdog")
DEFAULT_LISTEN = "127.0.0.1:9877"

PolicyOption = Annotated[
    Path, typer.Option("--policy", envvar="NEMO_WATCHDOG_POLICY", help="The policy file that operators edit.")
]
StateDirOption = Annotated[
    Path,
    typer.Option("--state-dir", envvar="NEMO_WATCHDOG_STATE_DIR", help="Where the journal and the API token are kept."),
]
ListenOption = Annotated[
    str, typer.Option("--listen", envvar="NEMO_WATCHDOG_LISTEN", help="HOST:PORT of the daemon's HTTP side.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


def seconds(text: str) -> float:
    """What `--for` gives; ends the command where that is no duration."""
    from pydantic_core import PydanticCustomError

    from nemo_watchdog.policy.units import parse_duration

    try:
        return parse_duration(text)
    except PydanticCustomError as error:
        raise CommandFailed(f"--for {text}: {error.message()}", USAGE) from None
