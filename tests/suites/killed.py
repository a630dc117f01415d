"""The suite of killed daemons: `python -m tests.suites.killed [ACTION…]`. SIGKILL at each point of each action.

Exit code 0 when each was killed just there, and the next process made all of it whole by itself: no order was repeated
without a look, none was beyond the budget, one container is there, and everything that was begun has its end.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tests.integration.scenarios.kill_points import POINTS, Point
from tests.integration.scenarios.killed import play

AT_ONCE = 4
"""Points that are played side by side."""


@dataclass(frozen=True, slots=True)
class Outcome:
    action: str
    point: Point
    seconds: float
    orders: int = 0
    problem: str = ""
    evidence: str = ""


async def play_one(action: str, point: Point) -> Outcome:
    began, orders, problem, evidence = time.monotonic(), 0, "", ""
    try:
        with tempfile.TemporaryDirectory() as folder:
            orders = await play(action, point, Path(folder))
    except Exception as error:  # noqa: BLE001 - whatever it is, the other points are played
        said, _, evidence = str(error).partition("\n")
        problem = f"{type(error).__name__}: {said}"[:300]
        evidence = evidence or traceback.format_exc(limit=-3)
    return Outcome(action, point, time.monotonic() - began, orders, problem, evidence)


async def play_all(points: Sequence[tuple[str, Point]]) -> bool:
    turn, console = asyncio.Semaphore(AT_ONCE), Console(width=140)

    async def one(action: str, point: Point) -> Outcome:
        async with turn:
            outcome = await play_one(action, point)
        word = "FAIL" if outcome.problem else "ok  "
        console.print(escape(f"{word} {action}, {point.name} ({outcome.seconds:.0f}s) {outcome.problem}"))
        if outcome.evidence:
            console.print(outcome.evidence, markup=False, highlight=False, soft_wrap=True)
        return outcome

    outcomes = await asyncio.gather(*(one(action, point) for action, point in points))
    table = Table("action", "killed", "orders", "", title="The daemon is killed in the middle of an action")
    for outcome in outcomes:
        table.add_row(outcome.action, escape(outcome.point.name), str(outcome.orders), escape(outcome.problem))
    console.print(table)
    failed = sum(bool(outcome.problem) for outcome in outcomes)
    console.print(f"{len(outcomes)} points, {failed} not as they must be")
    return not failed


def main() -> int:
    actions = sys.argv[1:] or list(POINTS)
    if unknown := [action for action in actions if action not in POINTS]:
        raise SystemExit(f"no action {unknown[0]!r} is played here; these are: {', '.join(POINTS)}")
    points = [(action, point) for action in actions for point in POINTS[action]]
    return 0 if asyncio.run(play_all(points)) else 1


if __name__ == "__main__":
    sys.exit(main())
