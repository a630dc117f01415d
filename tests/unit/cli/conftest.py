"""Fixtures of the command line's tests."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from tests.unit.cli.calling import StandIn, call, standing_in

__all__ = ["call"]


@pytest.fixture
def daemon() -> Iterator[StandIn]:
    with standing_in() as it:
        yield it


@pytest.fixture
def nobody() -> Iterator[str]:
    """HOST:PORT where nothing listens, and nothing will while the test runs."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{bound.getsockname()[1]}"


@pytest.fixture
def nobody_answers() -> Iterator[str]:
    """HOST:PORT that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
