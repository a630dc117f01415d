"""`nemo-watchdog doctor`: what around the daemon is wrong, and what to do about it."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nemo_watchdog.cli import options
from nemo_watchdog.cli.output import GOOD, WRONG, as_json

if TYPE_CHECKING:
    from nemo_watchdog.cli.as_service import AsService
    from nemo_watchdog.cli.examination import Asked
    from nemo_watchdog.doctor.checkup import Finding


def doctor(
    policy: Annotated[
        Path | None, typer.Argument(help=f"The policy file; NEMO_WATCHDOG_POLICY or {options.DEFAULT_POLICY} else.")
    ] = None,
    service: Annotated[
        bool,
        typer.Option("--as-service", help="With what the systemd unit gives it: policy, secrets, rights. Needs root."),
    ] = False,
    send: Annotated[
        bool,
        typer.Option(
            "--send",
            help="Also send each contact a test message, and each Alertmanager an alert of severity none that is over.",
        ),
    ] = False,
    docker: Annotated[
        str | None, typer.Option("--docker", help="Docker's address; DOCKER_HOST or its usual socket else.")
    ] = None,
    state_dir: Annotated[
        Path | None,
        typer.Option("--state-dir", help="Where the journal is; NEMO_WATCHDOG_STATE_DIR or the usual place else."),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(
            "--url",
            "--listen",
            help="The daemon's address, http://HOST:PORT or HOST:PORT; NEMO_WATCHDOG_LISTEN or the usual one else.",
        ),
    ] = None,
    json: options.JsonOption = False,
) -> None:
    """Check all that can be wrong around the daemon, and say what to do about each.

    For a watchdog that does not work: policy, Docker and each call that a proxy may refuse, dependencies, contacts,
    Alertmanager, GPUs, clocks, state directory, rights, the systemd unit, the running daemon. It changes nothing,
    restarts nothing, and ends within some 15 seconds, whatever hangs. Exit code 1 when something is bad.
    """
    from nemo_watchdog.cli.examination import Asked
    from nemo_watchdog.doctor.checkup import Grade, bad

    with ExitStack() as stack:
        before: list[Finding] = []
        it: AsService | None = None
        if service:
            from nemo_watchdog.cli.as_service import as_service
            from nemo_watchdog.service_unit import UnitError

            try:
                it = stack.enter_context(as_service())
            except UnitError as error:
                before.append(bad("as service", str(error), "nemo-watchdog install, or leave out --as-service"))
        environ = os.environ if it is None else it.environ
        address = docker or environ.get("DOCKER_HOST") or None
        path = policy or Path(environ.get("NEMO_WATCHDOG_POLICY") or options.DEFAULT_POLICY)
        asked = Asked(
            policy=path,
            environ=environ,
            docker=address,
            state_dir=state_dir or Path(environ.get("NEMO_WATCHDOG_STATE_DIR") or options.DEFAULT_STATE_DIR),
            listen=_host_and_port(url or environ.get("NEMO_WATCHDOG_LISTEN") or options.DEFAULT_LISTEN),
            send=send,
            unreadable=None if it is None else lambda: it.barred(path, address),
        )
        findings = [*before, *_examine(asked)]
    if json:
        counts = {grade: sum(each.grade is grade for each in findings) for grade in Grade}
        as_json({"findings": [_plain(each) for each in findings], **counts})
    else:
        _print(findings)
    raise typer.Exit(WRONG if any(each.grade is Grade.BAD for each in findings) else GOOD)


def _host_and_port(url: str) -> str:
    """The daemon asks for no user and password; who writes them all the same does not find them on the screen."""
    return url.removeprefix("http://").rstrip("/").rpartition("@")[2]


def _plain(finding: Finding) -> dict[str, str]:
    return {"check": finding.check, "grade": finding.grade, "seen": finding.seen, "remedy": finding.remedy}


def _examine(asked: Asked) -> list[Finding]:
    from rich.console import Console

    from nemo_watchdog.cli.examination import examined

    screen = Console(stderr=True)
    if not screen.is_terminal:
        return examined(asked)
    with screen.status("looking at everything, for 15 seconds at most"):
        return examined(asked)


def _print(findings: list[Finding]) -> None:
    from rich.console import Console

    from nemo_watchdog.cli.doctor_page import show

    show(findings, Console())
