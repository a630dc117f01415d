"""`scripts/ensure-docker` is quick and quiet where all is there, and says what is missing where it is not."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import time
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "scripts" / "ensure-docker"
TOOLS = ("sh", "dirname", "tr", "sed", "grep", "tail", "cat")


def ensure(mode: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(SCRIPT), mode], capture_output=True, text=True, check=False, timeout=60, env={**os.environ, **environment}
    )


@pytest.fixture
def poor_machine(tmp_path: Path) -> Path:
    """A PATH with a few tools, no Docker and no Redis, on which the user is not root."""
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found is not None
        (tmp_path / tool).symlink_to(found)
    program(tmp_path / "id", "echo 1000")
    return tmp_path


def program(path: Path, body: str) -> None:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def test_nothing_to_do_is_quick_and_silent(real_parts: str) -> None:
    """Where Docker answers and the servers are installed, it says nothing and takes less than half a second.

    The quickest of five: what else the machine does is no part of it.
    """
    took = []
    for _ in range(5):
        began = time.monotonic()
        result = ensure("demo")
        took.append(time.monotonic() - began)
        assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert min(took) < 0.5


def test_without_root_it_names_what_to_install(poor_machine: Path) -> None:
    """On Debian, a user who is not root is told the very command, and nothing is changed."""
    program(poor_machine / "apt-get", 'echo called >> "$0.called"')
    result = ensure("demo", PATH=str(poor_machine))
    assert result.returncode == 1
    assert "sudo apt-get install docker.io" in result.stderr
    assert "redis-server" in result.stderr
    assert not (poor_machine / "apt-get.called").exists()


def test_elsewhere_it_names_the_packages(poor_machine: Path) -> None:
    """On a system without apt-get the names of the packages are told."""
    result = ensure("test", PATH=str(poor_machine))
    assert result.returncode == 1
    assert "names of Debian's packages" in result.stderr
    assert "monit" in result.stderr


def test_an_engine_elsewhere_that_does_not_answer_is_not_replaced(real_parts: str) -> None:
    """With DOCKER_HOST set, a dead Engine is an error that names the address; no other is started."""
    result = ensure("demo", DOCKER_HOST="tcp://127.0.0.1:1")
    assert result.returncode == 1
    assert "DOCKER_HOST=tcp://127.0.0.1:1" in result.stderr


def test_a_user_without_the_right_is_told_how_to_get_it(poor_machine: Path, real_parts: str) -> None:
    """Where Docker runs and the user may not use it, the message says which group to join."""
    program(poor_machine / "docker", "echo 'permission denied while trying to connect' >&2; exit 1")
    program(poor_machine / "dockerd", "exit 1")
    program(poor_machine / "redis-server", "exit 1")
    result = ensure("demo", PATH=str(poor_machine))
    assert result.returncode == 1
    assert "usermod -aG docker" in result.stderr


def test_an_unknown_mode_is_a_usage_error() -> None:
    """Only the two modes exist."""
    assert ensure("everything").returncode == 2
