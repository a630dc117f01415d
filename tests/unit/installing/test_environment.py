"""Environments: each in a place of its own, with the versions that it was tested with, and none half made."""

from __future__ import annotations

import shutil
import sys
import tempfile
import zipfile
from pathlib import Path

import pytest

from nemo_watchdog.installing import environment
from nemo_watchdog.installing.layout import Layout
from nemo_watchdog.installing.programs import ProgramFailed, run
from nemo_watchdog.shipped import constraints


class Ran:
    """Takes commands; `constraints` is what pip was given."""

    def __init__(self, *, fails: bool = False) -> None:
        self.commands: list[tuple[str, ...]] = []
        self.constraints = ""
        self._fails = fails

    def __call__(self, *command: str) -> str:
        self.commands.append(command)
        if "venv" in command:
            Path(command[-1]).mkdir()
        if "-c" in command:
            self.constraints = Path(command[command.index("-c") + 1]).read_text()
            if self._fails:
                raise ProgramFailed("no such wheel")
        return ""


def test_no_place_is_used_twice(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    first = environment.free_place(layout)
    first.mkdir(parents=True)
    assert environment.free_place(layout) != first
    assert environment.free_place(layout).parent == layout.versions


def test_pip_gets_the_versions_that_the_source_names(tmp_path: Path) -> None:
    """Those of a wheel and of a clone are their own: another version's may contradict them."""
    wheel, bare, clone = tmp_path / "new.whl", tmp_path / "bare.whl", tmp_path / "clone"
    with zipfile.ZipFile(wheel, "w") as file:
        file.writestr("nemo_watchdog/shipped_files/constraints.txt", "aiohttp==9\n")
    zipfile.ZipFile(bare, "w").close()
    clone.mkdir()
    (clone / "constraints.txt").write_text("aiohttp==8\n")
    named = {str(wheel): "aiohttp==9\n", str(clone): "aiohttp==8\n", str(bare): "", "nemo-watchdog==1": constraints()}
    for number, (source, expected) in enumerate(named.items()):
        ran = Ran()
        environment.make(tmp_path / f"made-{number}", source, ran)
        assert ran.constraints == expected
        assert ran.commands[0] == (environment.python(), "-m", "venv", str(tmp_path / f"made-{number}"))
        assert ran.commands[1][-1] == source


def test_of_one_that_cannot_be_made_nothing_is_left(tmp_path: Path) -> None:
    place = tmp_path / "versions" / "environment-1"
    with pytest.raises(ProgramFailed):
        environment.make(place, "nemo-watchdog==9", Ran(fails=True))
    assert not place.exists()


def test_it_knows_whether_it_runs_in_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layout = Layout(tmp_path)
    assert environment.own(layout) is None
    monkeypatch.setattr(sys, "prefix", str(layout.versions / "environment-4"))
    assert environment.own(layout) == layout.versions / "environment-4"


@pytest.mark.parametrize(("mode", "own"), [(0o755, True), (0o750, False)])
def test_a_python_that_the_service_may_not_run_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, own: bool
) -> None:
    """Such as one in the home of root."""
    folder = Path(tempfile.mkdtemp(dir="/var/tmp"))
    try:
        (folder / "python3").touch()
        folder.chmod(mode)
        monkeypatch.setattr(sys, "executable", str(folder / "python3"))
        assert environment.python() == (str(folder / "python3") if own else "/usr/bin/python3")
    finally:
        shutil.rmtree(folder)


def test_what_it_came_from_is_installed_again() -> None:
    """Here that is a clone, which pip was given as a folder."""
    assert (Path(environment.origin()) / "pyproject.toml").is_file()


def test_a_program_that_fails_says_what_it_said() -> None:
    assert run("echo", "well") == "well"
    with pytest.raises(ProgramFailed, match=r"(?s)`sh -c .*` ended with 3:\nno room"):
        run("sh", "-c", "echo no room >&2; exit 3")
    with pytest.raises(ProgramFailed, match="`no-such-program` cannot be run: No such file"):
        run("no-such-program")
