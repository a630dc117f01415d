"""`nemo-watchdog check`: is this policy valid, and is it wise?"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from nemo_watchdog.cli import options
from nemo_watchdog.cli.output import GOOD, USAGE, WRONG, as_json, fail
from nemo_watchdog.errors import ContainersUnreachable, PolicyError


def check(
    policy: Annotated[
        Path | None,
        typer.Argument(envvar="NEMO_WATCHDOG_POLICY", help=f"The policy file; {options.DEFAULT_POLICY} when left out."),
    ] = None,
    probe: Annotated[bool, typer.Option("--probe", help="Also look at each dependency once.")] = False,
    service: Annotated[
        bool,
        typer.Option("--as-service", help="With what the systemd unit gives it: policy, secrets, rights. Needs root."),
    ] = False,
    json: options.JsonOption = False,
) -> None:
    """Validate and lint a policy. Exit code 2 for an invalid one, 1 when --probe finds something not up."""
    if not service:
        _check(policy or options.DEFAULT_POLICY, os.environ, [], probe=probe, json=json)
        return
    from nemo_watchdog.cli.as_service import as_service

    with as_service() as it:
        path = policy or it.policy or options.DEFAULT_POLICY
        advice = [str(each) for each in it.unreadable(path)]
        _check(path, it.environ, advice, probe=probe, json=json)


def _check(path: Path, environ: Mapping[str, str], before: list[str], *, probe: bool, json: bool) -> None:
    import asyncio

    from rich.console import Console

    from nemo_watchdog import app
    from nemo_watchdog.actions.lacking import lacking
    from nemo_watchdog.cli.one_look import look_at_all, table_of, with_labels
    from nemo_watchdog.doctor.docker import allow_list
    from nemo_watchdog.notifiers import unusable_addresses
    from nemo_watchdog.oncall_calendar import calendars_advice
    from nemo_watchdog.plugins import installed
    from nemo_watchdog.policy.lint import lint

    for warning in installed().warnings:
        fail(f"warning: {warning}")
    try:
        loaded = app.read_policy(path, environ)
    except PolicyError as error:
        if json:
            as_json({"valid": False, "problems": [str(problem) for problem in error.problems]})
        else:
            count = len(error.problems)
            fail(f"{error}\n{count} problem{'s' if count != 1 else ''}: the policy is not usable.")
        raise typer.Exit(USAGE) from None
    advice = [
        *before,
        *(str(each) for each in (*lint(loaded, installed()), *unusable_addresses(loaded.contacts))),
        *(str(each) for each in lacking(loaded, installed().actions)),
        *(str(each) for each in calendars_advice(loaded, datetime.now(UTC))),
    ]
    if probe:
        read = partial(app.read_policy, path, environ)
        try:
            loaded = asyncio.run(with_labels(loaded, read, environ.get("DOCKER_HOST")))
        except ContainersUnreachable as error:
            advice.append(f"the labels of containers were not seen: {error}")
        advice += loaded.unused_labels
    seen = asyncio.run(look_at_all(loaded, environ.get("DOCKER_HOST"))) if probe else {}
    if json:
        probes = {name: look.plain() for name, look in seen.items()}
        calls = {"docker_calls": allow_list(loaded)} if probe else {}
        as_json({"valid": True, "advice": advice, "probes": probes, **calls})
    else:
        for line in advice:
            print(f"advice: {line}")
        count = len(loaded.dependencies)
        print(f"{path} is valid: {count} {'dependencies' if count != 1 else 'dependency'}.")
        if probe:
            Console().print(table_of(seen))
            for call in allow_list(loaded):
                print(f"asks Docker: {call}")
    well = all(look.well for look in seen.values())
    raise typer.Exit(GOOD if well else WRONG)
