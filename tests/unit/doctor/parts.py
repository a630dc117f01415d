"""What the doctor's tests share."""

from __future__ import annotations

from nemo_watchdog.doctor.checkup import Finding, Findings


async def all_of(findings: Findings) -> list[Finding]:
    return [finding async for finding in findings]


def told(findings: list[Finding]) -> list[tuple[str, str, str, str]]:
    """Check, grade, what was seen and what to do, as plain words."""
    return [(each.check, str(each.grade), each.seen, each.remedy) for each in findings]
