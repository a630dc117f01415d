"""The runtime's tests have a daemon that looks at its files often."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nemo_watchdog.runtime import reloads, supervisor
from tests.unit.runtime.whole import Daemon


@pytest.fixture
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reloads, "POLICY_LOOK_EVERY", 0.01)
    monkeypatch.setattr(supervisor, "LAG_TICK", 0.01)


@pytest.fixture
async def daemon(tmp_path: Path, quickly: None) -> AsyncIterator[Daemon]:
    made = Daemon(tmp_path)
    await made.start()
    yield made
    await made.stop()
    made.shell.core.close()
