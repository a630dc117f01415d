"""`explain` names the gate that holds, at that time; and once more with `--at`, when other things hold.

What the status says is the measure: it is what the engine answers at that moment.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from aiohttp import ClientResponseError

from tests.integration.daemon import DaemonError
from tests.suites.situations import Stage

TRIES = 20
"""What changes its mind again and again is asked until it stands still for one look."""

NOTHING = "nothing to decide"


async def must_explain(stage: Stage, name: str) -> str:
    """The gate that it named both times. Raises `DaemonError` where it names another one."""
    daemon = stage.daemon
    at, gate = await _now(stage, name)
    if (await daemon.status())["journal"] != "ok":
        await _says_that_it_cannot_know(stage, name, at)
        return f"{gate} (now only)"
    await daemon.post("/api/v1/pause", {"scope": name, "reason": "to see what explain says later", "by": "the suite"})
    await daemon.more_looks(2)
    then = await _explained(stage, name, at)
    if named(then) != gate:
        raise DaemonError(f"explain said {gate} at {at}, and says now that it was {named(then)}: {then['said']}")
    return gate


def named(about: dict[str, Any]) -> str:
    """The gate of the decision: of an explanation, or of a dependency in the status. What is up has none."""
    decision = about["decision"] if about["health"] != "up" else None
    return str(decision["gate"]) if decision else NOTHING


async def _now(stage: Stage, name: str) -> tuple[str, str]:
    """When, and which gate: as the status has it before and after."""
    seen: list[str] = []
    for _ in range(TRIES):
        before = named((await stage.daemon.status())["dependencies"][name])
        await stage.daemon.more_looks(1)
        about = await _explained(stage, name)
        after = named((await stage.daemon.status())["dependencies"][name])
        if before == named(about) == after:
            return str(about["at"]), after
        seen.append(f"{before}, {named(about)}, {after}")
    raise DaemonError(f"status and explain never named the same gate: {'; '.join(seen)}")


async def _explained(stage: Stage, name: str, at: str = "") -> dict[str, Any]:
    asked = f"?at={quote(at, safe='')}" if at else ""
    told: dict[str, Any] = json.loads(await stage.daemon.get(f"/api/v1/dependencies/{name}/explain{asked}"))
    return told


async def _says_that_it_cannot_know(stage: Stage, name: str, at: str) -> None:
    """What is not on disk is not made up."""
    try:
        about = await _explained(stage, name, at)
    except ClientResponseError as error:
        if error.status != 503:
            raise DaemonError(f"explain --at answered {error.status} without a journal") from error
        return
    if not any("takes no writes" in said for said in about["said"]):
        raise DaemonError(f"explain --at says nothing of the journal that is not written: {about['said']}")
