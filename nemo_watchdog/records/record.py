"""What all facts have in common."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class Record:
    """One fact. `incident` is empty for facts outside any incident."""

    TYPE: ClassVar[str] = ""

    def body(self) -> dict[str, Any]:
        return {"type": self.TYPE, **asdict(self)}
