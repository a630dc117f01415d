"""A pytest plugin: first every test once, to learn which mutants it reaches; then each mutant in a fork of its own."""

from __future__ import annotations

import mmap
import os
import resource
import select
import signal
import struct
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto

import pytest

from tests.mutation.importing import Instrumenting
from tests.mutation.mutants import Mutant
from tests.mutation.switch import switch

PATIENCE = 5.0
"""Seconds beyond ten times what it takes that a test has with a mutant: what never ends is found, too."""
MEMORY = 2**31
"""Bytes of address space that a mutant has: what collects without an end is found before the machine suffers."""


EXAMPLES = 50
"""Of the state machine that holds the safety rules: it is the last that a survivor has to pass."""


class Fate(Enum):
    KILLED = auto()
    SURVIVED = auto()
    UNREACHED = auto()
    """No test passes its place."""
    AT_IMPORT = auto()
    """Its place is passed at the import alone, before any test."""


@dataclass(slots=True)
class _Test:
    item: pytest.Item
    seconds: float
    reached: frozenset[int]

    @property
    def patience(self) -> float:
        return PATIENCE + 10 * self.seconds


@dataclass(frozen=True, slots=True)
class _Child:
    mutant: Mutant
    tests: list[_Test]
    deadline: float


class _Killers:
    """Which test killed which mutant, as the forks say it: what stands near it is tried with that one early."""

    def __init__(self, mutants: int) -> None:
        self._places = mmap.mmap(-1, 4 * (mutants + 1))
        self._kills: Counter[tuple[str, str]] = Counter()
        """By module and test."""

    def sort(self, mutant: Mutant, tests: list[_Test]) -> list[_Test]:
        """The soonest first to be expected to notice."""
        return sorted(tests, key=lambda test: test.seconds / (1 + 20 * self._kills[mutant.module, test.item.nodeid]))

    def say(self, mutant: Mutant, place: int) -> None:
        """In the fork: the test at that place is being run, and notices when it is the last."""
        struct.pack_into("i", self._places, 4 * mutant.number, place + 1)

    def learn(self, mutant: Mutant, tests: list[_Test]) -> None:
        (place,) = struct.unpack_from("i", self._places, 4 * mutant.number)
        if place:
            self._kills[mutant.module, tests[place - 1].item.nodeid] += 1


