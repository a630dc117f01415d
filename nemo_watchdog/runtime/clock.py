"""The one place that reads the clocks of the machine."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

from nemo_watchdog.model import Moment


class SystemClock:
    """CLOCK_MONOTONIC, which all processes of one boot share, and UTC."""

    def now(self) -> Moment:
        return Moment(time.monotonic(), datetime.now(UTC))


def boot_id() -> str:
    """Names this boot of the machine (Linux: random(4), /proc/sys/kernel/random/boot_id)."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
