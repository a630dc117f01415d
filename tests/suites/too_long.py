"""Situations in which something is busy and does not get done: a person is told, and nothing is restarted."""

from __future__ import annotations

from nemo_watchdog.demo import faults
from nemo_watchdog.demo.parts import Gemma
from tests.integration.daemon import DaemonError
from tests.suites.acts import add_to, in_turn, person
from tests.suites.situations import Happens, Rewrites, Situation, Stage


def is_told(part: str) -> Happens:
    """That a person must look: to the contact whom an escalation would tell, and once."""

    async def act(stage: Stage) -> None:
        line = await stage.daemon.event("busy_too_long", within=90.0, dependency=part)
        await stage.daemon.more_looks(6)
        lines = [each for each in stage.daemon.events if each["event"] == "busy_too_long"]
        if line["to"] != "team-lead" or len(lines) != 1:
            raise DaemonError(f"told wrongly: {lines}")

    return act


async def never_starts_again(stage: Stage) -> None:
    """Its configuration has a line that Redis does not know: it ends at once, and Docker starts it again and again."""
    name = stage.platform.name("redis")
    await stage.platform.docker("update", "--restart", "always", name)
    await stage.platform.docker("exec", name, "sh", "-c", "echo no-such-setting 1 > /data/extra.conf")
    await faults.sigkill(stage.platform, "redis")


def busy_for(part: str, seconds: int, grace: str) -> Rewrites:
    """And no more grace than it takes to listen."""
    add = add_to(part, f"busy_for: {seconds}s")
    return lambda text, platform: add(text, platform).replace(f"startup_grace: {grace}", "startup_grace: 3s")


TOO_LONG = (
    Situation(
        "a model loads for too long",
        [Gemma(load_seconds=15.0)],
        "gemma",
        "loading",
        in_turn(person("restart", "gemma"), is_told("gemma")),
        rewrites=busy_for("gemma", 4, "6s"),
        by_people=1,
    ),
    Situation(
        "Docker starts it again and again",
        ["redis"],
        "redis",
        "restarting",
        in_turn(never_starts_again, is_told("redis")),
        rewrites=busy_for("redis", 10, "30s"),
    ),
)
