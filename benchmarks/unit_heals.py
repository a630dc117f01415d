"""How long the service stays away after what kept it down is mended: a bad policy, a late secret, a full disk, others.

The shipped unit under a real systemd in a container, with an open incident, a spent budget and a pause that it must not
forget. Each cause is brought about and mended by nobody but us; the seconds count from then until the unit is active,
answers, knows what it knew and has no trouble. Of a daemon that hangs they count from systemd's KILL; that takes the
unit's WatchdogSec before it, which here is 3 s and not 30. Exit code 1 when one takes longer than the limit.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

from nemo_watchdog.demo.platform import Platform
from tests.integration.conftest import make_platform
from tests.integration.service.systemd_box import Box, systemd_box
from tests.integration.service.unit_causes import CAUSES, Cause, give_it_a_past, make_room, remembered, runs_as

LIMIT = 15.0
"""Seconds: RestartSec=5, a start, and the looks that show it."""


def back_after(cause: Cause, box: Box, platform: Platform) -> tuple[float, float]:
    """Seconds since the cause was over, and since it began."""
    before, began = remembered(box), time.monotonic()
    with cause(box, platform):
        pass
    over = time.monotonic()
    box.until(lambda: runs_as(box, before))
    now = time.monotonic()
    return now - over, now - began


def measure(rounds: int) -> bool:
    good = True
    with asyncio.Runner() as runner, tempfile.TemporaryDirectory() as folder:
        platform = make_platform("gateway")
        runner.run(platform.__aenter__())
        try:
            runner.run(platform.ready())
            with systemd_box(Path(folder), f"{platform.prefix}-network") as box:
                make_room(box)
                give_it_a_past(box, platform)
                print(f"{'cause':12} {'median':>8} {'worst':>8} {'in all':>8}   limit {LIMIT:g} s after its end")
                for cause in CAUSES:
                    took = [back_after(cause, box, platform) for _ in range(rounds)]
                    after, in_all = zip(*took, strict=True)
                    good = good and max(after) <= LIMIT
                    name = getattr(cause, "__name__", "").replace("_", " ")
                    median = statistics.median(after)
                    print(
                        f"{name:12} {median:6.1f} s {max(after):6.1f} s {statistics.median(in_all):6.1f} s", flush=True
                    )
        finally:
            runner.run(platform.__aexit__(None, None, None))
    return good


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="of each cause (3)")
    return 0 if measure(parser.parse_args().rounds) else 1


if __name__ == "__main__":
    sys.exit(main())
