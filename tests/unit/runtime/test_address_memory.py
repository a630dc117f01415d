"""What addresses have taken is known at once, on disk as soon as it can be, and nobody waits for the disk."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Sequence

import pytest
from structlog.testing import capture_logs

from nemo_watchdog.model import Moment
from nemo_watchdog.receipts import Receipt, Received
from nemo_watchdog.runtime import address_memory as module
from nemo_watchdog.runtime.address_memory import AddressMemory
from tests.unit.runtime.shell import Shell, until

FIRST = Receipt("a", "i-1", ("k1", "k2"), "ts-1")
NEXT = Receipt("b", "i-1", ("k1",))


@pytest.fixture
async def shell() -> AsyncIterator[Shell]:
    made = Shell()
    yield made
    made.core.close()


async def test_it_is_known_at_once_and_by_the_next_process(shell: Shell) -> None:
    """By key and address; what the channel left by thread and address."""
    memory = AddressMemory(shell.memory, shell.core)
    await memory.ready()
    await memory.keep(FIRST)
    after = AddressMemory(shell.memory, shell.core)
    assert not after.has("k1", "a")
    await after.ready()
    for each in (memory, after):
        assert (each.has("k1", "a"), each.has("k2", "a"), each.has("k1", "b")) == (True, True, False)
        assert (each.memo("i-1", "a"), each.memo("i-1", "b"), each.memo("i-2", "a")) == ("ts-1", "", "")


async def test_a_full_disk_gets_it_later(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """In its order, all of it, by itself."""
    monkeypatch.setattr(module, "AGAIN_AFTER", 0.01)
    memory = AddressMemory(shell.memory, shell.core)
    shell.memory.trouble = "disk full"
    with capture_logs() as lines:
        await memory.keep(FIRST)
        await memory.keep(NEXT)
    assert [line["event"] for line in lines] == ["delivery not written down: a restart may repeat it"]
    assert (memory.has("k1", "b"), shell.memory.receipts) == (True, [])
    shell.memory.trouble = ""
    await until(lambda: shell.memory.receipts == [FIRST, NEXT])


async def test_what_cannot_be_read_is_read_later_and_added(shell: Shell) -> None:
    """What was learned meanwhile stays."""
    shell.memory.receipts.append(FIRST)
    memory = AddressMemory(shell.memory, shell.core)
    shell.memory.trouble = "damaged"
    with capture_logs() as lines:
        await memory.ready()
    assert [line["error"] for line in lines] == ["damaged"]
    shell.memory.trouble = ""
    await memory.keep(Receipt("a", "i-1", ("k3",), "ts-2"))
    await memory.ready()
    assert [memory.has(key, "a") for key in ("k1", "k2", "k3")] == [True] * 3
    assert memory.memo("i-1", "a") == "ts-2"


async def test_nobody_waits_for_a_disk_that_hangs(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither to read nor to write; it has all when it answers."""
    monkeypatch.setattr(module, "DISK_WITHIN", 0.01)
    may_answer = threading.Event()
    received, kept = shell.memory.received, shell.memory.keep_receipts

    def read(limit: int) -> Received:
        may_answer.wait(30.0)
        return received(limit)

    def write(receipts: Sequence[Receipt], at: Moment) -> None:
        may_answer.wait(30.0)
        kept(receipts, at)

    monkeypatch.setattr(shell.memory, "received", read)
    monkeypatch.setattr(shell.memory, "keep_receipts", write)
    memory = AddressMemory(shell.memory, shell.core)
    await memory.ready()
    await memory.keep(FIRST)
    await memory.keep(NEXT)
    assert memory.has("k1", "b")
    may_answer.set()
    await until(lambda: shell.memory.receipts == [FIRST, NEXT])


async def test_what_is_remembered_has_a_bound(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest goes first."""
    monkeypatch.setattr(module, "REMEMBERED", 2)
    memory = AddressMemory(shell.memory, shell.core)
    for number in range(3):
        await memory.keep(Receipt("a", f"i-{number}", (f"k{number}",), f"m{number}"))
    assert [memory.has(f"k{number}", "a") for number in range(3)] == [False, True, True]
    assert [memory.memo(f"i-{number}", "a") for number in range(3)] == ["", "m1", "m2"]
