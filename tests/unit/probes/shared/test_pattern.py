"""A policy's regular expressions, on whatever the world sends."""

from __future__ import annotations

import pytest

from nemo_watchdog.probes.shared.pattern import find


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("^a.c$", "abc", True),
        ("^a.c$", "aüc", True),
        ("ü+", "xüüx", True),
        ("^a.c$", "a\udcddc", True),  # a byte that is no UTF-8, as aiohttp gives it in a header
        ("a\\?c", "a\udcddc", True),
        ("(?i)ERROR", "an error", True),
        ("x", "", False),
    ],
)
def test_found_or_not(pattern: str, text: str, *, found: bool) -> None:
    """Characters count, not bytes; what is no character is one `?`."""
    assert find(pattern)(text) is found


@pytest.mark.parametrize("pattern", ["(", "a(?=b)", "(a)\\1", "\ud800"])
def test_what_is_no_pattern(pattern: str) -> None:
    """Look-around and back-references are not RE2's; a lone surrogate is no text."""
    with pytest.raises(ValueError, match=r"\S"):
        find(pattern)
