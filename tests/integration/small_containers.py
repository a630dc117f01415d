"""What containers of tests run that need nothing but a shell and Python."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

Run = Callable[..., Awaitable[str]]
"""Runs a shell script in a container, with options of `docker run` and `more` of the script's; gives its name."""

FOREVER = "trap 'exit 0' TERM; while :; do sleep 0.1; done"
WHEN_TOLD = "until test -e /tmp/go; do sleep 0.1; done"
"""Docker's shim listens for what is killed for memory once the container has started, and not a moment earlier."""
GREEDY = "python3 -c 'x = bytearray(200 << 20)'"
LITTLE_MEMORY = ("--memory", "32m", "--memory-swap", "32m")
