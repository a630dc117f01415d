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


class Docker:
    """Each answer shows `cpu` more seconds of work than the one before."""

    def __init__(self, cpu: float = 0.0) -> None:
        self._cpu = cpu
        self.trouble: Exception | None = None
        self.asked = 0
        self.waits: frozenset[int] = frozenset()
        self.silent_about_processes: Exception | None = None

    async def uninterruptible(self, _: str) -> frozenset[int]:
        if self.silent_about_processes is not None:
            raise self.silent_about_processes
        return self.waits

    async def usage(self, _: str) -> ContainerUsage:
        self.asked += 1
        await asyncio.sleep(0.01)
        if self.trouble is not None:
            raise self.trouble
        return replace(NOTHING, cpu=100.0 + self.asked * self._cpu)


async def test_the_answers_to_our_own_looks_are_no_work() -> None:
    """The witness knows when they began."""
    sent = iter(seconds(*[SERVED] * 9))

    class Serving(Docker):
        last = NOTHING

        async def usage(self, _: str) -> ContainerUsage:
            await asyncio.sleep(0.4)
            sample = next(sent, None)
            self.last = sample.usage if sample is not None else self.last
            return self.last

    witness = WorkWitness(dependency("db", down_after=Threshold(3, 3)), Serving())
    for _ in range(3):
        witness.look_begins()
        assert await witness.judge(LATE) is LATE
        await asyncio.sleep(0.3)
    assert next(sent).usage.sent > NOTHING.sent
    await witness.close()


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
    witness = WorkWitness(dependency("gateway", down_after=Threshold(count, count)), Docker(1.0))
    reasons = await judged(witness, [LATE] * 4)
    assert reasons[count - 1 :] == [Reason.OVERLOADED] * (5 - count)


async def test_it_is_not_judged_before_answers_can_be_told_from_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine so busy that a sample takes long: two of them say nothing of small answers, and it waits for more."""
    sent = iter(seconds(*[[*SERVED]] * 9))

    class Slow(Docker):
        async def usage(self, _: str) -> ContainerUsage:
            await asyncio.sleep(0.1)
            return next(sent).usage

    witness = WorkWitness(dependency("gateway", down_after=Threshold(1, 1)), Slow())
    found = await witness.judge(LATE)
    assert (found.reason, "answers leave it" in found.detail) == (Reason.OVERLOADED, True)
    await witness.close()


async def test_what_is_idle_hangs() -> None:
    """As it was before anybody asked."""
    witness = WorkWitness(dependency("gateway"), Docker())
    assert [await witness.judge(LATE) for _ in range(4)] == [LATE] * 4
    await witness.close()


async def test_after_its_grace_it_is_a_fault() -> None:
    """A loop that turns for ever works, too."""
    spec = dependency("gateway", down_after=Threshold(1, 1), overload_grace=0.001)
    witness = WorkWitness(spec, Docker(1.0))
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
    assert await judged(WorkWitness(spec, docker), [LATE] * 4) == [Reason.TIMEOUT] * 4
    assert docker.asked == 0


async def test_only_silence_is_asked_about() -> None:
    """What was answered is an answer."""
    docker = Docker(1.0)
    refused = failed(Reason.REFUSED, "connection refused")
    witness = WorkWitness(dependency("gateway"), docker)
    assert await judged(witness, [refused, ok(), refused]) == [Reason.REFUSED, None, Reason.REFUSED]
    assert docker.asked == 0


async def test_the_sampling_ends_when_nobody_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """And begins again with the next look that gets no answer."""
    monkeypatch.setattr(module, "NOT_NEEDED_AFTER", 0.05)
    docker = Docker(1.0)
    witness = WorkWitness(dependency("gateway"), docker)
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
    assert await judged(WorkWitness(dependency("gateway"), docker), [LATE] * 4) == [Reason.TIMEOUT] * 4
    monkeypatch.setattr(module, "WAITS_FOR", 0.01)

    class Hangs(Docker):
        async def usage(self, _: str) -> ContainerUsage:
            await asyncio.Event().wait()
            raise AssertionError

    assert await judged(WorkWitness(dependency("gateway"), Hangs()), [LATE] * 4) == [Reason.TIMEOUT] * 4


async def test_what_waits_for_its_disk_is_not_idle() -> None:
    """It uses nothing, and a restart would lose what it writes; a Docker that does not tell adds nothing."""
    docker = Docker()
    docker.waits = frozenset({7})
    witness = WorkWitness(dependency("redis"), docker)
    reasons = await judged(witness, [LATE] * 4)
    assert reasons[2:] == [Reason.OVERLOADED] * 2
    docker.silent_about_processes = ContainersUnreachable("no ps")
    assert await judged(WorkWitness(dependency("redis"), docker), [LATE] * 4) == [Reason.TIMEOUT] * 4


def test_one_process_must_wait_in_both_samples() -> None:
    """Every process waits for its disk now and then."""
    one, other = frozenset({7, 8}), frozenset({8, 9})
    assert work_seen([Sample(1.0, NOTHING, one), Sample(2.0, NOTHING, other)]).startswith("it waits for a disk")
    assert work_seen([Sample(1.0, NOTHING, frozenset({7})), Sample(2.0, NOTHING, frozenset({9}))]) == ""
