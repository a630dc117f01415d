"""`nemo-watchdog journal`: is it whole, and, when it is not, go on from what can be read of it."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Annotated

import typer

from nemo_watchdog.cli import options
from nemo_watchdog.cli.output import GOOD, WRONG, as_json, fail
from nemo_watchdog.views import AcceptedView

if TYPE_CHECKING:
    from nemo_watchdog.engine.state import Durable

app = typer.Typer(help="What the watchdog remembers: is it whole?", no_args_is_help=True)


@app.command()
def verify(
    state_dir: options.StateDirOption = options.DEFAULT_STATE_DIR,
    backup: Annotated[
        bool, typer.Option("--backup", help="The folder is a backup: that it is a copy is no damage.")
    ] = False,
    json: options.JsonOption = False,
) -> None:
    """Say whether every record is there as it was written; exit code 1 when not. Changes nothing."""
    from nemo_watchdog.journal.examination import examine
    from nemo_watchdog.state_dir import JOURNAL_NAME

    path = state_dir / JOURNAL_NAME
    found = examine(path, backup=backup)
    damage = found.damage
    if not found.there and not damage:
        fail(f"there is no journal in {state_dir}: the daemon's first start makes one. Give another with --state-dir")
        raise typer.Exit(WRONG)
    newest = None if found.newest is None else found.newest.isoformat(timespec="seconds")
    if json:
        as_json({"whole": not damage, "damage": damage, "records": found.records, "newest": newest})
    elif damage:
        print(f"The journal {path} is damaged:")
        print(*(f"- {each}" for each in damage), sep="\n")
        print(f"What can be read: {_known(found.state, found.records, newest)}")
        print("To go on from that, with the daemon running: nemo-watchdog journal accept --reason TEXT")
    else:
        print(f"The journal {path} is whole: {_known(found.state, found.records, newest)}")
    raise typer.Exit(WRONG if damage else GOOD)


@app.command()
def accept(
    reason: Annotated[str, typer.Option(help="Why that is right; written down with your name.")],
    listen: options.ListenOption = options.DEFAULT_LISTEN,
    state_dir: options.StateDirOption = options.DEFAULT_STATE_DIR,
    json: options.JsonOption = False,
) -> None:
    """Let the running daemon act again with what can be read of a damaged journal. What is lost stays forgotten."""
    from nemo_watchdog.cli import client

    body = {"reason": reason, "by": getpass.getuser()}
    answer = client.post(listen, "/api/v1/journal/accept", body, state_dir, AcceptedView)
    if json:
        as_json(answer.document)
        return
    view = answer.view
    print(f"Accepted; the watchdog acts again as the policy allows. What was damaged: {view.damage}.")
    print("Actions left: " + ", ".join(f"{scope} {left.remaining}/{left.of}" for scope, left in view.budgets.items()))
    paused = ", ".join(f"{scope} by {pause.by}: {pause.reason}" for scope, pause in view.pauses.items())
    print(
        f"Paused: {paused}" if paused else "Nothing is paused that it knows of: if somebody had paused it, pause again."
    )


def _known(state: Durable, records: int, newest: str | None) -> str:
    if newest is None:
        return "no record."
    pauses = ", ".join(sorted(state.pauses)) or "none"
    held = ", ".join(sorted(str(target) for target in state.holds)) or "none"
    return (
        f"{records} records, the newest of {newest}; {len(state.spends)} actions that were ordered; "
        f"paused: {pauses}; held for a person: {held}."
    )