class Trial:
    """Tries the mutants that `wanted` chooses; `fates` says what became of each."""

    def __init__(self, mutants: list[Mutant], wanted: Callable[[Mutant], bool], jobs: int) -> None:
        self.fates: dict[Mutant, Fate] = {}
        self.broken: list[str] = []
        """Tests that fail without any mutant."""
        self._mutants = mutants
        self._wanted = wanted
        self._jobs = jobs
        self._killers = _Killers(0)
        self._failed = False
        self._at_import: frozenset[int] = frozenset()

    def pytest_configure(self) -> None:
        """Examples that are the same in every fork, and no search for the smallest one that fails."""
        from hypothesis import Phase, settings  # pytest rewrites its asserts: it must not be imported earlier

        phases = [Phase.explicit, Phase.generate]
        settings.register_profile("mutants", phases=phases, database=None, derandomize=True)
        settings.load_profile("mutants")

    def pytest_collection_finish(self) -> None:
        self._at_import, switch.reached = frozenset(switch.reached), set()

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """What says itself how many examples it wants has fewer here."""
        from hypothesis import settings

        for machine in {item.cls for item in items if isinstance(item, pytest.Function) and item.cls is not None}:
            if isinstance(wanted := getattr(machine, "settings", None), settings):
                machine.settings = settings(wanted, max_examples=EXAMPLES)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._failed = self._failed or report.failed

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        tests = [self._try_without(item) for item in session.items]
        if self.broken:
            return True
        by_mutant: dict[int, list[_Test]] = {}
        for test in tests:
            for number in test.reached:
                by_mutant.setdefault(number, []).append(test)
        wanted = [mutant for mutant in self._mutants if self._wanted(mutant)]
        for mutant in wanted:
            if mutant.number not in by_mutant:
                at_import = mutant.number in self._at_import
                self.fates[mutant] = Fate.AT_IMPORT if at_import else Fate.UNREACHED
        self._try_all([mutant for mutant in wanted if mutant not in self.fates], by_mutant)
        return True

    def _try_without(self, item: pytest.Item) -> _Test:
        switch.reached = set()
        began = time.monotonic()
        if not self._passes([item]):
            self.broken.append(item.nodeid)
        return _Test(item, time.monotonic() - began, frozenset(switch.reached))

    def _passes(self, items: Iterable[pytest.Item]) -> bool:
        self._failed = False
        for item in items:
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
            if self._failed:
                return False
        return True

    def _try_all(self, mutants: list[Mutant], tests: dict[int, list[_Test]]) -> None:
        self._killers = _Killers(len(self._mutants))
        waiting = iter(mutants)
        children: dict[int, _Child] = {}
        began = time.monotonic()
        while True:
            self._fill(children, waiting, tests)
            if not children:
                return
            self._reap(children)
            done = len(self.fates)
            if done % 50 == 0:
                spent, of = time.monotonic() - began, len(mutants)
                print(f"{done} of {of} in {spent:.0f} s", file=sys.stderr, flush=True)

    def _fill(self, children: dict[int, _Child], waiting: Iterator[Mutant], tests: dict[int, list[_Test]]) -> None:
        while len(children) < self._jobs:
            mutant = next(waiting, None)
            if mutant is None:
                return
            mine = self._killers.sort(mutant, tests[mutant.number])
            patience = sum(test.patience for test in mine)
            child = os.fork()
            if child == 0:
                self._live(mutant, mine)
            children[os.pidfd_open(child)] = _Child(mutant, mine, time.monotonic() + patience)

    def _live(self, mutant: Mutant, tests: list[_Test]) -> None:
        """In the fork: how it ends says whether a test noticed. A test that computes for too long ends it."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (1, 2):
            os.dup2(nowhere, stream)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        switch.alive = mutant.number
        passes = False
        try:
            for place, test in enumerate(tests):
                self._killers.say(mutant, place)
                signal.setitimer(signal.ITIMER_VIRTUAL, test.patience)
                if not self._passes([test.item]):
                    break
            else:
                passes = True
        finally:
            os._exit(0 if passes else 1)

    def _reap(self, children: dict[int, _Child]) -> None:
        soonest = min(child.deadline for child in children.values())
        ended, _, _ = select.select(list(children), [], [], max(0.0, soonest - time.monotonic()))
        for pidfd in ended or [fd for fd, child in children.items() if time.monotonic() >= child.deadline]:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(pidfd, signal.SIGKILL)
            status = os.waitid(os.P_PIDFD, pidfd, os.WEXITED)
            os.close(pidfd)
            passed = status is not None and status.si_code == os.CLD_EXITED and status.si_status == 0
            child = children.pop(pidfd)
            mutant = child.mutant
            self.fates[mutant] = Fate.SURVIVED if passed else Fate.KILLED
            if not passed:
                self._killers.learn(mutant, child.tests)
            else:
                print(f"survived: {mutant.name}", file=sys.stderr, flush=True)


def try_mutants(packages: Sequence[str], tests: Sequence[str], wanted: Callable[[Mutant], bool], jobs: int) -> Trial:
    """Tries the mutants of these packages with these tests, which are arguments of pytest; once in a process."""
    instrumenting = Instrumenting(packages)
    instrumenting.install()
    trial = Trial(instrumenting.numbering.mutants, wanted, jobs)
    with tempfile.TemporaryDirectory() as folder:
        quiet = [
            "-q",
            "-s",
            "-x",
            "--no-header",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:xdist",
            "--timeout=0",
            "-o",
            "addopts=",
        ]
        pytest.main([*quiet, f"--basetemp={folder}/tests", *tests], plugins=[trial])
    return trial
