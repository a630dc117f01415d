"""A program in Compose's place: it tells its version and its file, and writes down what it was given."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import pytest

from nemo_watchdog.actions.compose import program

FILE = "services: {web: {image: x, scale: 2}, db: {image: y}}"


class StandIn:
    """On the PATH as `docker-compose`. `up` is the shell text that it runs for the order, `config` for its file."""

    def __init__(self, folder: Path, version: str = "2.26.1") -> None:
        self.path = folder / "docker-compose"
        self._told = folder / "told"
        self.version = version
        self.config = f"echo {shlex.quote(FILE)}"
        self.up = "echo Started >&2"
        self.write()

    def write(self, **changed: str) -> None:
        for name, text in changed.items():
            setattr(self, name, text)
        self.path.write_text(
            "#!/bin/sh\n"
            f'case "$*" in\n'
            f"*'version --short') echo {shlex.quote(self.version)};;\n"
            f"*' config') {self.config};;\n"
            f"*) printf '%s\\n' \"$@\" >{self._told}; env >{self._told}.env; {self.up};;\n"
            "esac\n",
            encoding="utf-8",
        )
        self.path.chmod(0o755)

    @property
    def ordered(self) -> list[str]:
        """The words of the order; none when there was none."""
        return self._told.read_text(encoding="utf-8").splitlines() if self._told.exists() else []

    @property
    def environment(self) -> dict[str, str]:
        text = Path(f"{self._told}.env").read_text(encoding="utf-8")
        return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def put_in_place(folder: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    monkeypatch.setattr(program, "PLUGIN_FOLDERS", ())
    monkeypatch.setenv("PATH", os.pathsep.join((str(folder), os.environ.get("PATH", os.defpath))))
    return StandIn(folder)
