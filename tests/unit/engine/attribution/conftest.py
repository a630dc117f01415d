"""One dependency with a container of its own and no start-up grace."""

from __future__ import annotations

import pytest

from tests.unit.engine.world import World, dependency, policy


@pytest.fixture
def world() -> World:
    return World(policy(dependency("gateway", grace=0.0)))
