"""`nemo-watchdog install`, `upgrade`, `uninstall`: the program on this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nemo_watchdog.cli.output import USAGE, WRONG, CommandFailed
from nemo_watchdog.errors import NemoWatchdogError

if TYPE_CHECKING:
    from nemo_watchdog.installing.layout import Layout

NAME = "nemo-watchdog"

DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]

NEXT = """\
Next:
  nemo-watchdog init --output /etc/nemo-watchdog/policy.yaml (a policy from your containers, instead of the example)
  edit /etc/nemo-watchdog/policy.yaml (docs/policy.md), and the secrets in /etc/nemo-watchdog/environment
  nemo-watchdog check --as-service
  systemctl enable --now nemo-watchdog"""


def install(
    context: typer.Context,
    source: Annotated[
        str | None,
        typer.Argument(help="A wheel, a folder or a requirement for pip; what this command came from when left out."),
    ] = None,
    dry_run: DryRun = False,
) -> None:
    """Install it on this machine, in an environment of its own: command, unit, policy. Again, it does what is left."""
    from nemo_watchdog.installing import environment
    from nemo_watchdog.installing.layout import Layout

    layout = Layout()
    _must_be_root(dry_run)
    if source is None and (here := environment.own(layout)) is not None:
        _take_into_use(context, layout, here, dry_run)
        return
    _install_anew(context, layout, source or environment.origin(), dry_run)


def upgrade(
    context: typer.Context,
    source: Annotated[str, typer.Argument(help="A wheel, a folder or a requirement for pip.", show_default=False)],
    dry_run: DryRun = False,
) -> None:
    """Install another version; where the service does not start in it, it goes on in the one before."""
    from nemo_watchdog.installing.layout import Layout

    layout = Layout()
    _must_be_root(dry_run)
    if not layout.current.is_symlink():
        raise CommandFailed(f"there is nothing in {layout.home} to upgrade: nemo-watchdog install {source}", USAGE)
    _install_anew(context, layout, source, dry_run)


def uninstall(
    purge: Annotated[bool, typer.Option("--purge", help="Also the policy, the secrets and what it remembers.")] = False,
    dry_run: DryRun = False,
) -> None:
    """Remove it from this machine. The policy and the state directory stay, unless --purge."""
    from nemo_watchdog.installing.installation import Installation
    from nemo_watchdog.installing.layout import Layout
    from nemo_watchdog.installing.programs import run

    _must_be_root(dry_run)
    _or_fail(lambda: Installation(Layout(), run, print, only_say=dry_run).uninstall(purge=purge))


def _must_be_root(dry_run: bool) -> None:
    os.umask(0o022)  # the service's own user reads what root writes
    if os.geteuid() != 0 and not dry_run:
        raise CommandFailed("this needs root: run it with sudo, or with --dry-run to see what it would do", USAGE)


def _install_anew(context: typer.Context, layout: Layout, source: str, dry_run: bool) -> None:
    """The new version itself takes the new environment into use: it knows its files."""
    from nemo_watchdog.installing import environment
    from nemo_watchdog.installing.programs import run

    place = environment.free_place(layout)
    if dry_run:
        print(f"would make {place} with {source}")
        _take_into_use(context, layout, place, dry_run)
        return
    print(f"make {place} with {source}")
    _or_fail(lambda: environment.make(place, source, run))
    ended = subprocess.run([place / "bin" / NAME, "install"], check=False).returncode  # noqa: S603 - our own
    if ended:
        if not layout.current.is_symlink() or layout.current.readlink() != place:
            shutil.rmtree(place, ignore_errors=True)
        raise typer.Exit(ended)


def _take_into_use(context: typer.Context, layout: Layout, place: Path, dry_run: bool) -> None:
    from typer._completion_shared import get_completion_script  # it has no public name

    from nemo_watchdog.cli.manual import manual
    from nemo_watchdog.installing.installation import Installation
    from nemo_watchdog.installing.programs import run

    variable = f"_{NAME.replace('-', '_').upper()}_COMPLETE"
    completion = get_completion_script(prog_name=NAME, complete_var=variable, shell="bash")  # noqa: S604 - its name
    installation = Installation(layout, run, print, only_say=dry_run)
    first = not layout.current.is_symlink()
    _or_fail(lambda: installation.install(place, f"{completion}\n", manual(context)))
    if first and not dry_run:
        print(NEXT)


def _or_fail(work: Callable[[], None]) -> None:
    try:
        work()
    except (OSError, NemoWatchdogError) as error:
        raise CommandFailed(str(error), WRONG) from error
