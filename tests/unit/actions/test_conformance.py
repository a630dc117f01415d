"""What every action owes to the runtime, by the checks that authors of plugins use too."""

from __future__ import annotations

from typing import Any

import pytest

from nemo_watchdog.actions.catalog import ACTIONS
from nemo_watchdog.testing.action_conformance import action_conforms

WORKS: dict[str, dict[str, Any]] = {
    "docker.recreate": {"stop_timeout": "2s"},
    "docker.restart": {"stop_timeout": "2s"},
}


@pytest.mark.parametrize("name", ACTIONS)
async def test_an_action_conforms(name: str) -> None:
    """Strict options, a sound kind, every failure a result, in time, and only on what was judged."""
    await action_conforms(name, ACTIONS[name], works=WORKS[name])
