"""Where an installation has its parts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

NAME = "nemo-watchdog"


@dataclass(frozen=True, slots=True)
class Layout:
    """Below `root`, which is the machine's own except in tests."""

    root: Path = Path("/")

    @property
    def home(self) -> Path:
        return self.root / "opt" / NAME

    @property
    def versions(self) -> Path:
        """An environment for each version that is installed; they are made where they stay."""
        return self.home / "versions"

    @property
    def current(self) -> Path:
        """A link to the environment in use."""
        return self.home / "current"

    @property
    def command(self) -> Path:
        """A link on everybody's PATH."""
        return self.root / "usr/local/bin" / NAME

    @property
    def unit(self) -> Path:
        return self.root / "etc/systemd/system" / f"{NAME}.service"

    @property
    def config(self) -> Path:
        return self.root / "etc" / NAME

    @property
    def policy(self) -> Path:
        return self.config / "policy.yaml"

    @property
    def new_policy(self) -> Path:
        """The default of this version, where the operator has another one."""
        return self.config / "policy.yaml.new"

    @property
    def environment(self) -> Path:
        """Secrets, read by systemd as root."""
        return self.config / "environment"

    @property
    def share(self) -> Path:
        """What comes with the program and nobody edits."""
        return self.root / "usr/local/share" / NAME

    @property
    def completion(self) -> Path:
        """Where bash-completion looks for what was installed locally."""
        return self.root / "usr/local/share/bash-completion/completions" / NAME

    @property
    def manual(self) -> Path:
        """Where man looks for what was installed locally."""
        return self.root / "usr/local/share/man/man1" / f"{NAME}.1"

    @property
    def states(self) -> tuple[Path, Path]:
        """The state directory: systemd's link, and where that leads for a dynamic user (systemd.exec(5))."""
        return self.root / "var/lib" / NAME, self.root / "var/lib/private" / NAME
