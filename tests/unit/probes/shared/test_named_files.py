"""Files that a client library would open in the event loop: what would hold it up is not given to it."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from nemo_watchdog.model import Category, Reason
from nemo_watchdog.probes.shared import named_files
from nemo_watchdog.probes.shared.named_files import NamedFiles
from tests.unit.probes.making import probing

LOOK = 60.0
"""Seconds of a look: nothing here hangs but where a test says so."""


async def test_what_is_no_file_is_not_opened_and_the_rest_is_for_the_library_to_judge(tmp_path: Path) -> None:
    good, pipe = tmp_path / "good", tmp_path / "pipe"
    good.write_text("x", encoding="ascii")
    os.mkfifo(pipe)
    assert await NamedFiles([], LOOK).can_be_opened()
    assert await NamedFiles([None, "", str(good), "/nowhere", "a\0b"], LOOK).can_be_opened()
    for odd in (pipe, tmp_path, Path("/dev/zero")):
        assert not await NamedFiles([str(good), str(odd)], LOOK).can_be_opened()


async def test_a_mount_that_hangs_is_waited_for_once_and_then_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    hang = threading.Event()
    monkeypatch.setattr(named_files, "opened", lambda _: hang.wait())
    files = NamedFiles(["/mnt/dead/ca.pem"], 0.6)
    try:
        assert [await files.can_be_opened() for _ in range(3)] == [False] * 3
        assert sum(thread.name == "nemo-watchdog-named-files" for thread in threading.enumerate()) == 1
    finally:
        hang.set()


@pytest.mark.parametrize("option", ["ssl_ca_certs", "ssl_certfile", "ssl_keyfile"])
async def test_a_pipe_in_the_address_of_a_redis_is_blind(tmp_path: Path, option: str) -> None:
    """And nobody waits for who would write into it."""
    os.mkfifo(tmp_path / "pipe")
    async with probing("redis", {"url": f"rediss://127.0.0.1:1/0?{option}={tmp_path / 'pipe'}"}) as probe:
        finding = await probe.look()
    assert (finding.reason, finding.reason.category) == (Reason.PERMISSION_DENIED, Category.BLIND)  # type: ignore[union-attr]
