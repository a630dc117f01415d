"""What one probe costs through the whole daemon, next to a bare aiohttp + uvloop GET in the same run.

Each round starts a bare client and then the daemon (the other way round in every second round), waits until it is
steady, and measures CPU per probe over the same number of seconds. The target counts the probes of both.
Fails when the median of the rounds' ratios is above the limit, or when a healthy platform makes the journal grow.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from cost.processes import Daemon, Server, bare, cpu_seconds, daemon, server, wait_until, written_bytes

SIZES = (200, 1000)
LIMIT = 1.2
WARM_UP_LOOKS = 4
"""Looks at each target before the measurement begins: connections are open, health is confirmed."""


@dataclass(frozen=True, slots=True)
class Cost:
    """`cpu` in seconds for one probe; `rate` in probes per second. The bytes are the daemon's, over the window."""

    cpu: float
    rate: float
    written: int = 0
    journal: int = 0


def warm_up(target: Server, targets: int) -> None:
    goal = target.answered() + WARM_UP_LOOKS * targets
    wait_until(f"{targets} targets are asked every second", lambda: target.answered() >= goal)


def window(target: Server, pid: int, seconds: float) -> Cost:
    """CPU per probe of the process over the next `seconds`."""
    answered, cpu, began = target.answered(), cpu_seconds(pid), time.monotonic()
    time.sleep(seconds)
    answered, cpu, took = target.answered() - answered, cpu_seconds(pid) - cpu, time.monotonic() - began
    return Cost(cpu / answered, answered / took)


def measure_bare(target: Server, targets: int, seconds: float) -> Cost:
    with bare(target.port, targets) as pid:
        warm_up(target, targets)
        return window(target, pid, seconds)


def measure_daemon(target: Server, targets: int, seconds: float) -> Cost:
    before = target.answered()
    with tempfile.TemporaryDirectory() as folder, daemon(Path(folder), target.port, targets) as watchdog:
        warm_up(target, targets)
        wait_until("every dependency is up", lambda: set(watchdog.health()) == {"up"})
        wait_until("what the start had to write is on disk", watchdog.journal_is_quiet)
        journal, written = watchdog.journal_bytes(), written_bytes(watchdog.pid)
        cost = window(target, watchdog.pid, seconds)
        journal, written = watchdog.journal_bytes() - journal, written_bytes(watchdog.pid) - written
        _counts_agree(watchdog, target, before, targets)
        return Cost(cost.cpu, cost.rate, written, journal)


def _counts_agree(watchdog: Daemon, target: Server, before: int, targets: int) -> None:
    """What the daemon says it looked at is what the target answered, give or take the time that asking takes."""
    counted, answered = watchdog.metric("nemo_watchdog_probes_total"), target.answered() - before
    if abs(counted - answered) > targets:
        raise SystemExit(f"the daemon counts {counted:.0f} probes, the target answered {answered}")


def measure(targets: int, rounds: int, seconds: float) -> bool:
    """Prints the figures for one number of dependencies; whether the promises hold."""
    print(f"\n{targets} HTTP dependencies every second")
    print(f"{'round':>7}{'bare':>12}{'daemon':>12}{'ratio':>8}{'probes/s':>16}{'disk writes':>14}{'journal':>10}")
    ratios, journals = [], []
    with server() as target:
        for n in range(1, rounds + 1):
            if n % 2:
                plain = measure_bare(target, targets, seconds)
                whole = measure_daemon(target, targets, seconds)
            else:
                whole = measure_daemon(target, targets, seconds)
                plain = measure_bare(target, targets, seconds)
            ratios.append(whole.cpu / plain.cpu)
            journals.append(whole.journal)
            print(
                f"{n:>7}{plain.cpu * 1e6:>9.0f} µs{whole.cpu * 1e6:>9.0f} µs{ratios[-1]:>8.2f}"
                f"{plain.rate:>8.0f}{whole.rate:>8.0f}{whole.written:>12} B{whole.journal:>8} B",
                flush=True,
            )
    cheap, quiet = median(ratios) <= LIMIT, not any(journals)
    print(
        f"ratio: min {min(ratios):.2f}, median {median(ratios):.2f}, max {max(ratios):.2f}; "
        f"at most {LIMIT} is promised: {'holds' if cheap else 'FAILS'}"
    )
    print(f"the journal grew by {sum(journals)} bytes while all was well: {'holds' if quiet else 'FAILS'}")
    return cheap and quiet


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="three short rounds, for a first look")
    parser.add_argument("--targets", type=int, nargs="+", default=SIZES, metavar="N", help="dependencies; 200 1000")
    asked = parser.parse_args()
    rounds, seconds = (3, 4.0) if asked.quick else (5, 10.0)
    held = [measure(targets, rounds, seconds) for targets in asked.targets]
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
