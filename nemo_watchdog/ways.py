"""How a port of a container can be reached. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Way:
    """Two addresses of one port, each (host, port): as this machine publishes it, and the container's own."""

    published: tuple[str, int]
    own: tuple[str, int]
