"""For authors of probes, actions and notifiers: fakes at every seam; in `conformance` what a probe must hold, in
`action_conformance` what an action must.
"""

from __future__ import annotations

from nemo_watchdog.testing.fakes import (
    HANG,
    FakeContainers,
    ManualClock,
    RecordingAction,
    RecordingNotifier,
    ScriptedProbe,
)
from nemo_watchdog.testing.memory_archive import MemoryArchive
from nemo_watchdog.testing.memory_journal import MemoryJournal

__all__ = [
    "HANG",
    "FakeContainers",
    "ManualClock",
    "MemoryArchive",
    "MemoryJournal",
    "RecordingAction",
    "RecordingNotifier",
    "ScriptedProbe",
]
