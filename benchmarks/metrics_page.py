"""What a scrape of /metrics costs the watch: its size, its time, and how late looks begin, beside the daemon at rest.

For each number of dependencies one daemon is started, left alone, then scraped ten times. All the while its cheapest
request is asked again and again: how long that waits for the event loop is how late a look that is due begins. Fails
when it waits for more than the limit during the scrapes, or when the daemon holds more memory than its own.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cost.processes import Daemon, daemon, resident_bytes, server, wait_until

SIZES = (1000, 5000)
INTERVAL = "10s"
SCRAPES = 10
LONGEST = 0.1
"""Seconds that anything may wait for the event loop during the scrapes."""
MEMORY = {5000: 150 << 20}
"""Bytes of resident memory at most, by the number of dependencies."""


@dataclass(slots=True)
class Delays:
    """Of the daemon's cheapest request, asked without a pause: what a look that is due would have waited."""

    longest: float = 0.0
    asked: int = 0


@contextmanager
def asking(watchdog: Daemon) -> Iterator[Delays]:
    delays, over = Delays(), threading.Event()

    def ask() -> None:
        while not over.is_set():
            delays.longest = max(delays.longest, watchdog.delay())
            delays.asked += 1

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield delays
    finally:
        over.set()
        thread.join()


def measure(targets: int) -> bool:
    """Prints the figures for one number of dependencies; whether the promises hold."""
    with (
        server() as target,
        tempfile.TemporaryDirectory() as folder,
        daemon(Path(folder), target.port, targets, interval=INTERVAL) as watchdog,
    ):
        wait_until("every dependency is up", lambda: set(watchdog.health()) == {"up"}, within=120.0)
        time.sleep(25.0)
        with asking(watchdog) as rest:
            time.sleep(20.0)
        took = []
        with asking(watchdog) as scraped:
            for _ in range(SCRAPES):
                began = time.monotonic()
                size = len(watchdog.get("/metrics"))
                took.append(time.monotonic() - began)
                time.sleep(1.0)
        memory = resident_bytes(watchdog.pid)
    quick, small = scraped.longest <= LONGEST, memory <= MEMORY.get(targets, memory)
    print(
        f"{targets} dependencies: {size / 1e6:.2f} MB, {min(took) * 1e3:.0f} to {max(took) * 1e3:.0f} ms a scrape; "
        f"longest wait {rest.longest * 1e3:.0f} ms at rest, {scraped.longest * 1e3:.0f} ms while scraped "
        f"(at most {LONGEST * 1e3:.0f}: {'holds' if quick else 'FAILS'}); "
        f"{memory / (1 << 20):.0f} MiB resident ({'holds' if small else 'FAILS'})",
        flush=True,
    )
    return quick and small


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--targets", type=int, nargs="+", default=SIZES, metavar="N", help="dependencies; 1000 5000")
    held = [measure(targets) for targets in parser.parse_args().targets]
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
