"""Situations in which a person takes a container off its network, which no restart puts back."""

from __future__ import annotations

from tests.suites.acts import in_turn
from tests.suites.situations import Happens, Situation, Stage, matches


def network(act: str, part: str) -> Happens:
    """`docker network connect` or `disconnect`, of the platform's own network."""

    async def happens(stage: Stage) -> None:
        name = stage.platform.name(part)
        made_for = await stage.platform.docker("inspect", "-f", "{{.HostConfig.NetworkMode}}", name)
        await stage.platform.docker("network", act, made_for.strip(), name)

    return happens


def held(part: str) -> Happens:
    """It is held, and the looks at it go on to fail."""

    async def happens(stage: Stage) -> None:
        await stage.daemon.wait_until(lambda s: matches("gate:human_hold", s["dependencies"][part]), within=40.0)
        await stage.daemon.more_looks(6)

    return happens


def put_back(part: str) -> Situation:
    name = f"a person takes {part} off its network and puts it back"
    happens = in_turn(network("disconnect", part), held(part), network("connect", part))
    return Situation(name, [part], part, "health:up", happens)


TOUCHED = (
    put_back("gateway"),
    put_back("redis"),
    Situation(
        "a person takes postgres off its network",
        ["postgres"],
        "postgres",
        "gate:human_hold",
        network("disconnect", "postgres"),
    ),
)
