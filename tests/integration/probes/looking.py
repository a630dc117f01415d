"""Looking until something is seen: the wait for a condition of these tests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from nemo_watchdog.model import Finding, Outcome
from nemo_watchdog.ports import Probe


async def look_until(probe: Probe, seen: Callable[[Finding], bool], within: float = 30.0) -> list[Finding]:
    """Looks again and again until a finding satisfies; gives all of them, that one last.

    Raises AssertionError with the last ones when none does within so many seconds.
    """
    findings: list[Finding] = []
    try:
        async with asyncio.timeout(within):
            while not findings or not seen(findings[-1]):
                findings.append(await probe.look())
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"not seen in {len(findings)} looks, the last: {findings[-3:]}") from None
    return findings


def is_ok(finding: Finding) -> bool:
    return finding.outcome is Outcome.OK
