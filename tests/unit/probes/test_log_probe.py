"""The log probe: lines that are new, counted over a window, and never shown."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from nemo_watchdog.errors import ContainersUnreachable, QuestionRefused
from nemo_watchdog.model import Category, Finding, LogLine, Outcome, Reason
from nemo_watchdog.ports import MOST_LOG_LINES, ProbeContext
from nemo_watchdog.probes import log as module
from nemo_watchdog.probes.log import LogOptions, LogProbe
from nemo_watchdog.testing import FakeContainers, ManualClock

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


class Clock(datetime):
    """`datetime.now` at the test's time."""

    at = NOON

    @classmethod
    def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
        return cls.at.astimezone(tz)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> type[Clock]:
    monkeypatch.setattr(module, "datetime", Clock)
    monkeypatch.setattr(Clock, "at", NOON)
    return Clock


@pytest.fixture
def containers() -> FakeContainers:
    made = FakeContainers(ManualClock(), ["it"])
    made.logs["it"] = []
    return made


def probe(containers: FakeContainers, timeout: float = 2.0, **options: Any) -> LogProbe:
    checked = LogOptions.model_validate({"pattern": "panic: .*", **options})
    return LogProbe(checked, ProbeContext("it", timeout, 10.0, "it", containers))


def write(containers: FakeContainers, *texts: str, at: datetime = NOON) -> None:
    containers.logs["it"] += [LogLine(at, text) for text in texts]


async def test_only_new_lines_count(containers: FakeContainers, clock: type[Clock]) -> None:
    """What was written before the first look is old, and no line counts twice."""
    write(containers, "panic: old", at=NOON - timedelta(seconds=1))
    watching = probe(containers)
    assert (await watching.look()).outcome is Outcome.OK
    write(containers, "fine", "panic: hunter2", at=NOON + timedelta(seconds=1))
    clock.at = NOON + timedelta(seconds=2)
    for _ in range(2):
        finding = await watching.look()
        assert finding.measurements["log_matching_lines"] == 1.0
        assert "hunter2" not in repr(finding)


async def test_too_many_lines_in_the_window_fail(containers: FakeContainers, clock: type[Clock]) -> None:
    """And when the window has moved on, all is well again."""
    watching = probe(containers, alarm_at="3 per 1m")
    await watching.look()
    found: list[Finding] = []
    for second in range(3):
        write(containers, "panic: again", at=NOON + timedelta(seconds=second))
        clock.at = NOON + timedelta(seconds=second)
        found.append(await watching.look())
    assert [finding.outcome for finding in found] == [Outcome.OK, Outcome.OK, Outcome.FAILED]
    clock.at = NOON + timedelta(seconds=62)
    assert (await watching.look()).outcome is Outcome.OK


async def test_however_many_lines_match_little_is_kept(containers: FakeContainers, clock: type[Clock]) -> None:
    """The window moves on in a thousand steps, and every line in it counts."""
    watching = probe(containers, alarm_at="1 per 1h")
    await watching.look()
    for minute in range(90):
        containers.logs["it"] = [
            LogLine(NOON + timedelta(minutes=minute, milliseconds=n * 20), "panic: again") for n in range(3000)
        ]
        clock.at = NOON + timedelta(minutes=minute + 1)
        finding = await watching.look()
    assert finding.measurements["log_matching_lines"] == pytest.approx(180_000, rel=0.001)
    assert len(watching._matches) <= 1001


async def test_of_a_flood_the_newest_lines_are_judged(containers: FakeContainers, clock: type[Clock]) -> None:
    """And the look says that it has not read all: it is neither blind nor sure of what it did not read."""
    watching = probe(containers)
    await watching.look()
    write(containers, *["fine"] * (MOST_LOG_LINES - 1))
    finding = await watching.look()
    assert (finding.outcome, finding.detail) == (Outcome.OK, "the log is as it should be")
    clock.at = NOON + timedelta(seconds=2)
    write(containers, *["fine"] * (MOST_LOG_LINES - 1), "panic: now", at=clock.at)
    finding = await watching.look()
    assert finding.outcome is Outcome.FAILED
    assert f"the newest {MOST_LOG_LINES} lines were read" in finding.detail


@pytest.mark.parametrize("category", ["fault", "busy", "integrity"])
async def test_the_policy_says_what_it_means(containers: FakeContainers, clock: type[Clock], category: str) -> None:
    """Only what the policy calls a fault is one."""
    watching = probe(containers, category=category)
    await watching.look()
    write(containers, "panic: now")
    finding = await watching.look()
    assert finding.reason is not None
    assert finding.reason.category is Category(category)


@pytest.mark.parametrize("how", ["trouble", "hangs"])
async def test_a_docker_that_does_not_answer_is_blindness(containers: FakeContainers, how: str) -> None:
    """Before the deadline of the look."""
    containers.trouble = "no answer" if how == "trouble" else ""
    containers.hangs = how == "hangs"
    assert (await probe(containers, timeout=0.1).look()).reason is Reason.DOCKER_UNREACHABLE


@pytest.mark.parametrize("how", [TimeoutError(), ContainersUnreachable("Docker did not tell a container's log")])
async def test_a_docker_that_answers_all_else_is_not_unreachable(
    containers: FakeContainers, monkeypatch: pytest.MonkeyPatch, how: Exception
) -> None:
    """Only this log is not told: nobody else is blind for it."""

    async def late(name: str, since: datetime) -> Sequence[LogLine]:
        raise how

    monkeypatch.setattr(containers, "log", late)
    finding = await probe(containers).look()
    assert finding.reason is Reason.REPORTED_BLIND
    assert "and answers" in finding.detail


@pytest.mark.parametrize(
    ("status", "words", "reason"),
    [
        (404, "No such container: it", Reason.CONTAINER_MISSING),
        (501, "configured logging driver does not support reading", Reason.WRONG_TARGET),
        (500, "configured logging driver does not support reading", Reason.WRONG_TARGET),
        (409, "can not get logs from container which is dead or marked for removal", Reason.WRONG_TARGET),
        (403, "the proxy does not allow this", Reason.PERMISSION_DENIED),
        (500, "something else", Reason.REPORTED_BLIND),
    ],
)
async def test_an_answer_of_docker_is_not_silence(
    containers: FakeContainers, monkeypatch: pytest.MonkeyPatch, status: int, words: str, reason: Reason
) -> None:
    """It is told in Docker's words, and it is blind all the same."""

    async def refuse(name: str, since: datetime) -> Sequence[LogLine]:
        raise QuestionRefused(status, words, f"the log of {name} since {since}")

    monkeypatch.setattr(containers, "log", refuse)
    finding = await probe(containers).look()
    assert finding.reason is reason
    assert reason.category is Category.BLIND
    assert words in finding.detail


@pytest.mark.parametrize("pattern", ["(", "[a", "a{1001}", r"(a)\1"])
def test_a_pattern_that_is_none_is_a_mistake_of_the_policy(pattern: str) -> None:
    """It is told when the policy is read."""
    with pytest.raises(ValidationError, match="regular expression"):
        LogOptions.model_validate({"pattern": pattern})


def test_it_needs_a_container(containers: FakeContainers) -> None:
    """Without one it cannot be made."""
    with pytest.raises(ValueError, match="with a container"):
        LogProbe(LogOptions(pattern="x"), ProbeContext("it", 2.0, 10.0, None, containers))
