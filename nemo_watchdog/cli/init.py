"""`nemo-watchdog init`: a first policy from what runs on this machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nemo_watchdog.cli.output import UNREACHABLE, USAGE, WRONG, CommandFailed, fail
from nemo_watchdog.errors import ContainersUnreachable

if TYPE_CHECKING:
    from nemo_watchdog.first_policy.found import Found
    from nemo_watchdog.first_policy.plan import Plan

INSTALLED = Path("/etc/nemo-watchdog/policy.yaml")
HERE = Path("policy.yaml")
STDOUT = "-"


def init(
    compose: Annotated[
        Path | None,
        typer.Option(help="Only the services of this Compose file, also those that do not run."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            help="The file to write; never over another one, but for the example that `install` has put there. "
            "When left out, it is printed."
        ),
    ] = None,
    docker: Annotated[
        str | None, typer.Option(envvar="DOCKER_HOST", help="Docker's address; its usual socket when left out.")
    ] = None,
    tell: Annotated[
        list[str] | None,
        typer.Option(help="Who is told: an Apprise URL, such as '${ONCALL_URL:-}' or mailto://…; repeatable."),
    ] = None,
) -> None:
    """Write a first policy from the containers of this machine, with a reason for each choice.

    It asks a person before it does anything (`autonomy: suggest`). Exit code 1 when there is nothing to watch, 2 when a
    label of a container cannot be used or FILE is there already, 3 when Docker cannot be reached.
    """
    asks = output is None and not tell and _at_a_terminal()
    if output is not None:
        _must_be_free(output)
    plan = _plan(compose, docker)
    told = tell or []
    text = _text(plan, told)
    if asks:
        told, output = _asked(plan)
        text = _text(plan, told)
    if output is None:
        print(text, end="")
    else:
        from nemo_watchdog.first_policy.writing import write_new

        try:
            write_new(output, text, _is_example(output))
        except OSError as error:
            raise CommandFailed(f"{output} cannot be written: {error.strerror or error}", USAGE) from error
    _tell(plan, told, output, docker)


def _at_a_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _plan(compose: Path | None, docker: str | None) -> Plan:
    import asyncio

    from nemo_watchdog.first_policy.plan import plan, sort_out

    found, warnings = asyncio.run(_found(compose, docker))
    watched, left_out = sort_out(found, _own_id())
    if not watched:
        for name, why in left_out.items():
            fail(f"left out {name}: {why}")
        where = f"{compose} has no service" if compose else "Docker has no container"
        raise CommandFailed(f"{where} to watch", WRONG)
    from nemo_watchdog.first_policy.look import look_at

    seen = asyncio.run(look_at(watched))
    made = plan(watched, left_out, seen, host_has_gpu=_host_has_gpu())
    for warning in (*warnings, *made.warnings):
        fail(f"warning: {warning}")
    if made.problems:
        raise CommandFailed("\n".join(made.problems), USAGE)
    return made


async def _found(compose: Path | None, address: str | None) -> tuple[Sequence[Found], Sequence[str]]:
    from nemo_watchdog import app
    from nemo_watchdog.first_policy import services
    from nemo_watchdog.first_policy.found import parse_found

    containers = app.docker(address)
    try:
        found = [parse_found(each) for each in await containers.all_inspected()]
    except ContainersUnreachable as error:
        raise CommandFailed(f"{error}: is Docker running, and may you use it? See --docker", UNREACHABLE) from error
    finally:
        await containers.close()
    if compose is None:
        return services.with_dependencies(found)
    return services.of_file(compose, found, os.environ)


def _text(plan: Plan, tell: Sequence[str]) -> str:
    from nemo_watchdog.first_policy.proving import prove
    from nemo_watchdog.first_policy.text import policy_text
    from nemo_watchdog.notifiers import unusable_addresses
    from nemo_watchdog.plugins import installed

    text = policy_text(plan, tell)
    proven = prove(text, plan, installed(), os.environ)
    if isinstance(proven, Sequence):
        raise CommandFailed("\n".join(proven), USAGE)
    if tell and (wrong := [*unusable_addresses(proven.contacts)]):
        raise CommandFailed(f"--tell: {wrong[0].message}", USAGE)
    return text


def _must_be_free(output: Path) -> None:
    """A file that is there is somebody's; but for the example, of which there is another copy."""
    if (output.exists() or output.is_symlink()) and _is_example(output) is None:
        raise CommandFailed(
            f"{output} is there already, and is not written over: choose another --output, "
            f"or move it away: mv {output} {output}.old",
            USAGE,
        )
    if not output.absolute().parent.is_dir():
        raise CommandFailed(f"there is no folder {output.absolute().parent} to write {output.name} in", USAGE)


def _is_example(path: Path) -> str | None:
    """The text of what stands there, where that is the policy that came with the program, byte for byte."""
    from nemo_watchdog.regular_file import read_regular
    from nemo_watchdog.shipped import Example, text_of

    try:
        example = text_of(Example.POLICY)
        return example if not path.is_symlink() and read_regular(path, 1 << 20) == example.encode() else None
    except OSError:
        return None


def _asked(plan: Plan) -> tuple[list[str], Path | None]:
    fail(f"Found {_counted(plan)}.")
    who = typer.prompt(
        "Who is told? An Apprise URL such as mailto://…, or nothing", default="", show_default=False, err=True
    )
    default = INSTALLED if _is_example(INSTALLED) is not None and os.access(INSTALLED.parent, os.W_OK) else HERE
    where = typer.prompt(f"Where to write the policy? {STDOUT} prints it", default=str(default), err=True)
    output = None if where == STDOUT else Path(where)
    if output is not None:
        _must_be_free(output)
    return [who] if who else [], output


def _tell(plan: Plan, told: Sequence[str], output: Path | None, docker: str | None) -> None:
    """The summary, and what to do next."""
    fail(f"found {_counted(plan)}: {', '.join(entry.name for entry in plan.entries)}")
    if plan.left_out:
        fail(f"left out {len(plan.left_out)}:")
        for name, why in plan.left_out.items():
            fail(f"  {name}: {why}")
    if any("${" not in address for address in told):
        fail(
            "warning: the address of --tell stands in the policy, which all users of this machine may read: better put "
            "ONCALL_URL=… into /etc/nemo-watchdog/environment, and --tell '${ONCALL_URL:-}'"
        )
    if docker and not docker.startswith("unix:") and not any(here in docker for here in ("//127.", "//localhost")):
        fail("warning: the addresses are those of this machine: where Docker runs on another, write its name instead")
    file = "FILE" if output is None else str(output)
    if output == INSTALLED:
        fail("next: nemo-watchdog check --as-service --probe, then systemctl enable --now nemo-watchdog")
    else:
        fail(f"next: nemo-watchdog check {file} --probe, then nemo-watchdog run --policy {file}")


def _counted(plan: Plan) -> str:
    count = len(plan.entries)
    return f"{count} container{'s' if count != 1 else ''}"


def _own_id() -> str:
    """How the id of the container begins that this runs in: Docker calls a container's host so unless it is told."""
    import socket

    name = socket.gethostname()
    return name if Path("/.dockerenv").exists() and len(name) == 12 else ""


def _host_has_gpu() -> bool:
    from ctypes.util import find_library

    return any(Path("/dev").glob("nvidia[0-9]*")) or find_library("nvidia-ml") is not None
