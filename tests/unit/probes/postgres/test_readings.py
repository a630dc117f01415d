"""What Postgres's statistics mean, how far a recovery has come."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from nemo_watchdog.model import Finding, LogLine, Outcome, Reason, failed, ok
from nemo_watchdog.policy.policy import Budget
from nemo_watchdog.probes.postgres.readings import Deadlocks, Limits, judge
from nemo_watchdog.probes.postgres.recovery import RecoveryWatch
from nemo_watchdog.probes.shared.beside import Beside
from nemo_watchdog.runtime.clock import SystemClock
from nemo_watchdog.testing.fakes import FakeContainers

ROW: dict[str, Any] = {
    "standby": False,
    "read_only": False,
    "most": 100,
    "sees_all": True,
    "used": 40,
    "oldest_transaction": 7.0,
    "xid_age": 1e6,
    "deadlocks": 3.0,
    "checksum_failures": None,
    "replication_lag": None,
    "work": [],
}
STRICT = Limits(connections=0.8, transaction=60.0, xid_age=1e9, lag=5.0, deadlocks=Budget(2, 60.0))


def judged(**changes: Any) -> Finding:
    return judge({**ROW, **changes}, "any", STRICT, None)


@pytest.mark.parametrize(
    ("changes", "outcome", "reason"),
    [
        ({}, Outcome.OK, None),
        ({"used": 81}, Outcome.DEGRADED, Reason.TOO_MANY_CONNECTIONS),
        ({"oldest_transaction": 61.0}, Outcome.DEGRADED, Reason.LONG_TRANSACTION),
        ({"xid_age": 1.1e9}, Outcome.DEGRADED, Reason.WRAPAROUND_NEAR),
        ({"xid_age": 2.01e9}, Outcome.FAILED, Reason.WRAPAROUND_NEAR),
        ({"checksum_failures": 1.0}, Outcome.DEGRADED, Reason.DATA_CORRUPTED),
        ({"checksum_failures": 0.0}, Outcome.OK, None),
        ({"replication_lag": 5.1}, Outcome.DEGRADED, Reason.REPLICATION_LAG),
        ({"replication_lag": 0.0}, Outcome.OK, None),
        ({"used": 99, "xid_age": 2.01e9, "checksum_failures": 4.0}, Outcome.FAILED, Reason.WRAPAROUND_NEAR),
        ({"used": 99, "checksum_failures": 4.0}, Outcome.DEGRADED, Reason.DATA_CORRUPTED),
        ({"oldest_transaction": None, "xid_age": None, "deadlocks": None}, Outcome.OK, None),
    ],
)
def test_each_reading(changes: dict[str, Any], outcome: Outcome, reason: Reason | None) -> None:
    """What is at risk comes before what is slow; NULL is left out."""
    finding = judged(**changes)
    assert (finding.outcome, finding.reason) == (outcome, reason)
    assert finding.measurements["postgres_connections_used_ratio"] == (changes.get("used", 40)) / 100


def test_whoever_cannot_see_is_told_only_when_it_matters() -> None:
    """A limit on what the user may not read says so."""
    assert "grant pg_monitor" in judged(sees_all=False).detail
    assert "grant pg_monitor" not in judge({**ROW, "sees_all": False}, "any", Limits(), None).detail


def test_deadlocks_in_a_window() -> None:
    """New ones count, for as long as the window; a counter that begins again adds none."""
    deadlocks = Deadlocks(Budget(2, 60.0))
    seen = [
        deadlocks.saw(total, now) for total, now in ((50, 0), (51, 10), (52, 20), (52, 75), (0, 80), (1, 85), (2, 90))
    ]
    assert [finding is not None for finding in seen] == [False, False, True, False, False, False, True]


async def test_recovery_is_measured() -> None:
    """For how long, and where in its log, as long as it lasts."""
    containers = FakeContainers(SystemClock(), ["pg"])
    line = "2026-01-01 LOG:  redo in progress, elapsed time: {}.00 s, current LSN: 1/3A0000{}"
    now = datetime.now(UTC)
    containers.logs["pg"] = [LogLine(now, line.format(10, 28)), LogLine(now, line.format(20, 30)), LogLine(now, "x")]
    watch = RecoveryWatch(containers, "pg")
    recovering = failed(Reason.RECOVERING, "it recovers")
    first, second = await watch.measured(recovering, Beside(2.0)), await watch.measured(recovering, Beside(2.0))
    assert first.measurements["postgres_recovery_lsn_bytes"] == first.progress == 0x1_3A00_0030
    assert first.detail == "it recovers; redo is at 0x13a000030 of its log"
    assert 0 == first.measurements["postgres_recovery_seconds"] < second.measurements["postgres_recovery_seconds"]
    assert (await watch.measured(ok(), Beside(2.0))).measurements == {}
    containers.trouble = "no Docker"
    again = await watch.measured(recovering, Beside(2.0))
    assert dict(again.measurements) == {"postgres_recovery_seconds": 0.0}
    assert "redo" not in (await RecoveryWatch(None, None).measured(recovering, Beside(2.0))).detail
