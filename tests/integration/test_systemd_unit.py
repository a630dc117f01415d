"""The shipped unit, judged by systemd's own tools."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from nemo_watchdog.runtime.files import WANTED
from tests.parts import need

UNIT = Path(__file__).parents[2] / "systemd" / "nemo-watchdog.service"
HIGHEST_EXPOSURE = 1.5


def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    """`systemd-analyze verify` has nothing to say; the program's place is filled with one that exists here."""
    text = UNIT.read_text(encoding="utf-8")
    assert "ExecStart=/usr/local/bin/nemo-watchdog run\n" in text
    copy = tmp_path / UNIT.name
    copy.write_text(text.replace("/usr/local/bin/nemo-watchdog", sys.executable), encoding="utf-8")
    done = subprocess.run(
        [need("systemd-analyze"), "verify", str(copy)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert UNIT.name not in done.stderr


def test_the_unit_has_files_for_thousands_of_looks() -> None:
    """As many as the daemon would take by itself: inside the sandbox it may not raise the limit."""
    assert f"\nLimitNOFILE={WANTED}\n" in UNIT.read_text(encoding="utf-8")


def test_the_unit_is_hardened() -> None:
    """The exposure that systemd counts stays low."""
    done = subprocess.run(
        [need("systemd-analyze"), "security", "--offline=true", "--no-pager", str(UNIT)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert found is not None
    assert float(found[1]) <= HIGHEST_EXPOSURE
