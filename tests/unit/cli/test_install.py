"""`nemo-watchdog install`, `upgrade`, `uninstall`: what is said before anything is done."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import pytest

from nemo_watchdog.installing import environment, layout, programs
from nemo_watchdog.installing.programs import ProgramFailed
from tests.unit.cli.calling import Call


@pytest.fixture(autouse=True)
def root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Another root than the machine's, on which no program may be run."""

    def refused(*command: str) -> str:
        raise ProgramFailed(f"`{' '.join(command)}` ended with 1:\nno index")

    monkeypatch.setattr(layout, "Layout", partial(layout.Layout, tmp_path))
    monkeypatch.setattr(programs, "run", refused)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return tmp_path


@pytest.mark.parametrize("command", [("install",), ("upgrade", "new.whl"), ("uninstall",)])
def test_it_needs_root(call: Call, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]) -> None:
    """And says how to see what it would do without."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    result = call(*command)
    assert (result.code, result.out) == (2, "")
    assert "this needs root: run it with sudo, or with --dry-run" in result.err


def test_a_dry_run_needs_no_root_and_does_nothing(call: Call, monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    result = call("install", "--dry-run")
    first, *others = result.out.splitlines()
    assert first == f"would make {root}/opt/nemo-watchdog/versions/environment-1 with {environment.origin()}"
    assert f"would link {root}/usr/local/bin/nemo-watchdog" in "\n".join(others)
    assert call("uninstall", "--dry-run").code == 0
    assert list(root.iterdir()) == []


def test_where_nothing_is_installed_there_is_nothing_to_upgrade(call: Call) -> None:
    result = call("upgrade", "new.whl")
    assert result.code == 2
    assert "to upgrade: nemo-watchdog install new.whl" in result.err


def test_what_cannot_be_had_changes_nothing(call: Call, root: Path) -> None:
    """And pip's words are told."""
    result = call("install", "nemo-watchdog==99")
    assert result.code == 1
    assert "no index" in result.err
    assert not (root / "etc").exists()
    assert list((root / "opt/nemo-watchdog/versions").iterdir()) == []
