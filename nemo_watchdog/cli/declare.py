"""`nemo-watchdog declare`, `ack`, `resolve`: what people say of incidents. It orders no action and holds none back."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nemo_watchdog.cli import options
from nemo_watchdog.cli.output import as_json
from nemo_watchdog.views import StandingView

if TYPE_CHECKING:
    from nemo_watchdog.cli.client import Answer

IncidentArgument = Annotated[str, typer.Argument(metavar="ID", help="Its id, as `status DEPENDENCY` shows it.")]


def declare(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What is wrong, in one line.")],
    severity: Annotated[str, typer.Option(help="SEV1 to SEV4.")] = "SEV2",
    dependency: Annotated[str | None, typer.Option(help="The dependency that it is about.")] = None,
    listen: options.ListenOption = options.DEFAULT_LISTEN,
    state_dir: options.StateDirOption = options.DEFAULT_STATE_DIR,
    json: options.JsonOption = False,
) -> None:
    """Report an incident that the watchdog cannot see. The contacts of its severity are told, and nothing is done.

    It stays open until `resolve`.
    """
    from nemo_watchdog.cli import client

    body: dict[str, Any] = {"text": text, "severity": severity, "by": getpass.getuser()}
    if dependency is not None:
        body["dependency"] = dependency
    answer = client.post(listen, client.INCIDENTS, body, state_dir, StandingView)
    incident = answer.view.incident
    end = f"It stays open until `nemo-watchdog resolve {incident} --reason …`."
    _tell(answer, f"{incident} is open, {answer.view.severity}. {end}", json=json)


def ack(
    incident: IncidentArgument,
    duration: Annotated[str | None, typer.Option("--for", help="Ends by itself after, say, 2h.")] = None,
    listen: options.ListenOption = options.DEFAULT_LISTEN,
    state_dir: options.StateDirOption = options.DEFAULT_STATE_DIR,
    json: options.JsonOption = False,
) -> None:
    """Take an open incident upon yourself: who was told of it learns that. The watchdog goes on as before.

    What people were told of in the same messages is taken with it. It ends when the incident becomes graver or is
    over; who takes it later takes your place.
    """
    from nemo_watchdog.cli import client

    body: dict[str, Any] = {"by": getpass.getuser()}
    if duration is not None:
        body["for"] = options.seconds(duration)
    answer = client.post(listen, f"{client.path_of(incident)}/acknowledge", body, state_dir, StandingView)
    taken = answer.view.acknowledged
    until = f" until {taken.until}" if taken is not None and taken.until else ""
    also = f", and with it {', '.join(answer.view.also)}" if answer.view.also else ""
    _tell(answer, f"{answer.view.incident} is yours{until}{also}.", json=json)


def resolve(
    incident: IncidentArgument,
    reason: Annotated[str, typer.Option(help="Why it is over; whoever was told of it is told that.")],
    listen: options.ListenOption = options.DEFAULT_LISTEN,
    state_dir: options.StateDirOption = options.DEFAULT_STATE_DIR,
    json: options.JsonOption = False,
) -> None:
    """End an incident that somebody declared. Those that the watchdog opened resolve themselves."""
    from nemo_watchdog.cli import client

    body = {"reason": reason, "by": getpass.getuser()}
    answer = client.post(listen, f"{client.path_of(incident)}/resolve", body, state_dir, StandingView)
    _tell(answer, f"{answer.view.incident} is over.", json=json)


def _tell(answer: Answer[StandingView], said: str, *, json: bool) -> None:
    if json:
        as_json(answer.document)
    else:
        print(said)
