"""`nemo-watchdog check`: is this policy valid, and is it wise?"""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from nemo_watchdog import app
from nemo_watchdog.cli import options
from nemo_watchdog.cli.output import GOOD, USAGE, WRONG, as_json, fail
from nemo_watchdog.errors import PolicyError
from nemo_watchdog.model import Finding, Outcome, Reason, failed
from nemo_watchdog.plugins import installed
from nemo_watchdog.policy.lint import lint
from nemo_watchdog.policy.policy import Dependency, Policy
from nemo_watchdog.ports import Containers


def check(
    policy: Annotated[
        Path, typer.Argument(envvar="NEMO_WATCHDOG_POLICY", help="The policy file.")
    ] = options.DEFAULT_POLICY,
    probe: Annotated[bool, typer.Option("--probe", help="Also look at each dependency once.")] = False,
    json: options.JsonOption = False,
) -> None:
    """Validate and lint a policy. Exit code 2 for an invalid one, 1 when --probe finds something not up."""
    for warning in installed().warnings:
        fail(f"warning: {warning}")
    try:
        loaded = app.read_policy(policy, os.environ)
    except PolicyError as error:
        if json:
            as_json({"valid": False, "problems": [str(problem) for problem in error.problems]})
        else:
            count = len(error.problems)
            fail(f"{error}\n{count} problem{'s' if count != 1 else ''}: the policy is not usable.")
        raise typer.Exit(USAGE) from None
    advice = [str(each) for each in lint(loaded)]
    seen = asyncio.run(look_at_all(loaded)) if probe else {}
    if json:
        as_json({"valid": True, "advice": advice, "probes": {name: _plain(finding) for name, finding in seen.items()}})
    else:
        for line in advice:
            print(f"advice: {line}")
        count = len(loaded.dependencies)
        print(f"{policy} is valid: {count} {'dependencies' if count != 1 else 'dependency'}.")
        if probe:
            _print_table(seen)
    well = all(finding.outcome is Outcome.OK for finding in seen.values())
    raise typer.Exit(GOOD if well else WRONG)


async def look_at_all(policy: Policy) -> dict[str, Finding]:
    """One look at each dependency, all at the same time, each within its timeout."""
    specs = list(policy.dependencies.values())
    containers = app.docker(os.environ.get("DOCKER_HOST"))
    try:
        findings = await asyncio.gather(*(_look(spec, containers) for spec in specs))
    finally:
        await containers.close()
    return {spec.name: finding for spec, finding in zip(specs, findings, strict=True)}


async def _look(spec: Dependency, containers: Containers) -> Finding:
    probe = app.make_probe(spec, containers)
    try:
        async with asyncio.timeout(spec.timeout):
            return await probe.look()
    except TimeoutError:
        return failed(Reason.TIMEOUT, f"no answer within {spec.timeout:g}s")
    except Exception as error:  # noqa: BLE001 - a bug in one probe hides no other's finding
        return failed(Reason.PROBE_BUG, f"the probe raised {type(error).__name__}")
    finally:
        with suppress(Exception):  # what it found stands, whatever its end
            await probe.close()


def _plain(finding: Finding) -> dict[str, Any]:
    return {
        "outcome": finding.outcome,
        "reason": finding.reason,
        "detail": finding.detail,
        "measurements": dict(finding.measurements),
    }


def _print_table(seen: dict[str, Finding]) -> None:
    table = Table("dependency", "outcome", "reason", "detail")
    for name, finding in seen.items():
        table.add_row(name, finding.outcome, finding.reason or "", Text(finding.detail))  # no markup
    Console().print(table)
