"""Does a container work though a look at it got no answer in time? What works is overloaded, what is idle hangs.

A server whose health answer waits behind its work loses that work to a restart, and comes back to a longer queue. One
that waits for its disk is not idle either: no signal ends it before the disk answers, and what it writes is lost.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

from nemo_watchdog.durations import duration
from nemo_watchdog.errors import ContainersUnreachable
from nemo_watchdog.model import ContainerUsage, Finding, Outcome, Reason, failed
from nemo_watchdog.policy.policy import Dependency

MOST_SAMPLES = 4
"""Docker gives one a second, and it is the oldest of so many that the newest is compared with."""

MOST_LOOKS = 16
"""Of ours whose begin is remembered: more than there are in so many seconds."""

ASKED_FOR = 3.0
"""Seconds that Docker has for a sample."""

PS_ASKED_FOR = 1.0
"""Seconds that Docker has for the state of the processes."""

ENOUGH = 3
"""Samples that tell answers which leave it now and then from an answer to somebody's one look."""

WAITS_FOR = 5.0
"""Seconds that the look which could make it down waits for so many, where they are not there yet.

Docker gives one in a second or two, and on a busy machine, which is where it matters, in more.
"""

PAUSE = 0.2
"""Seconds between the answer of Docker and the next question."""

NOT_NEEDED_AFTER = 30.0
"""Seconds without a look that got no answer in time."""

A_LITTLE_CPU = 0.05
"""Of one core. A stopped process has none at all, and a server that waits for its clients next to none."""

A_LITTLE_DISK = 64 * 1024
"""Bytes a second."""

BARE = 74
"""Bytes of the longest packet that carries nothing: Ethernet, IPv4, TCP with the options that take a connection. The
kernel sends such ones (SYN-ACK 74, ACK and FIN 66, RST 54) also for a stopped process, whoever calls it."""

SOME_ANSWERS = 50
"""Bytes a second beyond those: one answer a second, of a hundred bytes, with the bare packets around it."""

MANY_ANSWERS = 1000
"""Bytes a second that are more than the answers to our own looks, a login at a database among them."""

ANSWERED_WITHIN = 0.3
"""Seconds after its begin in which what is answered to a look of ours has left."""


class DockerEngine(Protocol):
    """Of `ports.Containers` what is asked here."""

    async def usage(self, name: str, /) -> ContainerUsage: ...

    async def uninterruptible(self, name: str, /) -> frozenset[int]: ...


@dataclass(frozen=True, slots=True)
class Sample:
    """What the container had used at monotonic seconds `at`, and its processes that nothing interrupted then."""

    at: float
    usage: ContainerUsage
    waiting: frozenset[int] = frozenset()


def work_seen(samples: Sequence[Sample], looks: Sequence[float] = ()) -> str:
    """In words for people what it did between samples of one run, oldest first; empty when it did next to nothing.

    `looks` are the monotonic seconds at which our own began.
    """
    if not samples or (took := samples[-1].at - samples[0].at) <= 0.0:
        return ""
    before, after = samples[0].usage, samples[-1].usage
    cpu, disk = (after.cpu - before.cpu) / took, (after.disk - before.disk) / took
    said = []
    if cpu >= A_LITTLE_CPU:
        said.append(f"{cpu:.0%} of a CPU")
    if disk >= A_LITTLE_DISK:
        said.append(f"{disk / 2**20:.1f} MiB/s to and from disk")
    if _answers_leave(samples, looks):
        said.append("answers leave it")
    if samples[0].waiting & samples[-1].waiting:
        said.append("it waits for a disk or a driver (state D)")
    return ", ".join(said)


def _answers_leave(samples: Sequence[Sample], looks: Sequence[float]) -> bool:
    """Many, or some at more times than our own looks can account for, and than whoever comes but now and then."""
    first, last = samples[0], samples[-1]
    if _payload(first, last) >= MANY_ANSWERS:
        return True
    times = sum(_payload(before, after) >= SOME_ANSWERS for before, after in pairwise(samples))
    ours = sum(first.at - ANSWERED_WITHIN < look <= last.at for look in looks)
    return times > max(1, ours)


