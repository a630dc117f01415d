"""What is silenced in Alertmanager, by the labels of alerts. Nothing of it outlives the process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class SilenceElsewhere(Protocol):
    @property
    def by(self) -> str: ...

    @property
    def reason(self) -> str: ...

    def mutes(self, labels: Mapping[str, str]) -> bool: ...
