"""`nemo-watchdog approve`, `reject`, `act`: a person has it done, or not. `status` shows what waits for an answer."""

from __future__ import annotations

import getpass
import urllib.parse
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nemo_watchdog.cli import options
from nemo_watchdog.cli.output import as_json
from nemo_watchdog.people_views import ProposalView

if TYPE_CHECKING:
    from nemo_watchdog.cli.client import Answer

ProposalArgument = Annotated[str, typer.Argument(metavar="ID", help="Its id, as the message or `status` has it.")]
ByOption = Annotated[str | None, typer.Option(help="Who it is that says so; your user name unless given.")]


def approve(
    proposal: ProposalArgument,
    by: ByOption = None,
    listen: options.ListenOption = options.DEFAULT_LISTEN,
    state_dir: options.StateDirOption = options.DEFAULT_STATE_DIR,
    json: options.JsonOption = False,
) -> None:
    """Have what the watchdog proposed done, once: if every gate allows it, and its container is the same run still."""
    body = {"proposal": proposal, "by": by or getpass.getuser()}
    _ask("/api/v1/proposals/approve", body, listen, state_dir, json=json)


def reject(
    proposal: ProposalArgument,
    reason: Annotated[str, typer.Option(help="Why not; shown to everybody who asks.")],
    duration: Annotated[
        str | None,
        typer.Option("--for", help="Not proposed again for, say, 2h; else as the policy says."),
    ] = None,
    by: ByOption = None,
    listen: options.ListenOption = options.DEFAULT_LISTEN,
    state_dir: options.StateDirOption = options.DEFAULT_STATE_DIR,
    json: options.JsonOption = False,
) -> None:
    """Leave undone what the watchdog proposed, and have it not proposed again for a while."""
    body: dict[str, Any] = {"proposal": proposal, "reason": reason, "by": by or getpass.getuser()}
    if duration is not None:
        body["for"] = options.seconds(duration)
    _ask("/api/v1/proposals/reject", body, listen, state_dir, json=json)


def act(
    dependency: Annotated[str, typer.Argument(metavar="DEPENDENCY", help="What is down, in an open incident.")],
    step: Annotated[
        str | None, typer.Option(help="The key of a step of its remedy; unless given, what comes next.")
    ] = None,
    override: Annotated[
        list[str] | None,
        typer.Option(help="A gate that is not to hold it back: backoff, budget, grace or upstream. May be repeated."),
    ] = None,
    reason: Annotated[str | None, typer.Option(help="Why; needed to override a gate, and kept with it.")] = None,
    by: ByOption = None,
    listen: options.ListenOption = options.DEFAULT_LISTEN,
    state_dir: options.StateDirOption = options.DEFAULT_STATE_DIR,
    json: options.JsonOption = False,
) -> None:
    """Have the next step for what is down done now, by hand. Every gate holds but those that are overridden."""
    body: dict[str, Any] = {"by": by or getpass.getuser()}
    if step is not None:
        body["step"] = step
    if override:
        body["override"] = override
    if reason is not None:
        body["reason"] = reason
    path = f"/api/v1/dependencies/{urllib.parse.quote(dependency, safe='')}/act"
    _ask(path, body, listen, state_dir, json=json)


def _ask(path: str, body: dict[str, Any], listen: str, state_dir: Path, *, json: bool) -> None:
    from nemo_watchdog.cli import client

    answer: Answer[ProposalView] = client.post(listen, path, body, state_dir, ProposalView)
    if json:
        as_json(answer.document)
    else:
        print(f"{answer.view.said}.")
