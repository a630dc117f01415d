"""The status of a world, as the daemon makes it and as it leaves."""

from __future__ import annotations

import json
from collections.abc import Container, Sequence
from typing import Any

from nemo_watchdog import __version__
from nemo_watchdog.engine.view import status, under_way
from nemo_watchdog.views import PolicyView, StatusView, as_json
from tests.unit.engine.world import World


def seen(world: World, *problems: str, changed: Sequence[str] = (), carried_over: Container[str] = ()) -> StatusView:
    """`problems` are those of the last reload; the others are of the last one that was adopted."""
    unchanged = under_way(world.engine, carried_over, world.now)
    return status(world.engine, world.now, PolicyView(0.0, problems, tuple(changed), unchanged), __version__)


def on_the_wire(view: StatusView) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(as_json(view))
    return document
