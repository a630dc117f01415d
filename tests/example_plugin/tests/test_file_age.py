"""The example's own tests: it conforms, and what it sees has the right reason."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from nemo_watchdog_file_age import KIND

from nemo_watchdog.model import Category, Reason
from nemo_watchdog.testing.conformance import evidence_is_text, look_is_a_finding, probe_conforms


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    file = tmp_path / "dump"
    file.touch()
    return file


async def test_it_conforms(dump: Path) -> None:
    """It keeps what the runtime relies on."""
    await probe_conforms(
        KIND,
        well={"path": str(dump), "at_most": "1h"},
        failing=[
            {"path": str(dump.parent / "nothing"), "at_most": "1h"},
            {"path": str(dump / "below-a-file"), "at_most": "1h"},
            {"path": str(dump.parent / ("x" * 300)), "at_most": "1h"},
        ],
    )


async def test_an_old_file_needs_a_person(dump: Path) -> None:
    """No restart writes a backup: the reason is none that may lead to one."""
    os.utime(dump, (0, 0))
    finding = await look_is_a_finding(KIND, {"path": str(dump), "at_most": "26h"})
    assert finding.reason is Reason.REPORTED_INTEGRITY
    assert finding.reason.category is not Category.FAULT
    assert finding.measurements["file_age_seconds"] > 0.0


async def test_what_a_person_wants_to_know_of_it_is_kept(dump: Path) -> None:
    """How large it is, and of when; of what is not there nothing."""
    dump.write_bytes(b"12345")
    os.utime(dump, (0, 0))
    told = await evidence_is_text(KIND, {"path": str(dump), "at_most": "26h"})
    assert told == {"file.txt": "5 bytes, written at 1970-01-01 00:00:00Z\n"}
    assert await evidence_is_text(KIND, {"path": str(dump.parent / "nothing"), "at_most": "26h"}) == {}
