"""The way to the archive: what works, what fails and is told, and a disk that hangs and holds up nothing."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from nemo_watchdog.errors import ArchiveError
from nemo_watchdog.policy.policy import Retention
from nemo_watchdog.runtime import archiving as module
from nemo_watchdog.runtime.archiving import Archiving
from nemo_watchdog.testing import MemoryArchive
from tests.unit.archive.parts import at, evidence, run
from tests.unit.runtime.shell import Shell, running, until

EVER = (at(-1e6), at(1e6))


class Kept:
    """An archive in memory behind the way to it; `refuses` is why it cannot be opened."""

    def __init__(self) -> None:
        self.shell = Shell()
        self.archive = MemoryArchive()
        self.refuses = ""
        self.opened = 0
        self.archiving = Archiving(self._open, self.shell.core, self.shell.metrics, lambda: 4096)

    def _open(self) -> MemoryArchive:
        self.opened += 1
        if self.refuses:
            raise ArchiveError(self.refuses)
        return self.archive

    def troubles(self) -> list[str]:
        return [f"{each.what}: {each.why}" for each in self.shell.core.troubles.views()]

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """Its disk does not answer within the block."""
        release, call = threading.Event(), self.archive.keep_looks
        self.archive.keep_looks = lambda runs: (release.wait(30.0), call(runs))[1]  # type: ignore[method-assign]
        try:
            yield
        finally:
            release.set()
            self.archive.keep_looks = call  # type: ignore[method-assign]


@pytest.fixture
async def kept() -> AsyncIterator[Kept]:
    made = Kept()
    yield made
    await made.archiving.close(10.0)
    made.shell.core.close()


async def test_all_that_is_kept_can_be_read(kept: Kept) -> None:
    """It is opened by the first call, once."""
    way = kept.archiving
    assert await way.evidence_of("i-1") == []
    await way.keep_evidence(evidence())
    await way.keep_looks([run(0, 90)])
    await way.keep_gates("gateway", at(0), "[]")
    assert await way.evidence_of("i-1") == [evidence()]
    assert await way.looks("gateway", *EVER) == [run(0, 90)]
    assert await way.gates("gateway", at(1)) == (at(0), "[]")
    assert kept.opened == 1
    assert (kept.shell.metric("archive_writable"), kept.shell.metric("archive_bytes")) == (1.0, 4096.0)


async def test_one_that_cannot_be_opened_is_a_trouble_until_it_can(kept: Kept) -> None:
    """Said once, shown while it lasts, tried again with each call."""
    kept.refuses = "no space"
    with capture_logs() as lines:
        for _ in range(3):
            with pytest.raises(ArchiveError, match="no space"):
                await kept.archiving.keep_evidence(evidence())
        with pytest.raises(ArchiveError, match="no space"):
            await kept.archiving.evidence_of("i-1")
        assert kept.troubles() == ["no evidence and no history is kept: no space"]
        assert kept.shell.metric("archive_writable") == 0.0
        kept.refuses = ""
        await kept.archiving.keep_evidence(evidence())
    assert kept.troubles() == []
    assert kept.shell.metric("archive_writable") == 1.0
    assert [line["event"] for line in lines] == [
        "archive cannot be written: no evidence and no history is kept",
        "archive can be written again",
    ]


async def test_one_that_cannot_be_read_says_nothing_of_writing(kept: Kept) -> None:
    """Whoever asks hears it."""
    await kept.archiving.keep_evidence(evidence())
    kept.archive.trouble = "a sector is gone"
    with pytest.raises(ArchiveError, match="a sector is gone"):
        await kept.archiving.evidence_of("i-1")
    assert kept.troubles() == []


async def test_a_disk_that_hangs_holds_up_nobody(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first waits for its time, all behind it not at all, reading goes on; when it answers all is well."""
    monkeypatch.setattr(module, "ANSWER_WITHIN", 0.05)
    await kept.archiving.keep_evidence(evidence())
    with kept.hanging():
        for _ in range(3):
            with pytest.raises(ArchiveError, match="has not answered"):
                await kept.archiving.keep_looks([run(0, 90)])
        with pytest.raises(ArchiveError, match="has not answered"):
            await kept.archiving.keep_evidence(evidence("i-2"))
        assert threading.active_count() < 10
        assert await kept.archiving.evidence_of("i-1") == [evidence()]
        assert len(kept.troubles()) == 1
    await until(lambda: "gateway" in kept.archive.runs)
    await until(lambda: not kept.archiving._writing._late)
    await kept.archiving.keep_evidence(evidence("i-3"))
    assert kept.troubles() == []
    assert [each.incident for each in kept.archive.evidence] == ["i-1", "i-3"]


