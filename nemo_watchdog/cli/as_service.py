"""`check --as-service`: a policy as the service would read it, with its variables, its credentials and its rights."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from nemo_watchdog.cli.output import USAGE, CommandFailed
from nemo_watchdog.containers.connection import DEFAULT_HOST
from nemo_watchdog.errors import PolicyError
from nemo_watchdog.policy.contacts import calendars_in
from nemo_watchdog.policy.document import texts_in
from nemo_watchdog.policy.lint import Advice
from nemo_watchdog.policy.loader import read_written
from nemo_watchdog.policy.secrets import CREDENTIALS, files_in
from nemo_watchdog.service_unit import ServiceUnit, read_unit


@dataclass(frozen=True, slots=True)
class AsService:
    """`environ` is what the service's process would have."""

    unit: ServiceUnit
    environ: dict[str, str]

    @property
    def policy(self) -> Path | None:
        """The one that the unit names."""
        named = self.environ.get("NEMO_WATCHDOG_POLICY")
        return Path(named) if named else None

    def unreadable(self, policy: Path) -> Iterator[Advice]:
        """What root can read and the service's user cannot."""
        if not self.unit.may_read(str(policy.absolute())):
            yield Advice(str(policy), f"the service's user cannot read it: chmod o+r {policy}, and o+x its folders")
        for file in sorted(_files_of(policy)):
            if not self.unit.may_read(file):
                name = Path(file).name
                message = (
                    f"the service's user cannot read it: let systemd hand it over with LoadCredential={name}:{file} "
                    f"in the unit (systemctl edit nemo-watchdog), and write ${{credential:{name}}} here"
                )
                yield Advice(f"${{file:{file}}}", message)
        for file in sorted(_calendars_of(policy)):
            if not self.unit.may_read(file):
                remedy = f"chmod o+r {file}, and o+x its folders"
                yield Advice(file, f"the service's user cannot read this calendar: {remedy}")

    def barred(self, policy: Path, docker: str | None) -> Iterator[Advice]:
        """That, and Docker's socket where the service's user may not use it."""
        yield from self.unreadable(policy)
        address = docker or DEFAULT_HOST
        socket = address.removeprefix("unix://")
        if socket != address and Path(socket).exists() and not self.unit.may_use(socket):
            remedy = "name the group of the socket as Group= in the unit (systemctl edit nemo-watchdog)"
            yield Advice(socket, f"the service's user may not use it: {remedy}")


def _calendars_of(policy: Path) -> set[str]:
    try:
        return {file for file in calendars_in(read_written(policy)) if Path(file).is_file()}
    except PolicyError:
        return set()


def _files_of(policy: Path) -> set[str]:
    """Those that its values name, and no comment; of what is no YAML none, for that is told anyhow."""
    try:
        return {file for text in texts_in(read_written(policy)) for file in files_in(text)}
    except PolicyError:
        return set()


@contextmanager
def as_service() -> Iterator[AsService]:
    """Needs root, as systemd has it: raises `CommandFailed` without, and `UnitError` for a unit that is not there."""
    if os.geteuid() != 0:
        raise CommandFailed("--as-service reads what systemd reads as root: run it with sudo", USAGE)
    unit = read_unit()
    with TemporaryDirectory(prefix="nemo-watchdog-credentials-") as folder:
        for name, file in unit.credentials.items():
            Path(folder, name).symlink_to(file)
        yield AsService(unit, {**unit.environ, CREDENTIALS: folder} if unit.credentials else dict(unit.environ))
