"""The manual page, read by man and groff themselves: no warning, and what is to be read is there to read."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.parts import need


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    page = tmp_path_factory.mktemp("man") / "nemo-watchdog.1"
    command = [sys.executable, "-m", "nemo_watchdog", "example", "man"]
    page.write_bytes(subprocess.run(command, capture_output=True, check=True, timeout=60).stdout)
    return page


def test_groff_has_no_word_against_it(page: Path) -> None:
    done = subprocess.run(
        [need("groff"), "-man", "-ww", "-z", "-Tutf8", page], capture_output=True, text=True, check=True, timeout=60
    )
    assert (done.stdout, done.stderr) == ("", "")


def test_man_shows_it(page: Path) -> None:
    done = subprocess.run(
        [need("man"), "--warnings", "-E", "UTF-8", "-l", page],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={**os.environ, "MANWIDTH": "200", "LC_ALL": "C.UTF-8"},
    )
    assert done.stderr == ""
    for line in (
        "NEMO-WATCHDOG(1)",
        "--allow-host NAME",
        "nemo-watchdog run [OPTIONS]",
        "/etc/nemo-watchdog/policy.yaml",
    ):
        assert line in done.stdout
