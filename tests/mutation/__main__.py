"""`python -m tests.mutation`: how many mutants of what decides do the tests notice?"""

from __future__ import annotations

import argparse
import os
import sys
from fnmatch import fnmatch
from pathlib import Path

from tests.mutation.mutants import Mutant
from tests.mutation.survivors import FILE, read, report
from tests.mutation.trying import try_mutants

MUTATED = ("nemo_watchdog.engine", "nemo_watchdog.policy")
TESTS = ("tests/unit/engine", "tests/unit/policy", "tests/unit/test_records.py", "tests/simulation/test_safety.py")
NOT_THESE = ("tests/unit/engine/test_cost.py", "tests/unit/policy/test_any_bytes.py")
"""One measures time, which the switches change; the other runs the command line in a process of its own."""

AT_LEAST = 0.9


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("--only", nargs="+", default=["*"], help="modules to mutate, as nemo_watchdog.engine.gates.*")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="mutants tried at once")
    parser.add_argument("--write", action="store_true", help=f"add new survivors to {FILE.name}, to be explained")
    asked = parser.parse_args()

    def wanted(mutant: Mutant) -> bool:
        return any(fnmatch(mutant.module, only) for only in asked.only)

    os.chdir(Path(__file__).parents[2])
    trial = try_mutants(MUTATED, [*TESTS, *(f"--ignore={path}" for path in NOT_THESE)], wanted, asked.jobs)
    if trial.broken or not trial.fates:
        print(f"without any mutant these fail: {', '.join(trial.broken) or 'the collection'}")
        return 2
    return report(trial.fates, read(), at_least=AT_LEAST, write=asked.write, whole="*" in asked.only)


if __name__ == "__main__":
    sys.exit(main())
