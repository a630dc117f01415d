"""`nemo-watchdog silence` and `maintenance`: what people want quiet for a while. Restarts forget neither."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nemo_watchdog.cli import options
from nemo_watchdog.cli.output import USAGE, CommandFailed, as_json
from nemo_watchdog.people_views import QuietsView, QuietView
from nemo_watchdog.view_words import scope_said

if TYPE_CHECKING:
    from pathlib import Path

    from nemo_watchdog.cli.client import Answer

SILENCES, MAINTENANCE = "/api/v1/silences", "/api/v1/maintenance"

silence, maintenance = typer.Typer(), typer.Typer()

NamesOption = Annotated[
    list[str] | None, typer.Option("--dependency", help="Once for each; everything without this and without --tag.")
]
TagsOption = Annotated[list[str] | None, typer.Option("--tag", help="All that has this tag; once for each.")]
ForOption = Annotated[str | None, typer.Option("--for", help="How long, say 2h. It ends by itself.")]
ReasonOption = Annotated[str | None, typer.Option(help="Why; shown to everybody who asks.")]
PublicOption = Annotated[
    str | None, typer.Option(metavar="TEXT", help="Tell users of it on the status page, in these words.")
]
IdArgument = Annotated[str, typer.Argument(metavar="ID", help="Its id, as `list` shows it.")]


@silence.callback(invoke_without_command=True)
def begin_silence(
    context: typer.Context,
    dependency: NamesOption = None,
    tag: TagsOption = None,
    duration: ForOption = None,
    reason: ReasonOption = None,
    listen: options.ListenOption = options.DEFAULT_LISTEN,
    state_dir: options.StateDirOption = options.DEFAULT_STATE_DIR,
    json: options.JsonOption = False,
) -> None:
    """Tell nobody of something for a while. Looks and remedies go on as ever.

    What is still broken at its end is told then; what is over by then is counted only.
    """
    if context.invoked_subcommand is None:
        answer = _begin(SILENCES, dependency, tag, duration, reason, listen, state_dir)
        _say_begun(answer, "silent", "silence", json=json)


@silence.command("list")
def list_silences(listen: options.ListenOption = options.DEFAULT_LISTEN, json: options.JsonOption = False) -> None:
    """Show the silences that hold."""
    _list(SILENCES, listen, "Nothing is silenced.", json=json)


@silence.command("end")
def end_silence(
    identity: IdArgument,
    listen: options.ListenOption = options.DEFAULT_LISTEN,
    state_dir: options.StateDirOption = options.DEFAULT_STATE_DIR,
    json: options.JsonOption = False,
) -> None:
    """End a silence before its time. What is still broken is told at once."""
    _end(SILENCES, identity, listen, state_dir, "Nothing is silenced.", json=json)


@maintenance.callback(invoke_without_command=True)
def begin_maintenance(
    context: typer.Context,
    dependency: NamesOption = None,
    tag: TagsOption = None,
    duration: ForOption = None,
    reason: ReasonOption = None,
    public: PublicOption = None,
    listen: options.ListenOption = options.DEFAULT_LISTEN,
    state_dir: options.StateDirOption = options.DEFAULT_STATE_DIR,
    json: options.JsonOption = False,
) -> None:
    """Do nothing to something for a while, and tell what went down at its end, in one message.

    What is still down then is told and healed as any outage. What comes again and again is planned in the policy.
    """
    if context.invoked_subcommand is None:
        answer = _begin(MAINTENANCE, dependency, tag, duration, reason, listen, state_dir, public)
        _say_begun(answer, "worked on", "maintenance", json=json)


@maintenance.command("list")
def list_maintenance(listen: options.ListenOption = options.DEFAULT_LISTEN, json: options.JsonOption = False) -> None:
    """Show what is worked on, by hand or by a window of the policy."""
    _list(MAINTENANCE, listen, "Nothing is worked on.", json=json)


@maintenance.command("end")
def end_maintenance(
    identity: IdArgument,
    listen: options.ListenOption = options.DEFAULT_LISTEN,
    state_dir: options.StateDirOption = options.DEFAULT_STATE_DIR,
    json: options.JsonOption = False,
) -> None:
    """End maintenance that somebody began, before its time. A window of the policy is ended there."""
    _end(MAINTENANCE, identity, listen, state_dir, "Nothing is worked on.", json=json)


def _begin(
    path: str,
    names: list[str] | None,
    tags: list[str] | None,
    duration: str | None,
    reason: str | None,
    listen: str,
    state_dir: Path,
    public: str | None = None,
) -> Answer[QuietView]:
    from nemo_watchdog.cli import client

    if duration is None:
        raise CommandFailed("say for how long: --for 2h", USAGE)
    if reason is None:
        raise CommandFailed("say why: --reason TEXT", USAGE)
    body: dict[str, Any] = {"dependencies": names or [], "tags": tags or [], "reason": reason}
    body |= {"for": options.seconds(duration), "by": getpass.getuser()}
    body |= {} if public is None else {"public": public}
    return client.post(listen, path, body, state_dir, QuietView)


def _say_begun(answer: Answer[QuietView], how: str, command: str, *, json: bool) -> None:
    if json:
        as_json(answer.document)
        return
    view = answer.view
    end = f"`nemo-watchdog {command} end {view.id}` ends it before."
    print(f"{scope_said(view)}: {how} until {view.until}. {end}")


def _list(path: str, listen: str, nothing: str, *, json: bool) -> None:
    from nemo_watchdog.cli import client

    _say_all(client.get(listen, path, QuietsView), nothing, json=json)


def _end(path: str, identity: str, listen: str, state_dir: Path, nothing: str, *, json: bool) -> None:
    from urllib.parse import quote

    from nemo_watchdog.cli import client

    where = f"{path}/{quote(identity, safe='')}/end"
    _say_all(client.post(listen, where, {"by": getpass.getuser()}, state_dir, QuietsView), nothing, json=json)


def _say_all(answer: Answer[QuietsView], nothing: str, *, json: bool) -> None:
    if json:
        as_json(answer.document)
        return
    if not answer.view.quiet:
        print(nothing)
    for each in answer.view.quiet:
        whose = f"the policy plans it as {each.window}" if each.window else f"by {each.by}: {each.reason}"
        read = f"; users read: {each.public}" if each.public else ""
        print(f"{each.id}  {scope_said(each)} until {each.until}, {whose}{read}")
