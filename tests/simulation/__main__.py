"""`python -m tests.simulation`: so many days of the whole daemon, each from a seed, and what was seen of its rules."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from tests.simulation.invariants import RULES
from tests.simulation.simulate import simulate
from tests.simulation.world import Report

ORDER_OF_SETS = "PYTHONHASHSEED"
"""What Python orders sets of text by: the same in every process that plays a seed."""


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--seed", type=int, help="this one alone, with every line of what happens")
    parser.add_argument("--hours", type=float, default=24.0, help="of each")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--verbose", action="store_true", help="a line for each seed")
    return parser.parse_args(words)


class _Play:
    """One seed in one process."""

    def __init__(self, hours: float) -> None:
        self._hours = hours

    def __call__(self, seed: int) -> tuple[Report, float]:
        began = time.process_time()
        return simulate(seed, self._hours), time.process_time() - began


def _reports(seeds: range, hours: float, jobs: int) -> Iterator[tuple[Report, float]]:
    if jobs <= 1:
        yield from map(_Play(hours), seeds)
        return
    with multiprocessing.get_context("fork").Pool(jobs) as pool:
        yield from pool.imap_unordered(_Play(hours), seeds, chunksize=1)


def _again(seed: int, hours: float) -> str:
    same = f"{ORDER_OF_SETS}={os.environ.get(ORDER_OF_SETS, 'random')}"
    return f"{same} python -m tests.simulation --seed {seed} --hours {hours:g}"


def _failed(report: Report, hours: float) -> None:
    print(f"\nBROKEN {report.broken}\nAgain, with every line: {_again(report.seed, hours)}\n", flush=True)


def _table(title: str, numbers: Counter[str]) -> None:
    print(f"\n{title}")
    for name, number in sorted(numbers.items(), key=lambda item: -item[1]):
        print(f"  {number:>10,}  {name}")


def _one(seed: int, hours: float, say: Callable[[str], None]) -> int:
    report = simulate(seed, hours, says=say)
    if report.broken is None:
        print(f"\nseed {seed}: every rule held; {dict(report.counts)}")
        return 0
    _failed(report, hours)
    return 1


def main(words: Sequence[str] | None = None) -> int:
    """0 when every rule held in every seed, else 1. `words` are those of the command line."""
    asked = _arguments(words)
    if asked.seed is not None:
        return _one(asked.seed, asked.hours, print)
    began, seeds = time.monotonic(), range(asked.first, asked.first + asked.seeds)
    counts, checks, worked, broken = Counter[str](), Counter({rule.name: 0 for rule in RULES}), 0.0, 0
    for number, (report, seconds) in enumerate(_reports(seeds, asked.hours, asked.jobs), 1):
        counts.update(report.counts)
        checks.update(report.checks)
        worked += seconds
        if report.broken is not None:
            broken += 1
            _failed(report, asked.hours)
        if asked.verbose:
            print(f"seed {report.seed}: {seconds:.2f} s, {report.digest[:12]}, {dict(report.counts)}", flush=True)
        elif number % max(1, asked.seeds // 20) == 0:
            print(f"{number} of {asked.seeds} seeds, {broken} broken, {time.monotonic() - began:.0f} s", flush=True)
    _table("what happened", counts)
    _table("how often each rule was asked and had something to say", checks)
    print(
        f"\n{asked.seeds} seeds of {asked.hours:g} h in {time.monotonic() - began:.0f} s "
        f"({worked / max(1, asked.seeds):.2f} s of a core each): {broken} broken a rule"
    )
    return 1 if broken else 0


if __name__ == "__main__":
    if ORDER_OF_SETS not in os.environ:
        os.environ[ORDER_OF_SETS] = "0"
        os.execv(sys.executable, [sys.executable, "-m", "tests.simulation", *sys.argv[1:]])  # noqa: S606 - itself
    sys.exit(main())
