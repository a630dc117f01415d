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
    by_hand,
    check,
    classify,
    declare,
    demo,
    doctor,
    example,
    explain,
    incident,
    incidents,
    init,
    install,
    journal,
    notify,
    oncall,
    pause,
    policy,
    quiet,
    report,
    retry,
    run,
    schema,
    status,
    status_page,
    token,
)
from nemo_watchdog.cli.output import USAGE, CommandFailed, fail
from nemo_watchdog.errors import NemoWatchdogError

app = typer.Typer(
    name="nemo-watchdog",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain: in its frames Rich cuts the names of variables short, and takes long to import
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
app.command("init", short_help="Write a first policy from the containers of this machine.")(init.init)
app.command("check")(check.check)
app.command("doctor", short_help="Check all that can be wrong around the daemon.")(doctor.doctor)
app.command("classify")(classify.classify)
app.command("schema", short_help="Print the JSON Schema of a policy file, for editors.")(schema.schema)
app.add_typer(policy.app, name="policy")
app.command("status", short_help="Show what is wrong, what is done about it and when.")(status.status)
app.command("explain", short_help="Say why one is so, and why nothing is done, now or then.")(explain.explain)
app.command("incidents", short_help="List the incidents that are and that were.")(incidents.incidents)
app.command("incident", short_help="Tell all about one incident: what happened, who was told, why.")(incident.incident)
app.command("pause", short_help="Start no new action for a while, or until `resume`.")(pause.pause)
app.command("resume")(pause.resume)
app.add_typer(quiet.silence, name="silence", short_help="Tell nobody of something for a while.")
app.add_typer(quiet.maintenance, name="maintenance", short_help="Do nothing to something for a while.")
app.command("report", short_help="Write the report on an incident, for people.")(report.report)
app.command("status-page", short_help="Write the public status page as files.")(status_page.status_page)
app.command("retry", short_help="Begin the remedy of a dependency anew.")(retry.retry)
app.command("approve", short_help="Have what the watchdog proposed done, once.")(by_hand.approve)
app.command("reject", short_help="Leave undone what the watchdog proposed.")(by_hand.reject)
app.command("act", short_help="Have the next step for what is down done now, by hand.")(by_hand.act)
app.command("declare", short_help="Report an incident that the watchdog cannot see.")(declare.declare)
app.command("ack", short_help="Take an open incident upon yourself.")(declare.ack)
app.command("resolve", short_help="End an incident that somebody declared.")(declare.resolve)
app.add_typer(oncall.app, name="oncall")
app.command("test-notify", short_help="Send a contact an example, and show what each address answered.")(notify.notify)
app.add_typer(journal.app, name="journal")
app.add_typer(token.app, name="token")
app.command("example", short_help="Print a policy to begin with, the unit, alerting rules, …")(example.example)
app.command("install", short_help="Install it on this machine, in an environment of its own.")(install.install)
app.command("upgrade", short_help="Install another version, or go back to the one before.")(install.upgrade)
app.command("uninstall")(install.uninstall)
app.command("demo", short_help="Start a small real platform, break it, and look on.")(demo.demo)


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
