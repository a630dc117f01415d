"""The status of a world, as the daemon makes it and as it leaves."""

from __future__ import annotations

import json
from typing import Any

from nemo_watchdog import __version__
from nemo_watchdog.engine.view import status
from nemo_watchdog.views import PolicyView, StatusView, as_json
from tests.unit.engine.world import World


def seen(world: World, *problems: str) -> StatusView:
    """`problems` are those of the last reload."""
    return status(world.engine, world.now, PolicyView(0.0, problems), __version__)


def on_the_wire(view: StatusView) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(as_json(view))
    return document
