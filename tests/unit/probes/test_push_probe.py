"""The push probe: a heartbeat, the job's silence, and our own time of not listening, which is neither."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import ValidationError

from nemo_watchdog.model import Category, Outcome, Reason
from nemo_watchdog.ports import Heartbeat, ProbeContext
from nemo_watchdog.probes.push import PushOptions, PushProbe

TOKEN = "0123456789abcdef"
PERIOD, GRACE = 3600.0, 300.0


@dataclass
class Told:
    """What the daemon has heard, at a time that the test sets."""

    at: float = 10_000.0
    listening_since: float = 0.0
    beats: dict[str, Heartbeat] = field(default_factory=dict)

    def now(self) -> float:
        return self.at

    def last(self, dependency: str) -> Heartbeat | None:
        return self.beats.get(dependency)


def probe(told: Told | None, **options: Any) -> PushProbe:
    checked = PushOptions.model_validate({"token": TOKEN, "period": "1h", "grace": "5m", **options})
    return PushProbe(checked, ProbeContext("backup", 2.0, 10.0, heartbeats=told))


async def look(told: Told, age: float | None, listened: float, **options: Any) -> tuple[Outcome, Reason | None]:
    """The last heartbeat came `age` seconds ago, and the daemon began to listen `listened` seconds ago."""
    told.listening_since = told.at - listened
    if age is not None:
        told.beats["backup"] = Heartbeat(told.at - age, well=True)
    finding = await probe(told, **options).look()
    return finding.outcome, finding.reason


@pytest.mark.parametrize("age", [0.0, PERIOD, PERIOD + GRACE])
async def test_a_heartbeat_in_its_period_and_grace_is_well(age: float) -> None:
    """And its age is measured."""
    told = Told()
    assert await look(told, age, listened=10_000.0) == (Outcome.OK, None)
    assert (await probe(told).look()).measurements == {"push_heartbeat_age_seconds": age}


async def test_silence_is_a_failure() -> None:
    """Longer than the period and the grace, listened to all the while."""
    told = Told()
    assert await look(told, PERIOD + GRACE + 1, listened=10_000.0) == (Outcome.FAILED, Reason.SILENT)
    assert (await probe(told).look()).detail == "no heartbeat for 1h05m, more than 1h05m"


@pytest.mark.parametrize(
    ("age", "listened", "expected"),
    [
        (PERIOD + GRACE + 1, GRACE + 2, Reason.SILENT),  # due just after we began to listen
        (PERIOD + GRACE + 1, GRACE, Reason.REPORTED_BLIND),  # due before we listened: it may have come
        (50 * PERIOD, 1.0, Reason.REPORTED_BLIND),
        (50 * PERIOD, PERIOD + GRACE, Reason.REPORTED_BLIND),
        (50 * PERIOD, PERIOD + GRACE + 1, Reason.SILENT),  # a whole period of our own listening
    ],
)
async def test_our_own_deafness_is_no_silence(age: float, listened: float, expected: Reason) -> None:
    """A heartbeat that was due while the daemon did not run is no fault of the job."""
    assert await look(Told(), age, listened) == (Outcome.FAILED, expected)


async def test_one_that_never_came() -> None:
    """The first has a period from when it is watched, then that is silence too."""
    told = Told()
    watching = probe(told)
    told.at += PERIOD + GRACE
    finding = await watching.look()
    assert (finding.outcome, finding.detail) == (Outcome.OK, "no heartbeat yet; the first may take another 0s")
    told.at += 1.0
    finding = await watching.look()
    assert (finding.reason, finding.detail) == (Reason.SILENT, "no heartbeat has ever come, in 1h05m")


@pytest.mark.parametrize("category", ["fault", "busy", "integrity"])
async def test_a_job_that_says_that_it_failed(category: str) -> None:
    """In its own words, with the category that the policy gives it."""
    told = Told()
    told.beats["backup"] = Heartbeat(told.at - 5.0, well=False, said="disk full")
    finding = await probe(told, category=category).look()
    assert finding.outcome is Outcome.FAILED
    assert finding.reason is not None
    assert finding.reason.category is Category(category)
    assert finding.detail == "the job says that it failed: disk full"


async def test_where_no_daemon_runs() -> None:
    """`check --probe` hears nothing, and says so instead of crying silence."""
    finding = await probe(None).look()
    assert (finding.outcome, finding.reason) == (Outcome.FAILED, Reason.NOT_LOOKED)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"token": "short"}, "16 to 200"),
        ({"token": "with a space in it it cannot be"}, "16 to 200"),
        ({"period": "0s"}, "period"),
        ({"period": "40d"}, "period"),
        ({"grace": "-1s"}, "grace"),
        ({"category": "blind"}, "category"),
        ({"token": None}, "token"),
    ],
)
def test_options_that_are_none(options: dict[str, Any], problem: str) -> None:
    """Each with words, and the token never in them."""
    with pytest.raises(ValidationError) as raised:
        PushOptions.model_validate({"token": TOKEN, "period": "1h", **options})
    assert problem in str(raised.value)
    assert TOKEN not in repr(PushOptions.model_validate({"token": TOKEN, "period": "1h"}))
