"""`nemo-watchdog pause` and `resume`: the kill switch. It outlives restarts of the daemon."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nemo_watchdog.cli import options
from nemo_watchdog.cli.output import as_json
from nemo_watchdog.views import EVERYTHING, PausesView

if TYPE_CHECKING:
    from nemo_watchdog.cli.client import Answer

ScopeArgument = Annotated[str, typer.Argument(metavar="[DEPENDENCY]", help="One dependency; all when left out.")]


def pause(
    scope: ScopeArgument = EVERYTHING,
    reason: Annotated[str, typer.Option(help="Why; shown to everybody who asks.")] = "paused by hand",
    duration: Annotated[str | None, typer.Option("--for", help="Ends by itself after, say, 30m.")] = None,
    listen: options.ListenOption = options.DEFAULT_LISTEN,
    state_dir: options.StateDirOption = options.DEFAULT_STATE_DIR,
    json: options.JsonOption = False,
) -> None:
    """Start no new action, for all or for one dependency, until resumed. Watching and telling go on.

    A pause never shortens another: the later end holds.
    """
    from nemo_watchdog.cli import client

    body: dict[str, Any] = {"scope": scope, "reason": reason, "by": getpass.getuser()}
    if duration is not None:
        body["duration"] = options.seconds(duration)
    answer = client.post(listen, "/api/v1/pause", body, state_dir, PausesView)
    _tell(answer, json=json)


def resume(
    scope: ScopeArgument = EVERYTHING,
    listen: options.ListenOption = options.DEFAULT_LISTEN,
    state_dir: options.StateDirOption = options.DEFAULT_STATE_DIR,
    json: options.JsonOption = False,
) -> None:
    """Allow actions again, whoever had paused them."""
    from nemo_watchdog.cli import client

    answer = client.post(listen, "/api/v1/resume", {"scope": scope, "by": getpass.getuser()}, state_dir, PausesView)
    _tell(answer, json=json)


def _tell(answer: Answer[PausesView], *, json: bool) -> None:
    if json:
        as_json(answer.document)
        return
    if not answer.view.pauses:
        print("Nothing is paused: the watchdog acts as the policy allows.")
    for scope, pause in answer.view.pauses.items():
        what = "Every dependency" if scope == EVERYTHING else scope
        until = f"until {pause.until}" if pause.until else "until somebody resumes it"
        print(f"{what} is paused {until}, by {pause.by}: {pause.reason}. Watching goes on.")
        for each in pause.beside:
            until = f"until {each.until}" if each.until else "until somebody resumes it"
            print(f"  Also {until}, by {each.by}: {each.reason}. `nemo-watchdog resume` ends all of them.")
