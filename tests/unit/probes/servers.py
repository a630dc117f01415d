"""The servers that misbehave are published for authors of probes; our own tests take them from here."""

from __future__ import annotations

from nemo_watchdog.testing.servers import (
    Handler,
    Server,
    drop,
    drop_after_request,
    flood,
    free_port,
    garble,
    say,
    stall,
)

__all__ = ["Handler", "Server", "drop", "drop_after_request", "flood", "free_port", "garble", "say", "stall"]