async def test_those_behind_a_slow_call_get_their_turn(kept: Kept) -> None:
    """In their order, though one whose caller has gone is before them."""
    await kept.archiving.keep_evidence(evidence())
    with kept.hanging():
        gone = asyncio.create_task(kept.archiving.keep_looks([run(0, 90)]))
        await until(kept.archiving._writing._turn.locked)
        waiting = [asyncio.create_task(kept.archiving.keep_evidence(evidence(f"i-{n}"))) for n in (2, 3)]
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
    await asyncio.gather(*waiting)
    assert "gateway" in kept.archive.runs
    assert [each.incident for each in kept.archive.evidence] == ["i-1", "i-2", "i-3"]


async def test_it_is_pruned_at_the_start_and_daily_by_the_policy_in_force(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reload counts from the next pruning on; what is left to go after one call goes with the next."""
    monkeypatch.setattr(module, "PRUNE_EVERY", 0.01)
    rows = iter([7, 7])
    prune = kept.archive.prune
    kept.archive.prune = lambda *what: prune(*what) or next(rows, 0)  # type: ignore[method-assign]
    now = kept.shell.clock.now().utc
    async with running(kept.archiving.run()):
        await until(lambda: len(kept.archive.pruned) >= 3)
        engine = kept.shell.core.engine
        changed = replace(engine.policy, retention=Retention(40 * 86400.0, 7200.0, 5))
        engine.volatile.policy = changed
        await until(lambda: kept.archive.pruned[-1][2] == 5)
    assert set(kept.archive.pruned) == {
        (now - timedelta(days=90), now - timedelta(days=30), 2**30),
        (now - timedelta(days=40), now - timedelta(hours=2), 5),
    }


async def test_what_cannot_be_opened_at_the_start_is_tried_again(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without anybody who wants to write."""
    monkeypatch.setattr(module, "TRY_AGAIN_AFTER", 0.01)
    kept.refuses = "no space"
    async with running(kept.archiving.run()):
        await until(lambda: kept.opened >= 3)
        kept.refuses = ""
        await until(lambda: not kept.troubles())
    assert kept.archive.pruned


async def test_much_evidence_is_pruned_before_the_day_is_over(kept: Kept) -> None:
    """An eighth of what is kept, and room is made for it."""
    engine = kept.shell.core.engine
    engine.volatile.policy = replace(engine.policy, retention=Retention(evidence_size=8000))
    async with running(kept.archiving.run()):
        await until(lambda: len(kept.archive.pruned) == 1)
        await kept.archiving.keep_evidence(evidence("i-1", text="x" * 900))
        await kept.archiving.keep_evidence(evidence("i-2", text="x" * 900))
        await until(lambda: len(kept.archive.pruned) == 2)


async def test_closing_waits_only_so_long(kept: Kept) -> None:
    """For a disk that hangs; it is said in the log."""
    await kept.archiving.keep_evidence(evidence())
    with kept.hanging(), capture_logs() as lines:
        stuck = asyncio.create_task(kept.archiving.keep_looks([run(0, 90)]))
        await until(kept.archiving._writing._turn.locked)
        await kept.archiving.close(0.05)
    assert [line["event"] for line in lines] == ["archive not closed"]
    await stuck


async def test_one_that_was_never_opened_needs_no_closing(kept: Kept) -> None:
    """Nothing is made at the end."""
    await kept.archiving.close(10.0)
    assert (kept.opened, kept.archive.closed) == (0, 0)


async def test_without_a_thread_nothing_is_kept(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an error like any other."""

    def refused(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refused)
        with pytest.raises(ArchiveError, match="no thread can be started"):
            await kept.archiving.keep_evidence(evidence())
    await kept.archiving.keep_evidence(evidence())
