"""`nemo-watchdog COMMAND`: thin commands around the daemon and its policy.

Exit codes: 0 good, 1 something is wrong with what was asked about, 2 usage or policy error, 3 the daemon cannot be
reached. A command imports the daemon and its probes when it runs: who only asks for the status does not pay for them.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from nemo_watchdog import __version__
from nemo_watchdog.cli import (
    check,
    classify,
    demo,
    doctor,
    example,
    init,
    install,
    journal,
    pause,
    policy,
    retry,
    run,
    schema,
    status,
)
from nemo_watchdog.cli.output import USAGE, CommandFailed, fail
from nemo_watchdog.errors import NemoWatchdogError

app = typer.Typer(
    name="nemo-watchdog",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _say_version(asked: bool) -> None:
    if asked:
        print(f"nemo-watchdog {__version__}")
        raise typer.Exit


@app.callback()
def _program(
    version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Print the version, and exit.")
    ] = False,
) -> None:
    """First responder of a Docker platform: watches, classifies, restarts where a restart helps, and tells why."""


app.command("run")(run.run)
app.command("init")(init.init)
app.command("check")(check.check)
app.command("doctor")(doctor.doctor)
app.command("classify")(classify.classify)
app.command("schema")(schema.schema)
app.add_typer(policy.app, name="policy")
app.command("status")(status.status)
app.command("pause")(pause.pause)
app.command("resume")(pause.resume)
app.command("retry")(retry.retry)
app.add_typer(journal.app, name="journal")
app.command("example")(example.example)
app.command("install")(install.install)
app.command("upgrade")(install.upgrade)
app.command("uninstall")(install.uninstall)
app.command("demo")(demo.demo)


def main() -> None:
    """The console script."""
    try:
        app(prog_name="nemo-watchdog")
    except CommandFailed as error:
        fail(str(error))
        sys.exit(error.code)
    except NemoWatchdogError as error:
        fail(str(error))
        sys.exit(USAGE)
