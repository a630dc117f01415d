"""Checks run side by side: what hangs, fails or meets a bug is a line of its own and holds up no other."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable

from nemo_watchdog.doctor.checkup import Check, Finding, Findings, Grade, good, in_a_thread, presentable, run
from nemo_watchdog.errors import JournalError
from tests.unit.doctor.parts import told


async def well() -> Findings:
    yield good("well", "all of it")


async def hangs() -> Findings:
    yield good("hangs", "the first half")
    await asyncio.Event().wait()


def raising(error: Exception | None) -> Callable[[], Findings]:
    async def raises() -> Findings:
        if error is not None:
            raise error
        yield good("never", "")

    return raises


async def test_each_has_its_line_and_the_order_is_that_of_the_checks() -> None:
    """What was found before a check hung stands; of a bug the words do not show, for they may be a secret."""
    checks = [
        Check("hangs", hangs, "look at its disk", within=0.05),
        Check("fails", raising(JournalError("the journal cannot be read")), "run it as root"),
        Check("bug", raising(ValueError("hunter2")), ""),
        Check("well", well, ""),
    ]
    found = told(await run(checks))
    assert found[:3] == [
        ("hangs", "good", "the first half", ""),
        ("hangs", "bad", "it gave no answer within 50ms", "look at its disk"),
        ("fails", "bad", "the journal cannot be read", "run it as root"),
    ]
    check, grade, seen, remedy = found[3]
    assert (check, grade, remedy) == ("bug", "bad", "please report it, with this line")
    assert seen.startswith("this check met a bug: ValueError < test_checkup.py:")
    assert "hunter2" not in seen
    assert found[4:] == [("well", "good", "all of it", "")]


async def test_a_thread_that_hangs_is_left_behind() -> None:
    """So is one that a library resolves a name in."""
    release = threading.Event()

    def blocks() -> list[Finding]:
        release.wait()
        return []

    async def in_the_pool() -> Findings:
        await asyncio.get_running_loop().run_in_executor(None, release.wait)
        yield good("pool", "never")

    try:
        checks = [Check("thread", in_a_thread(blocks), "", 0.05), Check("pool", in_the_pool, "", 0.05)]
        assert [each.grade for each in await run(checks)] == [Grade.BAD, Grade.BAD]
    finally:
        release.set()


def test_the_process_ends_though_a_thread_hangs() -> None:
    """Python waits for the threads of its own pools, and for none of these."""
    script = (
        "import asyncio, threading\n"
        "from nemo_watchdog.doctor.checkup import Check, run\n"
        "async def hangs():\n"
        "    await asyncio.get_running_loop().run_in_executor(None, threading.Event().wait)\n"
        "    yield\n"
        "print(len(asyncio.run(run([Check('x', hangs, '', 0.05)]))))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "1\n"


async def test_the_pool_gives_what_a_call_returns_and_raises() -> None:
    async def asks() -> Findings:
        loop = asyncio.get_running_loop()
        yield good("sum", str(await loop.run_in_executor(None, sum, (1, 2))))
        await loop.run_in_executor(None, int, "x")

    found = told(await run([Check("pool", asks, "")]))
    assert found[0] == ("sum", "good", "3", "")
    assert "ValueError" in found[1][2]


def test_what_is_shown_is_fit_for_a_terminal_and_has_no_password() -> None:
    finding = Finding("a\nb", Grade.BAD, "http://ops:p@ss@host:9093/x \x1b[2J", "tcp://u:hunter2@h")
    assert told([presentable(finding)]) == [("a\\nb", "bad", "http://host:9093/x \\x1b[2J", "tcp://h")]
