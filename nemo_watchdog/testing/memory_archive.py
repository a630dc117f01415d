"""An archive in memory, for tests of what is kept and read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from nemo_watchdog.errors import ArchiveError
from nemo_watchdog.evidence import Evidence
from nemo_watchdog.stores import LookRun


class MemoryArchive:
    """Satisfies `stores.Archive`. `trouble` makes every method fail, but `close`."""

    def __init__(self) -> None:
        self.trouble = ""
        self.closed = 0
        self.evidence: list[Evidence] = []
        self.runs: dict[str, list[LookRun]] = {}
        self.kept_gates: list[tuple[str, datetime, str]] = []
        self.pruned: list[tuple[datetime, datetime, int]] = []
        """What every call of `prune` said; nothing goes."""

    def keep_evidence(self, evidence: Evidence) -> None:
        self._check()
        self.evidence = [*(each for each in self.evidence if _taken_at(each) != _taken_at(evidence)), evidence]

    def evidence_of(self, incident: str) -> Sequence[Evidence]:
        self._check()
        return sorted((each for each in self.evidence if each.incident == incident), key=lambda each: each.at)

    def keep_looks(self, runs: Sequence[LookRun]) -> None:
        self._check()
        for run in runs:
            before = [each for each in self.runs.get(run.dependency, []) if each.first < run.first]
            if before and before[-1].last >= run.first:
                before[-1] = replace(before[-1], last=run.first - timedelta(milliseconds=1))
            self.runs[run.dependency] = [*before, run]

    def looks(self, dependency: str, since: datetime, until: datetime) -> Sequence[LookRun]:
        self._check()
        return [each for each in self.runs.get(dependency, []) if each.first <= until and each.last >= since]

    def keep_gates(self, dependency: str, at: datetime, gates: str) -> None:
        self._check()
        self.kept_gates.append((dependency, at, gates))

    def gates(self, dependency: str, until: datetime) -> tuple[datetime, str] | None:
        self._check()
        found = [(at, gates) for name, at, gates in self.kept_gates if name == dependency and at <= until]
        return max(found, default=None)

    def prune(self, records_before: datetime, evidence_before: datetime, evidence_bytes: int) -> int:
        self._check()
        self.pruned.append((records_before, evidence_before, evidence_bytes))
        return 0

    def close(self) -> None:
        self.closed += 1

    def _check(self) -> None:
        if self.trouble:
            raise ArchiveError(self.trouble)


def _taken_at(evidence: Evidence) -> tuple[str, datetime, str, str]:
    return evidence.incident, evidence.at, evidence.dependency, evidence.occasion
