"""The `docker` command of tests and demo: a pause that runc was unable to do is tried again, and nothing else is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nemo_watchdog.demo.docker_cli import TRIES, DockerError, docker

PROGRAM = """#!/bin/sh
echo "$*" >> "$0.log"
test "$(wc -l < "$0.log")" -gt {failures} && exit 0
echo "{says}" >&2
exit 1
"""


@pytest.mark.parametrize(
    ("says", "failures", "tries", "works"),
    [
        ("OCI runtime pause failed: unable to freeze: unknown", 2, 3, True),
        ("OCI runtime pause failed: unable to freeze: unknown", TRIES, TRIES, False),
        ("Container is not running", 1, 1, False),
    ],
)
async def test_what_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str, failures: int, tries: int, *, works: bool
) -> None:
    program = tmp_path / "docker"
    program.write_text(PROGRAM.format(failures=failures, says=says))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    if works:
        await docker("pause", "it")
    else:
        with pytest.raises(DockerError, match=says.rpartition(":")[0] or says):
            await docker("pause", "it")
    assert (tmp_path / "docker.log").read_text().splitlines() == ["pause it"] * tries
