"""What every action owes to the runtime, by the checks that authors of plugins use too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nemo_watchdog.actions.catalog import ACTIONS
from nemo_watchdog.testing.action_conformance import action_conforms
from tests.unit.actions.compose_stand_in import put_in_place

SHOP = {"file": "/srv/shop/compose.yaml", "project": "shop"}
WORKS: dict[str, dict[str, Any]] = {
    "compose.up": {**SHOP, "service": "web"},
    "docker.restart": {"stop_timeout": "2s"},
}
FAILS: dict[str, list[dict[str, Any]]] = {
    "compose.up": [{**SHOP, "service": "nobody"}],
}


@pytest.fixture(autouse=True)
def _compose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_in_place(tmp_path, monkeypatch)


@pytest.mark.parametrize("name", ACTIONS)
async def test_an_action_conforms(name: str) -> None:
    """Strict options, a sound kind, every failure a result, in time, and only on what was judged."""
    await action_conforms(name, ACTIONS[name], works=WORKS[name], fails=FAILS.get(name, ()))
