"""`nemo-watchdog oncall`: who has a rota now, until when, and who comes next; and another one for a while."""

from __future__ import annotations

import getpass
import urllib.parse
from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Annotated, Any

import typer

from nemo_watchdog.cli import options
from nemo_watchdog.cli.output import USAGE, CommandFailed, as_json
from nemo_watchdog.people_views import OncallView, RotaView

ONCALL = "/api/v1/oncall"
NO_ROTA = (
    "The policy has no rota. One under `contacts`: "
    "on-call: {rota: [alice, bob], weekly: monday 09:00, zone: Europe/Berlin}"
)

app = typer.Typer(help="Who has a rota now, until when, and who comes next.", invoke_without_command=True)

RotaArgument = Annotated[str, typer.Argument(metavar="ROTA", help="The contact that is a rota, such as on-call.")]
UtcOption = Annotated[bool, typer.Option("--utc", help="Times in UTC instead of this machine's zone.")]


@app.callback()
def oncall(
    context: typer.Context,
    listen: options.ListenOption = options.DEFAULT_LISTEN,
    utc: UtcOption = False,
    json: options.JsonOption = False,
) -> None:
    """Say who has each rota now, until when, and who comes next. What is told to a rota goes to who has it then."""
    if context.invoked_subcommand is not None:
        return
    from nemo_watchdog.cli import client

    answer = client.get(listen, ONCALL, OncallView)
    if json:
        as_json(answer.document)
        return
    for line in _lines(answer.view, UTC if utc else None):
        print(line)


@app.command()
def swap(
    rota: RotaArgument,
    person: Annotated[str, typer.Argument(metavar="PERSON", help="The contact who has it instead.")],
    reason: Annotated[str, typer.Option(help="Why; shown to everybody who asks.")],
    until: Annotated[
        str | None, typer.Option(help="When it ends: 18:00, `monday 09:00` or `2026-11-30 09:00`, in this zone.")
    ] = None,
    duration: Annotated[str | None, typer.Option("--for", help="Ends by itself after, say, 8h.")] = None,
    listen: options.ListenOption = options.DEFAULT_LISTEN,
    state_dir: options.StateDirOption = options.DEFAULT_STATE_DIR,
    utc: UtcOption = False,
    json: options.JsonOption = False,
) -> None:
    """Let another person have a rota from now on, until a time.

    Of several swaps the newest counts; when it ends, the one before goes on.
    """
    body: dict[str, Any] = {"person": person, "reason": reason, "by": getpass.getuser()}
    _change(rota, "swap", body | _end(until, duration, utc=utc), listen, state_dir, utc=utc, json=json)


@app.command()
def unswap(
    rota: RotaArgument,
    listen: options.ListenOption = options.DEFAULT_LISTEN,
    state_dir: options.StateDirOption = options.DEFAULT_STATE_DIR,
    utc: UtcOption = False,
    json: options.JsonOption = False,
) -> None:
    """End all swaps of a rota: it goes on as the policy and its calendar have it."""
    _change(rota, "unswap", {"by": getpass.getuser()}, listen, state_dir, utc=utc, json=json)


def _end(until: str | None, duration: str | None, *, utc: bool) -> dict[str, Any]:
    from nemo_watchdog.cli import times

    if (until is None) == (duration is None):
        raise CommandFailed("say when it ends, with --until or with --for", USAGE)
    if duration is not None:
        return {"for": options.seconds(duration)}
    try:
        at = times.ahead(until or "", datetime.now(UTC), UTC if utc else None)
    except ValueError as error:
        raise CommandFailed(f"--until {error}", USAGE) from None
    return {"until": at.isoformat()}


def _change(rota: str, what: str, body: dict[str, Any], listen: str, state_dir: Path, *, utc: bool, json: bool) -> None:
    from nemo_watchdog.cli import client

    answer = client.post(listen, f"{ONCALL}/{urllib.parse.quote(rota, safe='')}/{what}", body, state_dir, OncallView)
    if json:
        as_json(answer.document)
    elif shown := answer.view.rotas.get(rota):
        for line in _said(rota, shown, UTC if utc else None):
            print(line)


def _lines(view: OncallView, zone: tzinfo | None) -> Iterator[str]:
    if not view.rotas:
        yield NO_ROTA
    for name, rota in view.rotas.items():
        yield from _said(name, rota, zone)


def _said(name: str, rota: RotaView, zone: tzinfo | None) -> Iterator[str]:
    then = f" until {_at(rota.until, zone)}, then {' and '.join(rota.then)}" if rota.until else ", and nobody after"
    how = {"calendar": "its calendar says so", "swap": "a swap"}.get(rota.because, f"by turns: {', '.join(rota.turns)}")
    yield f"{name}: {' and '.join(rota.people)}{then} ({how})"
    if rota.swap is not None:
        yield f"  the swap ends {_at(rota.swap.until, zone)}; by {rota.swap.by}: {rota.swap.reason}"


def _at(time: str, zone: tzinfo | None) -> str:
    """`Mon 2026-11-30 09:00 CET`."""
    at = datetime.fromisoformat(time).astimezone(zone)
    seconds = ":%S" if at.second else ""
    return f"{at:%a %Y-%m-%d %H:%M{seconds} %Z}"
