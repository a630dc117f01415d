"""What a daemon that is killed has kept of its looks: all but what came since it wrote last."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from nemo_watchdog.archive import SqliteArchive
from nemo_watchdog.state_dir import ARCHIVE_NAME
from nemo_watchdog.stores import LookRun
from nemo_watchdog.testing.servers import free_port
from tests.integration.daemon import Daemon

WRITES_OFTEN = """
import runpy
from nemo_watchdog.runtime import history
history.WRITE_EVERY = 0.2
runpy.run_module("nemo_watchdog", run_name="__main__", alter_sys=True)
"""
"""The daemon as it is, but for the minute between two writes."""


def kept(daemon: Daemon) -> Sequence[LookRun]:
    """What is on disk, while the daemon has it open or not."""
    with closing(SqliteArchive(daemon.state_dir / ARCHIVE_NAME)) as archive:
        now = datetime.now(UTC)
        return archive.looks("port", now - timedelta(days=1), now)


async def looked(daemon: Daemon) -> int:
    """How often this process has looked."""
    page = await daemon.metrics()
    found = re.findall(r'^nemo_watchdog_probes_total\{dependency="port".*\} (\S+)$', page, re.MULTILINE)
    return int(sum(map(float, found)))


async def test_kill_9_loses_no_look_that_was_written(tmp_path: Path) -> None:
    """Twice; the next daemon goes on with a run of its own, and none overlaps another."""
    text = (
        "version: 1\ndefaults: {interval: 100ms, confirm_interval: 100ms, timeout: 50ms}\n"
        f"dependencies:\n  port: {{probe: tcp, address: '127.0.0.1:{free_port()}'}}\n"
    )
    async with Daemon(text, tmp_path, command=(sys.executable, "-c", WRITES_OFTEN)) as daemon:
        before = 0
        for _ in range(2):
            await daemon.more_looks(10)
            wanted = before + await looked(daemon)

            async def written(wanted: int = wanted) -> bool:
                return sum(run.looks for run in kept(daemon)) >= wanted

            await daemon.until(written, 10.0, "the looks were not written")
            await daemon.kill9()
            runs = kept(daemon)
            before = sum(run.looks for run in runs)
            assert before >= wanted
            assert all(one.last < other.first for one, other in pairwise(runs))
            await daemon.start()
        assert len(kept(daemon)) >= 2
        assert await daemon.terminate() == 0
    assert [line for line in daemon.events if line["event"].startswith("archive")] == []
