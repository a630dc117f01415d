"""What is kept for people: a bug in it ends nothing, and the end of the daemon keeps what is not yet kept."""

from __future__ import annotations

from collections import deque
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from nemo_watchdog.model import Reason, failed
from nemo_watchdog.runtime import keeping as module
from tests.unit.runtime.shell import until
from tests.unit.runtime.whole import Daemon


async def test_a_bug_in_a_part_is_said_and_the_part_begins_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The watch goes on meanwhile."""
    monkeypatch.setattr(module, "BEGIN_ANEW_AFTER", 0.01)
    daemon = Daemon(tmp_path)
    run = daemon.keeping.gates.run
    runs: list[int] = []

    async def once() -> None:
        runs.append(len(runs))
        if len(runs) == 1:
            raise RuntimeError("token=hunter2")
        await run()

    daemon.keeping.gates.run = once  # type: ignore[method-assign]
    with capture_logs() as lines:
        await daemon.start()
        await until(lambda: len(runs) == 2)
        await until(lambda: daemon.health("gateway") == "up")
        await daemon.stop()
    (line,) = [line for line in lines if line["event"] == "what is kept for people has met a bug, and goes on"]
    assert line["part"] == "gates"
    assert "hunter2" not in str(lines)


async def test_the_end_of_the_daemon_keeps_its_looks_and_its_evidence(tmp_path: Path) -> None:
    """What was seen in the last minute is not lost by a stop in good order."""
    daemon = Daemon(tmp_path)

    async def log() -> str:
        return "Traceback"

    daemon.questions = {"log": log}
    await daemon.start()
    await until(lambda: daemon.health("gateway") == "up")
    daemon.probes["gateway"].script = deque([failed(Reason.REFUSED, "refused")])
    await until(lambda: daemon.action.requests)
    await daemon.stop()
    assert [part.text for each in daemon.archive.evidence for part in each.parts] == ["Traceback"]
    assert {run.outcome for runs in daemon.archive.runs.values() for run in runs} == {"ok", "failed"}
