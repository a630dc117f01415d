"""Runs checks side by side, each within its time: one that hangs says so, and holds up no other."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import aclosing, suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import ParamSpec, TypeVar

from nemo_watchdog.durations import duration
from nemo_watchdog.errors import NemoWatchdogError, in_one_line, outline
from nemo_watchdog.one_thread import OneThread

WITHIN = 10.0
"""Seconds for one check, unless it says otherwise."""

_CLOSES_WITHIN = 1.0

Arguments = ParamSpec("Arguments")
Value = TypeVar("Value")


class Grade(StrEnum):
    """The gravest first."""

    BAD = "bad"
    WARNING = "warning"
    GOOD = "good"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """`seen` and `remedy` are a sentence each, without a secret; what is good, or is no trouble, needs no remedy."""

    check: str
    grade: Grade
    seen: str
    remedy: str = ""


Findings = AsyncGenerator[Finding, None]


_WHO_ASKS = re.compile(r"(?<=://)[^/\s]*@")
"""User and password of an address."""


def presentable(finding: Finding) -> Finding:
    """Each text in one line and fit for a terminal, and without the user and the password of any address in it."""
    seen, remedy = (in_one_line(_WHO_ASKS.sub("", text)) for text in (finding.seen, finding.remedy))
    return Finding(in_one_line(finding.check), finding.grade, seen, remedy)


def good(check: str, seen: str) -> Finding:
    return Finding(check, Grade.GOOD, seen)


def warning(check: str, seen: str, remedy: str) -> Finding:
    return Finding(check, Grade.WARNING, seen, remedy)


def bad(check: str, seen: str, remedy: str) -> Finding:
    return Finding(check, Grade.BAD, seen, remedy)


def skipped(check: str, seen: str, remedy: str = "") -> Finding:
    return Finding(check, Grade.SKIPPED, seen, remedy)


@dataclass(frozen=True, slots=True)
class Check:
    """`look` gives its findings as they come. `if_silent` is what to do when it does not end within its seconds."""

    name: str
    look: Callable[[], Findings]
    if_silent: str
    within: float = WITHIN


def in_a_thread(call: Callable[[], Iterable[Finding]]) -> Callable[[], Findings]:
    """A look that blocks. At its end the process waits for no thread that hangs."""

    async def look() -> Findings:
        for finding in await OneThread("nemo-watchdog-doctor").run(lambda: list(call())):
            yield finding

    return look


async def run(checks: Sequence[Check]) -> list[Finding]:
    """All findings, in the order of the checks."""
    asyncio.get_running_loop().set_default_executor(_Unwaited())
    found = await asyncio.gather(*(_within_its_time(check) for check in checks))
    return [finding for findings in found for finding in findings]


async def _within_its_time(check: Check) -> list[Finding]:
    """What was found before it hung, failed or met a bug stands."""
    found: list[Finding] = []

    async def gather() -> None:
        async with aclosing(check.look()) as findings:
            async for finding in findings:
                found.append(finding)  # noqa: PERF401 - what came before it hangs must be there

    task = asyncio.ensure_future(gather())
    await asyncio.wait({task}, timeout=check.within)
    if not task.done():
        task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.wait({task}, timeout=_CLOSES_WITHIN)
        found.append(bad(check.name, f"it gave no answer within {duration(check.within)}", check.if_silent))
    elif error := task.exception():
        found.append(_failed(check, error))
    return found


def _failed(check: Check, error: BaseException) -> Finding:
    """Of a bug the kind and the place: the words of a library may repeat a secret."""
    if isinstance(error, NemoWatchdogError):
        return bad(check.name, str(error), check.if_silent)
    return bad(check.name, f"this check met a bug: {outline(error)}", "please report it, with this line")


class _Unwaited(ThreadPoolExecutor):
    """Names are resolved in it. A thread for each, which nobody waits for at the end of the loop or of the process."""

    def submit(
        self, call: Callable[Arguments, Value], /, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Future[Value]:
        future: Future[Value] = Future()

        def work() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(call(*args, **kwargs))
            except BaseException as error:  # noqa: BLE001 - it is raised again where the call is waited for
                future.set_exception(error)

        threading.Thread(target=work, name="nemo-watchdog-doctor-names", daemon=True).start()
        return future
