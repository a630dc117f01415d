"""The example's action: it conforms, and touches the file and nothing else."""

from __future__ import annotations

import os
from pathlib import Path

from nemo_watchdog_file_age.touch import KIND

from nemo_watchdog.testing.action_conformance import action_conforms


async def test_it_conforms(tmp_path: Path) -> None:
    """It keeps what the runtime relies on."""
    (tmp_path / "file").touch()
    below = tmp_path / "file" / "below-a-file"
    await action_conforms(
        "touch.file", KIND, works={"path": str(tmp_path / "flag")}, fails=[{"path": str(below)}, {"path": "/proc/1/x"}]
    )


async def test_what_is_in_the_file_stays(tmp_path: Path) -> None:
    """An old file gets a new time and keeps its bytes."""
    file = tmp_path / "flag"
    file.write_text("kept", encoding="utf-8")
    os.utime(file, (0, 0))
    await action_conforms("touch.file", KIND, works={"path": str(file)})
    assert file.stat().st_mtime > 0
    assert file.read_text(encoding="utf-8") == "kept"