def _payload(before: Sample, after: Sample) -> float:
    """Bytes a second; less than 0 where bare packets alone have left, or 0 where nothing has."""
    sent, packets = after.usage.sent - before.usage.sent, after.usage.sent_packets - before.usage.sent_packets
    return (sent - BARE * packets) / max(after.at - before.at, 0.001)


class WorkWitness:
    """Asked about the looks at one dependency, one after the other.

    Samples are taken beside the looks, from the first on that got no answer in time: what hangs is not held up by it.
    """

    def __init__(self, spec: Dependency, engine: DockerEngine) -> None:
        self._spec = spec
        self._engine = engine
        self._overloaded_since: float | None = None
        self._unanswered = 0
        self._needed_until = 0.0
        self._samples: deque[Sample] = deque(maxlen=MOST_SAMPLES)
        self._looks: deque[float] = deque(maxlen=MOST_LOOKS)
        self._sampling: asyncio.Task[None] | None = None
        self._compared = asyncio.Event()
        """Enough samples are there, or Docker gives none."""

    def look_begins(self) -> None:
        """What is answered to it is no work."""
        self._looks.append(asyncio.get_running_loop().time())

    async def judge(self, finding: Finding) -> Finding:
        """The finding of a look, or what it is worth when nothing came in time from what works."""
        grace = self._spec.overload_grace
        if finding.outcome is not Outcome.FAILED:
            self._overloaded_since = None
        if finding.reason is not Reason.TIMEOUT or not self._spec.container or not grace:
            return finding
        await self._see(self._spec.container)
        work = work_seen(tuple(self._samples), tuple(self._looks))
        if not work:
            return finding
        now = asyncio.get_running_loop().time()
        if self._overloaded_since is None:
            self._overloaded_since = now
        if (lasts := now - self._overloaded_since) >= grace:
            return failed(Reason.TIMEOUT, f"{finding.detail}; overloaded for {duration(lasts)} ({work})")
        return failed(Reason.OVERLOADED, f"{finding.detail}, and it is not idle: {work}", finding.measurements)

    async def close(self) -> None:
        """Ends the sampling."""
        if self._sampling is not None:
            self._sampling.cancel()
            await asyncio.wait({self._sampling})
            self._sampling = None

    async def _see(self, container: str) -> None:
        """Samples go on; the look that could make it down waits until they can be compared."""
        self._needed_until = asyncio.get_running_loop().time() + NOT_NEEDED_AFTER
        if self._sampling is None or self._sampling.done():
            self._unanswered = 0
            self._samples.clear()
            self._compared.clear()
            self._sampling = asyncio.create_task(self._sample(container))
        self._unanswered += 1
        if self._unanswered >= self._spec.down_after.count:
            with suppress(TimeoutError):
                async with asyncio.timeout(WAITS_FOR):
                    await self._compared.wait()

    async def _sample(self, container: str) -> None:
        loop = asyncio.get_running_loop()
        while loop.time() < self._needed_until:
            try:
                async with asyncio.timeout(ASKED_FOR):
                    usage = await self._engine.usage(container)
            except (ContainersUnreachable, TimeoutError):
                self._samples.clear()
                self._compared.set()
                await asyncio.sleep(PAUSE)
                continue
            self._samples.append(Sample(loop.time(), usage, await self._waiting(container)))
            if len(self._samples) >= ENOUGH:
                self._compared.set()
            await asyncio.sleep(PAUSE)

    async def _waiting(self, container: str) -> frozenset[int]:
        """None of them where Docker does not tell: it runs a program for it, which a machine may lack."""
        try:
            async with asyncio.timeout(PS_ASKED_FOR):
                return await self._engine.uninterruptible(container)
        except (ContainersUnreachable, TimeoutError):
            return frozenset()
