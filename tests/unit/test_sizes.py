"""Bytes as people read them."""

from __future__ import annotations

import pytest

from nemo_watchdog.sizes import size


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "0 KiB"),
        (1023, "0 KiB"),
        (512 << 10, "512 KiB"),
        ((1 << 20) - 1, "1023 KiB"),
        (99.9 * (1 << 20), "99 MiB"),
        (3 << 29, "1.5 GiB"),
        (20 << 30, "20.0 GiB"),
    ],
)
def test_sizes(count: float, said: str) -> None:
    """In the largest unit of which there is one."""
    assert size(count) == said
