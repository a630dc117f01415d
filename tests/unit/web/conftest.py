"""A site with two dependencies."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.runtime.whole import Daemon, quick
from tests.unit.web.site import Site, serving


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with serving(Daemon(tmp_path, quick("gateway"), quick("redis"))) as made:
        yield made
