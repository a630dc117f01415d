"""`nemo-watchdog retry`: what the watchdog had given up is tried again, as far as the budget goes."""

from __future__ import annotations

import getpass
from typing import Annotated

import typer

from nemo_watchdog.cli import options
from nemo_watchdog.cli.output import as_json
from nemo_watchdog.views import RetryView

DependencyArgument = Annotated[str, typer.Argument(metavar="DEPENDENCY", help="A member of an open incident.")]


def retry(
    dependency: DependencyArgument,
    reason: Annotated[str, typer.Option(help="What has changed; it is kept in the journal.")] = "asked for by hand",
    listen: options.ListenOption = options.DEFAULT_LISTEN,
    state_dir: options.StateDirOption = options.DEFAULT_STATE_DIR,
    json: options.JsonOption = False,
) -> None:
    """Begin the remedy of a dependency anew: after an escalation, or instead of waiting for the backoff."""
    from nemo_watchdog.cli import client

    body = {"dependency": dependency, "reason": reason, "by": getpass.getuser()}
    answer = client.post(listen, "/api/v1/retry", body, state_dir, RetryView)
    if json:
        as_json(answer.document)
        return
    view = answer.view
    print(f"{view.dependency} begins anew. Now: {view.decision.verdict} ({view.decision.gate}): {view.decision.value}.")
