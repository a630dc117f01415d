"""The worst day: 1,000 HTTP dependencies fail at once and stay down. The watchdog must go on watching.

Watches the event loop from outside (how long /healthz takes, asked twenty times a second) and from inside
(`nemo_watchdog_event_loop_lag_seconds`) while they are well, in the ten seconds after they fail, and while they stay
down. Fails when the loop stalls for longer than a look's timeout, or when looks are left out once all are down.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from cost.processes import Daemon, Server, cpu_seconds, daemon, server, wait_until, written_bytes

TARGETS = 1000
LONGEST_STALL = 3.0
"""Seconds: the default timeout of a look. A loop that stalls longer takes its own lateness for a target's."""
FEWEST_LOOKS = 0.95
"""Of the looks that the policy asks for, once every dependency is down."""


def watch(watchdog: Daemon, target: Server, what: str, seconds: float) -> tuple[float, float]:
    """Prints one line of figures; the longest stall in seconds and the looks per second."""
    answered, cpu, written = target.answered(), cpu_seconds(watchdog.pid), written_bytes(watchdog.pid)
    began = time.monotonic()
    delays = []
    while time.monotonic() - began < seconds:
        delays.append(watchdog.delay())
        time.sleep(0.05)
    took = time.monotonic() - began
    rate = (target.answered() - answered) / took
    share = (cpu_seconds(watchdog.pid) - cpu) / took
    written = written_bytes(watchdog.pid) - written
    lag = watchdog.metric("nemo_watchdog_event_loop_lag_seconds")
    delays.sort()
    print(
        f"{what:<24}{rate:>8.0f}{share:>7.0%}{delays[len(delays) // 2] * 1e3:>9.1f} ms"
        f"{delays[int(len(delays) * 0.99)] * 1e3:>9.1f} ms{delays[-1] * 1e3:>9.1f} ms{lag * 1e3:>9.1f} ms"
        f"{written / 1e6:>9.1f} MB",
        flush=True,
    )
    return delays[-1], rate


def worst_day(*, shared: bool) -> bool:
    """All well, all failing, all well again; whether the promises hold."""
    print(f"\n{TARGETS} dependencies {'that all need one of them' if shared else 'that need nothing'}")
    with (
        server() as target,
        tempfile.TemporaryDirectory() as folder,
        daemon(Path(folder), target.port, TARGETS, shared=shared) as watchdog,
    ):
        wait_until("every dependency is up", lambda: set(watchdog.health()) == {"up"})
        wait_until("what the start had to write is on disk", watchdog.journal_is_quiet)
        print(f"{'':<24}{'looks/s':>8}{'CPU':>7}{'median':>12}{'99th':>12}{'longest':>12}{'lag':>12}{'written':>12}")
        watch(watchdog, target, "all up", 10.0)
        target.answered("500")
        storm, _ = watch(watchdog, target, "all failing, first 10 s", 10.0)
        wait_until("every dependency is down", lambda: set(watchdog.health()) == {"down"})
        down, rate = watch(watchdog, target, "all down", 10.0)
        target.answered("200")
        relief, _ = watch(watchdog, target, "all well, first 10 s", 10.0)
        wait_until("every dependency is up again", lambda: set(watchdog.health()) == {"up"})
    stall = max(storm, down, relief)
    held = stall <= LONGEST_STALL and rate >= FEWEST_LOOKS * TARGETS
    print(f"longest stall {stall:.2f}s of {LONGEST_STALL:g}s, {rate:.0f} looks/s: {'holds' if held else 'FAILS'}")
    return held


def main() -> int:
    held = [worst_day(shared=shared) for shared in (False, True)]
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
