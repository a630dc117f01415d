"""Why no connection came about, in words for people that repeat no address: it may hold a secret."""

from __future__ import annotations

import os


def system_words(error: OSError) -> str:
    """The system's own words; those of asyncio repeat the address."""
    if error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)
    return error.strerror or type(error).__name__
