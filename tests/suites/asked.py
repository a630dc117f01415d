"""Situations in which a person has it done by hand: once, as he was asked, and never where data are at risk."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable

from aiohttp import ClientResponseError

from nemo_watchdog.demo.parts import Redis
from nemo_watchdog.engine.proposals import MAY_BE_OVERRIDDEN
from nemo_watchdog.model import Gate
from tests.integration.daemon import DaemonError
from tests.suites.acts import FIVE_HUNDRED, GATEWAY, in_turn, person, swap
from tests.suites.exits import WITNESS, inside, sev1
from tests.suites.held import journal_gone
from tests.suites.released import Released
from tests.suites.situations import Happens, Situation, Stage

ASKING = swap("autonomy: act", "autonomy: suggest")
ASKED_FOR = 2.0
"""Seconds that one question for evidence has: what waits for it takes longer than that."""
NOT_BY_PEOPLE = tuple(sorted({"identity", *map(str, Gate)} - set(map(str, MAY_BE_OVERRIDDEN))))


async def proposed(stage: Stage) -> str:
    return str((await stage.daemon.event("proposed", within=30.0))["proposal"])


async def asks(stage: Stage) -> None:
    await proposed(stage)


def approval(stage: Stage, proposal: str, by: str) -> Awaitable[object]:
    return stage.daemon.post("/api/v1/proposals/approve", {"proposal": proposal, "by": by})


async def replaced_and_then_approved(stage: Stage) -> None:
    assert isinstance(stage.platform, Released)
    proposal = await proposed(stage)
    await stage.platform.deploy_bad()
    await stage.daemon.event("proposal_over", within=30.0, proposal=proposal, why="changed")
    await _is_refused(approval(stage, proposal, "ada"))


async def two_approve(stage: Stage) -> None:
    """At the same time, and one of them once more when it is done."""
    proposal = await proposed(stage)
    await asyncio.gather(approval(stage, proposal, "ada"), approval(stage, proposal, "bob"))
    await stage.daemon.event("incident_resolved", within=60.0)
    await approval(stage, proposal, "bob")


def overrides(part: str, *tries: tuple[str, ...]) -> Happens:
    """He has a reason, and it is not done all the same."""

    async def act(stage: Stage) -> None:
        for gates in tries:
            body = {"override": list(gates), "reason": "it must run", "by": "ada"}
            await _is_refused(stage.daemon.post(f"/api/v1/dependencies/{part}/act", body))

    return act


async def _is_refused(asked: Awaitable[object]) -> None:
    try:
        answered = await asked
    except ClientResponseError as error:
        if error.status != 409:
            raise
    else:
        raise DaemonError(f"it was not refused: {answered}")


async def acts_at_once(stage: Stage) -> None:
    """The log, which is evidence, is not told: a restart that waited for it would come when it is given up."""
    await proposed(stage)
    stage.way.hold(b"/logs")
    asked_at = time.time()
    await stage.daemon.post("/api/v1/dependencies/gateway/act", {"by": "ada"})
    await stage.daemon.event("incident_resolved", within=60.0)
    told = [int(each["timeNano"]) / 1e9 for each in await stage.witness.events() if each["Action"] == "kill"]
    if not asked_at <= told[0] < asked_at + ASKED_FOR:
        raise DaemonError(f"asked for at {asked_at}, it was begun {told[0] - asked_at:.1f}s later")


ASKED = (
    Situation(
        "it is replaced before a person allows it",
        GATEWAY,
        "gateway",
        "wrong_status",
        in_turn(FIVE_HUNDRED, replaced_and_then_approved),
        rewrites=ASKING,
        people_order={"kill 9": 1, "remove": 1, "create": 1},
        made=Released,
    ),
    Situation(
        "two people allow it at once",
        GATEWAY,
        "gateway",
        "health:up",
        in_turn(FIVE_HUNDRED, two_approve),
        rewrites=ASKING,
        by_people=1,
    ),
    Situation(
        "a person has it done, and evidence would take its time",
        GATEWAY,
        "gateway",
        "health:up",
        in_turn(FIVE_HUNDRED, acts_at_once),
        rewrites=ASKING,
        by_people=1,
    ),
    Situation(
        "a person would override each gate that is not his to open",
        GATEWAY,
        "gateway",
        "gate:autonomy",
        in_turn(FIVE_HUNDRED, asks, overrides("gateway", *((gate,) for gate in NOT_BY_PEOPLE))),
        rewrites=ASKING,
    ),
    Situation(
        "a person would override that data are at risk",
        [Redis(), WITNESS],
        "redis",
        "data_corrupted",
        in_turn(
            inside("redis", "echo 'no file of Redis at all' > /data/dump.rdb"),
            person("restart", "-t", "30", "redis"),
            sev1("redis"),
            overrides("redis", (), ("category",), tuple(map(str, MAY_BE_OVERRIDDEN))),
        ),
        by_people=1,
        keeps_data=False,
    ),
    Situation(
        "a person would override that nothing can be written down",
        GATEWAY,
        "gateway",
        "gate:journal",
        in_turn(journal_gone, FIVE_HUNDRED, overrides("gateway", (), ("journal",), tuple(map(str, MAY_BE_OVERRIDDEN)))),
    ),
)
