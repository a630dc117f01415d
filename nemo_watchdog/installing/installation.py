"""An installation: made, brought up to date with a way back, and taken away. Its environment is there already."""

from __future__ import annotations

import grp
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from nemo_watchdog.errors import NemoWatchdogError, PolicyError
from nemo_watchdog.installing.layout import NAME, Layout
from nemo_watchdog.installing.programs import ProgramFailed, Run
from nemo_watchdog.installing.steps import Step, carry_out, link, remove, write, write_once
from nemo_watchdog.policy.difference import differences
from nemo_watchdog.policy.document import read_document
from nemo_watchdog.policy.loader import read_written
from nemo_watchdog.shipped import PLACES, Example, text_of

DOCKER = "docker"
_RUNS, _TRIED_AGAIN = frozenset({"active", "reloading"}), "activating"
"""What systemd calls the state of the unit."""

SECRETS = "# NAME=value lines, for ${NAME} in the policy. Read by systemd as root, before the service gives up root.\n"


class NotInstalled(NemoWatchdogError):
    """It does not run, or not in this version; the message says what is in place now and what to do."""


class Installation:
    """`run` carries out a command, `say` tells people what is done."""

    def __init__(self, layout: Layout, run: Run, say: Callable[[str], None], *, only_say: bool = False) -> None:
        self.layout = layout
        self._run = run
        self._say = say
        self._only_say = only_say

    def install(self, environment: Path, completion: str, manual: str) -> None:
        """Takes this environment into use; a running service goes on in it, or, where it cannot, in the one before.

        `completion` is for bash, `manual` the page for man.

        Raises `NotInstalled`, `ProgramFailed` and `OSError`.
        """
        layout = self.layout
        before = layout.current.readlink() if layout.current.is_symlink() else None
        unit_before = _text(layout.unit)
        self._carry_out(self._files(completion, manual))
        self._carry_out(link(layout.current, environment))
        self._carry_out(link(layout.command, layout.current / "bin" / NAME))
        for warning in self._warnings():
            self._say(warning)
        if not self._systemd_runs():
            self._say("systemd does not run here: the unit is in place for when it does")
            return
        self._carry_out([self._told_to_systemd("read its units", "daemon-reload")])
        state = self._systemctl("show", "-P", "ActiveState", NAME)
        if state in _RUNS:
            self._carry_out([Step("restart the service", lambda: self._restart(before, unit_before))])
        elif state == _TRIED_AGAIN:
            self._say("the service does not start, and did not before: systemd tries it in this version now")
        self._carry_out(self._outdated(keep={environment, before}))

    def uninstall(self, *, purge: bool) -> None:
        """Raises `ProgramFailed` and `OSError`. What people wrote and what it remembers stays, unless `purge`."""
        layout = self.layout
        if self._systemd_runs() and layout.unit.exists():
            self._carry_out([self._told_to_systemd("stop and disable the service", "disable", "--now", NAME)])
        self._carry_out(
            remove(layout.unit, layout.command, layout.completion, layout.manual, layout.share, layout.home)
        )
        if self._systemd_runs():
            self._carry_out([self._told_to_systemd("read its units", "daemon-reload")])
        mine = (layout.config, *layout.states)
        if purge:
            self._carry_out(remove(*mine))
        elif kept := [str(path) for path in mine if path.is_symlink() or path.exists()]:
            self._say(f"kept: {', '.join(kept)}: uninstall --purge removes that, too")

    # -- its parts

    def _files(self, completion: str, manual: str) -> Iterator[Step]:
        layout = self.layout
        yield from write(layout.unit, text_of(Example.UNIT))
        yield from self._policy()
        yield from write_once(layout.environment, SECRETS, 0o600)
        yield from write(layout.config / Path(PLACES[Example.SCHEMA]).name, text_of(Example.SCHEMA))
        for example, place in PLACES.items():
            yield from write(layout.share / Path(place).name, text_of(example))
        yield from write(layout.completion, completion)
        yield from write(layout.manual, manual)

    def _policy(self) -> Iterator[Step]:
        """The operator's own is never written over; a default that has changed is put beside it."""
        layout, default = self.layout, text_of(Example.POLICY)
        shipped_before = layout.share / Path(PLACES[Example.POLICY]).name
        if not layout.policy.exists():
            yield from write(layout.policy, default)
        elif _text(shipped_before) != default != _text(layout.policy):
            yield from write(layout.new_policy, default)
            yield Step(f"leave {layout.policy} as it is{self._differing(default)}", lambda: None)

    def _differing(self, default: str) -> str:
        try:
            count = len(differences(read_written(self.layout.policy), read_document(default, None).value))
        except PolicyError:
            return ""
        many = f"{count} difference{'s' if count != 1 else ''}"
        return f"; the default of this version has {many}: nemo-watchdog policy diff"

    def _warnings(self) -> Iterator[str]:
        try:
            grp.getgrnam(DOCKER)
        except KeyError:
            yield (
                "there is no group docker, and the unit runs in it to reach Docker's socket. Install Docker, or, with "
                "a socket proxy or a rootless Docker: systemctl edit nemo-watchdog, and there [Service] Group= and "
                "Environment=DOCKER_HOST=tcp://127.0.0.1:2375"
            )

    def _outdated(self, keep: set[Path | None]) -> Iterator[Step]:
        """Environments that nobody goes back to."""
        if self.layout.versions.is_dir():
            for place in sorted(self.layout.versions.iterdir()):
                if place not in keep:
                    yield Step(f"remove {place}", lambda place=place: shutil.rmtree(place))  # type: ignore[misc]

    # -- the service

    def _systemd_runs(self) -> bool:
        """See sd_booted(3)."""
        return (self.layout.root / "run/systemd/system").is_dir()

    def _systemctl(self, *words: str) -> str:
        return self._run("systemctl", *words)

    def _told_to_systemd(self, what: str, *words: str) -> Step:
        def tell() -> None:
            self._systemctl(*words)

        return Step(f"let systemd {what}", tell)

    def _restart(self, before: Path | None, unit_before: str | None) -> None:
        try:
            self._systemctl("restart", NAME)
        except ProgramFailed as error:
            if before is None or unit_before is None:
                raise NotInstalled(f"the service does not start; its files are in place\n{error}") from error
            self._go_back(before, unit_before)
            raise NotInstalled(
                f"the service does not start in this version and runs again in the one before\n{error}"
            ) from error

    def _go_back(self, before: Path, unit_before: str) -> None:
        self._say("the service does not start: back to the version before")
        layout = self.layout
        self._carry_out([*link(layout.current, before), *write(layout.unit, unit_before)])
        self._systemctl("daemon-reload")
        try:
            self._systemctl("restart", NAME)
        except ProgramFailed as error:
            raise NotInstalled(
                f"the service starts neither in this version nor in the one before, which is in place again\n{error}"
            ) from error

    def _carry_out(self, steps: Iterator[Step] | list[Step]) -> None:
        carry_out(steps, self._say, only_say=self._only_say)


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else None
