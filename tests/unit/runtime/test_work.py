"""What works is overloaded, what is idle hangs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from nemo_watchdog.errors import ContainersUnreachable
from nemo_watchdog.model import ContainerUsage, Finding, Reason, failed, ok
from nemo_watchdog.policy.policy import Dependency, Threshold
from nemo_watchdog.runtime import work as module
from nemo_watchdog.runtime.work import BARE, Sample, WorkWitness, work_seen
from tests.unit.engine.world import dependency

NOTHING = ContainerUsage(1.0, 2.0, cpu=100.0, online_cpus=2, disk=1000, sent=5000, sent_packets=50)
LATE = failed(Reason.TIMEOUT, "no answer within 3s")


@pytest.mark.parametrize(
    ("after", "said"),
    [
        (NOTHING, ""),
        (replace(NOTHING, cpu=100.02), ""),
        (replace(NOTHING, cpu=100.9), "45% of a CPU"),
        (replace(NOTHING, disk=1000 + 4 * 2**20), "2.0 MiB/s to and from disk"),
        # the kernel's own packets, as for a stopped process
        (replace(NOTHING, sent=5000 + 40 * 74, sent_packets=90), ""),
        (replace(NOTHING, sent=5000 + 40 * 400, sent_packets=90), "answers leave it"),
        # a new run counts from 0
        (ContainerUsage(1.0, 2.0, 0.1, 2), ""),
    ],
)
def test_what_counts_as_work(after: ContainerUsage, said: str) -> None:
    """Between two samples, two seconds apart."""
    assert work_seen([Sample(10.0, NOTHING), Sample(12.0, after)]) == said


def test_samples_at_one_moment_say_nothing() -> None:
    """However much lies between them; and neither do one or none."""
    assert work_seen([Sample(1.0, NOTHING), Sample(1.0, replace(NOTHING, cpu=200.0))]) == ""
    assert work_seen([Sample(1.0, NOTHING)]) == work_seen([]) == ""


def seconds(*sent: Sequence[int]) -> list[Sample]:
    """A sample a second from 10 on; of each second, the lengths of the packets that left in it."""
    samples, usage = [Sample(10.0, NOTHING)], NOTHING
    for packets in sent:
        usage = replace(usage, sent=usage.sent + sum(packets), sent_packets=usage.sent_packets + len(packets))
        samples.append(Sample(samples[-1].at + 1.0, usage))
    return samples


TAKES, KNOWS, REFUSES, ASKS_WHO = BARE, 66, 54, 42
"""What the kernel sends for a stopped process: SYN-ACK, ACK, RST, ARP."""
SERVED = (TAKES, KNOWS, KNOWS, 66 + 99)
"""A client with an answer of 99 bytes."""
OUR_LOGIN = (TAKES, KNOWS, 66 + 500, KNOWS)


@pytest.mark.parametrize(
    ("samples", "looks", "works"),
    [
        (seconds([*SERVED * 3], [*SERVED * 4], [*SERVED * 3]), (12.1,), True),
        (seconds([*SERVED], [*SERVED], [*SERVED]), (9.0, 10.0, 12.1), True),
        (seconds([66 + 99] * 3, [66 + 99] * 3, [66 + 99] * 3), (), True),  # on connections that are kept
        (seconds([*SERVED], [], [*SERVED]), (11.1,), True),
        # idle, whoever calls and calls again
        (seconds([TAKES] * 500, [TAKES] * 500, [TAKES] * 500), (), False),
        (seconds([TAKES, KNOWS] * 200, [KNOWS] * 900, [REFUSES, ASKS_WHO] * 99), (12.1,), False),
        (seconds([], [], []), (), False),
        # idle, and our own looks have their answers, or half of them
        (seconds([*OUR_LOGIN], [], []), (10.1,), False),
        (seconds([*OUR_LOGIN], [], [*OUR_LOGIN]), (9.9, 12.1), False),
        (seconds([*OUR_LOGIN], [*OUR_LOGIN], [*OUR_LOGIN]), (10.1, 11.1, 12.1), False),
        # somebody else asks now and then: another look of ours, or what reads its metrics
        (seconds([], [], [*OUR_LOGIN]), (), False),
    ],
)
def test_answers_that_leave_are_work_however_small(
    samples: Sequence[Sample], looks: Sequence[float], works: bool
) -> None:
    """Told from what the kernel sends for a stopped process, and from what is sent to us."""
    assert (work_seen(samples, looks) != "") is works


async def test_the_answers_to_our_own_looks_are_no_work() -> None:
    """The witness knows when they began."""
    sent = iter(seconds(*[SERVED] * 9))
    last = NOTHING

    async def usage(_: str) -> ContainerUsage:
        nonlocal last
        await asyncio.sleep(0.4)
        sample = next(sent, None)
        last = sample.usage if sample is not None else last
        return last

    witness = WorkWitness(dependency("db", down_after=Threshold(3, 3)), usage)
    for _ in range(3):
        witness.look_begins()
        assert await witness.judge(LATE) is LATE
        await asyncio.sleep(0.3)
    assert next(sent).usage.sent > NOTHING.sent
    await witness.close()


class Docker:
    """Each answer shows `cpu` more seconds of work than the one before."""

    def __init__(self, cpu: float = 0.0) -> None:
        self._cpu = cpu
        self.trouble: Exception | None = None
        self.asked = 0

    async def usage(self, _: str) -> ContainerUsage:
        self.asked += 1
        await asyncio.sleep(0.01)
        if self.trouble is not None:
            raise self.trouble
        return replace(NOTHING, cpu=100.0 + self.asked * self._cpu)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSE", 0.001)


async def judged(witness: WorkWitness, findings: Sequence[Finding]) -> list[Reason | None]:
    try:
        return [(await witness.judge(finding)).reason for finding in findings]
    finally:
        await witness.close()


@pytest.mark.parametrize("count", [1, 3])
async def test_what_works_is_overloaded_at_the_look_that_would_make_it_down(count: int) -> None:
    """That one waits until there is something to compare."""
    witness = WorkWitness(dependency("gateway", down_after=Threshold(count, count)), Docker(1.0).usage)
    reasons = await judged(witness, [LATE] * 4)
    assert reasons[count - 1 :] == [Reason.OVERLOADED] * (5 - count)


async def test_what_is_idle_hangs() -> None:
    """As it was before anybody asked."""
    witness = WorkWitness(dependency("gateway"), Docker().usage)
    assert [await witness.judge(LATE) for _ in range(4)] == [LATE] * 4
    await witness.close()


async def test_after_its_grace_it_is_a_fault() -> None:
    """A loop that turns for ever works, too."""
    spec = dependency("gateway", down_after=Threshold(1, 1), overload_grace=0.001)
    witness = WorkWitness(spec, Docker(1.0).usage)
    assert (await witness.judge(LATE)).reason is Reason.OVERLOADED
    await asyncio.sleep(0.002)
    late = await witness.judge(LATE)
    assert late.reason is Reason.TIMEOUT
    assert "overloaded for" in late.detail
    assert await judged(witness, [ok(), LATE]) == [None, Reason.OVERLOADED]  # an answer begins the grace anew


@pytest.mark.parametrize(
    "spec", [dependency("a", container=None), dependency("a", overload_grace=0.0)], ids=["no container", "turned off"]
)
async def test_nobody_is_asked_where_it_cannot_matter(spec: Dependency) -> None:
    """Without a container nothing is restarted; the policy may want a fault at once."""
    docker = Docker(1.0)
    assert await judged(WorkWitness(spec, docker.usage), [LATE] * 4) == [Reason.TIMEOUT] * 4
    assert docker.asked == 0


async def test_only_silence_is_asked_about() -> None:
    """What was answered is an answer."""
    docker = Docker(1.0)
    refused = failed(Reason.REFUSED, "connection refused")
    witness = WorkWitness(dependency("gateway"), docker.usage)
    assert await judged(witness, [refused, ok(), refused]) == [Reason.REFUSED, None, Reason.REFUSED]
    assert docker.asked == 0


async def test_the_sampling_ends_when_nobody_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """And begins again with the next look that gets no answer."""
    monkeypatch.setattr(module, "NOT_NEEDED_AFTER", 0.05)
    docker = Docker(1.0)
    witness = WorkWitness(dependency("gateway"), docker.usage)
    await witness.judge(LATE)
    await asyncio.sleep(0.2)
    asked = docker.asked
    await asyncio.sleep(0.1)
    assert docker.asked == asked > 0
    assert (await judged(witness, [LATE] * 3))[-1] is Reason.OVERLOADED


async def test_a_docker_that_cannot_say_adds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither its refusal nor its silence: what the look has found stands."""
    docker = Docker(1.0)
    docker.trouble = ContainersUnreachable("no answer")
    assert await judged(WorkWitness(dependency("gateway"), docker.usage), [LATE] * 4) == [Reason.TIMEOUT] * 4
    monkeypatch.setattr(module, "WAITS_FOR", 0.01)

    async def hang(_: str) -> ContainerUsage:
        await asyncio.Event().wait()
        raise AssertionError

    assert await judged(WorkWitness(dependency("gateway"), hang), [LATE] * 4) == [Reason.TIMEOUT] * 4
