"""The files that pages ask for: read once, named by what is in them, so that a browser may keep each for ever."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

FOLDER = Path(__file__).with_name("static")
AT = "/static/"
CONTENT_TYPES: Mapping[str, str] = MappingProxyType(
    {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
)


@dataclass(frozen=True, slots=True)
class Asset:
    """`tag` is the same only for the same bytes."""

    name: str
    body: bytes
    content_type: str
    tag: str

    @property
    def address(self) -> str:
        """Where this very text is."""
        return f"{AT}{self.name}?v={self.tag}"


@cache
def assets() -> Mapping[str, Asset]:
    """All of them, by name."""
    files = sorted(path for path in FOLDER.iterdir() if path.suffix in CONTENT_TYPES)
    return {path.name: _read(path) for path in files}


def _read(path: Path) -> Asset:
    body = path.read_bytes()
    return Asset(path.name, body, CONTENT_TYPES[path.suffix], hashlib.sha256(body).hexdigest()[:16])
