"""Situations in which it is broken, and something else says that nothing may be done."""

from __future__ import annotations

from contextlib import suppress

from aiohttp import ClientResponseError

from nemo_watchdog.demo import faults
from nemo_watchdog.demo.parts import Redis
from tests.suites.acts import FIVE_HUNDRED, GATEWAY, in_turn, person, swap, with_docker_restarting
from tests.suites.never_up import is_up
from tests.suites.situations import Situation, Stage


async def paused(stage: Stage) -> None:
    await stage.daemon.post("/api/v1/pause", {"reason": "deploying", "by": "ops"})


async def gateway_paused(stage: Stage) -> None:
    await stage.daemon.post("/api/v1/pause", {"scope": "gateway", "reason": "deploying", "by": "ops"})


async def two_people_pause(stage: Stage) -> None:
    """The second one for a moment, which is over when it fails."""
    await gateway_paused(stage)
    body = {"scope": "gateway", "reason": "a quick look", "by": "another", "duration": 0.5}
    await stage.daemon.post("/api/v1/pause", body)
    await stage.daemon.wait_until(lambda s: s["pauses"]["gateway"]["beside"] == [])


async def journal_gone(stage: Stage) -> None:
    path = stage.daemon.state_dir / "journal.sqlite3"
    path.rename(path.with_suffix(".away"))
    with suppress(ClientResponseError):  # it says so: 503
        await stage.daemon.post("/api/v1/pause", {"scope": "gateway", "reason": "a write", "by": "ops"})
    await stage.daemon.wait_until(lambda s: s["journal"] != "ok")


HELD = (
    Situation(
        "its database was stopped", ["postgres", "gateway"], "gateway", "gate:upstream", person("stop", "postgres")
    ),
    Situation(
        "its cache cannot be seen",
        [Redis(password="right"), "gateway"],
        "gateway",
        "gate:upstream",
        in_turn(is_up("gateway"), FIVE_HUNDRED),
        rewrites=swap(":right@", ":wrong@"),
        starts_up=False,
    ),
    Situation("everything is paused", GATEWAY, "gateway", "gate:pause", in_turn(paused, FIVE_HUNDRED)),
    Situation("this one is paused", GATEWAY, "gateway", "gate:pause", in_turn(gateway_paused, FIVE_HUNDRED)),
    Situation(
        "two people have paused it, the second for a moment",
        GATEWAY,
        "gateway",
        "gate:pause",
        in_turn(two_people_pause, FIVE_HUNDRED),
    ),
    Situation(
        "it may only observe",
        GATEWAY,
        "gateway",
        "gate:autonomy",
        FIVE_HUNDRED,
        rewrites=swap("autonomy: act", "autonomy: observe"),
    ),
    Situation(
        "it may only suggest",
        GATEWAY,
        "gateway",
        "gate:autonomy",
        FIVE_HUNDRED,
        rewrites=swap("autonomy: act", "autonomy: suggest"),
    ),
    Situation(
        "no remedy",
        GATEWAY,
        "gateway",
        "gate:remedy",
        FIVE_HUNDRED,
        rewrites=swap("    remedy: restart-container\n", ""),
    ),
    Situation(
        "a remedy for something else",
        GATEWAY,
        "gateway",
        "gate:condition",
        FIVE_HUNDRED,
        rewrites=swap(
            "restart-container:\n    when: {category: fault}",
            "restart-container:\n    when: {category: fault, reason: exited}",
        ),
    ),
    Situation("the journal cannot be written", GATEWAY, "gateway", "gate:journal", in_turn(journal_gone, FIVE_HUNDRED)),
    Situation(
        "Docker restarts it by itself",
        GATEWAY,
        "gateway",
        "health:up",
        with_docker_restarting("gateway", lambda platform: faults.switch(platform, "gateway", "exit")),
    ),
)
