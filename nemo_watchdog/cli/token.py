"""`nemo-watchdog token`: what others bring to the daemon, to read or to operate."""

from __future__ import annotations

import getpass
import sys
import urllib.parse
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated

import typer

from nemo_watchdog.cli import options
from nemo_watchdog.cli.output import as_json
from nemo_watchdog.people_views import MadeTokenView, TokensView

TOKENS = "/api/v1/tokens"
NONE = "There is no token but the daemon's own. To make one: nemo-watchdog token make NAME"

app = typer.Typer(help="Who brings what to the daemon, to read or to operate.", no_args_is_help=True)


class Right(StrEnum):
    READ = "read"
    OPERATE = "operate"


@app.command()
def make(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Who or what has it, such as alice or prometheus.")],
    right: Annotated[Right, typer.Option(help="What it is good for; who may operate may read as well.")] = Right.READ,
    listen: options.ListenOption = options.DEFAULT_LISTEN,
    state_dir: options.StateDirOption = options.DEFAULT_STATE_DIR,
    json: options.JsonOption = False,
) -> None:
    """Make a token, and print it: this once, for the daemon keeps a hash alone."""
    from nemo_watchdog.cli import client

    body = {"name": name, "right": right.value, "by": getpass.getuser()}
    answer = client.post(listen, TOKENS, body, state_dir, MadeTokenView)
    if json:
        as_json(answer.document)
        return
    token = answer.view.token
    print(answer.view.secret)
    print(
        f"This is the token of {token.name}, to {token.right}. It is shown this once: keep it where secrets are kept.\n"
        f"A person signs in with it in a browser; a program sends `Authorization: Bearer TOKEN`; this command takes it "
        f"from {client.VARIABLE}.\n"
        f"To end it: nemo-watchdog token revoke {token.id}",
        file=sys.stderr,
    )


@app.command("list")
def list_tokens(
    listen: options.ListenOption = options.DEFAULT_LISTEN,
    state_dir: options.StateDirOption = options.DEFAULT_STATE_DIR,
    json: options.JsonOption = False,
) -> None:
    """Show the tokens that are good, without what they are: who has each, for what, since when, by whom."""
    from nemo_watchdog.cli import client

    answer = client.get(listen, TOKENS, TokensView, state_dir)
    if json:
        as_json(answer.document)
        return
    for line in _lines(answer.view):
        print(line)


@app.command()
def revoke(
    identity: Annotated[str, typer.Argument(metavar="ID", help="Its id, as `list` shows it.")],
    listen: options.ListenOption = options.DEFAULT_LISTEN,
    state_dir: options.StateDirOption = options.DEFAULT_STATE_DIR,
    json: options.JsonOption = False,
) -> None:
    """End a token, and at once every session that began with it."""
    from nemo_watchdog.cli import client

    path = f"{TOKENS}/{urllib.parse.quote(identity, safe='')}/revoke"
    answer = client.post(listen, path, {"by": getpass.getuser()}, state_dir, TokensView)
    if json:
        as_json(answer.document)
        return
    print(f"{identity} is revoked, and whoever had signed in with it is signed out.")
    for line in _lines(answer.view):
        print(line)


def _lines(view: TokensView) -> Iterator[str]:
    if not view.tokens:
        yield NONE
    for each in view.tokens:
        yield f"{each.id}  {each.right:7}  {each.name} (made {each.made} by {each.by})"
