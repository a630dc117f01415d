"""Situations in which something was never up as the policy names it: the policy is what a person should look at.

Each must show what was seen there: that is all that tells a mistake in the policy from a service that is broken.
"""

from __future__ import annotations

from nemo_watchdog.demo.platform import Platform
from tests.suites.acts import add_to, in_turn, swap
from tests.suites.addresses import answering, elsewhere
from tests.suites.situations import Happens, Prepares, Rewrites, Situation, Stage, nothing

GATEWAY = ["gateway"]
NOBODY = 1
"""A port that no test and no service of this machine listens at (tcpmux)."""


def is_up(part: str) -> Happens:
    """It has been seen up, whatever else has not."""

    async def act(stage: Stage) -> None:
        await stage.daemon.wait_for_health(part, "up", within=30.0)

    return act


def shows(part: str, *seen: str) -> Happens:
    """Its line for people and the gate that holds it say what was seen, and that it was never up."""

    async def act(stage: Stage) -> None:
        words = ("never seen up since the policy named it", *seen)
        status = await stage.daemon.wait_until(
            lambda s: all(word in s["dependencies"][part]["detail"] for word in words), within=60.0
        )
        told = status["dependencies"][part]["decision"]["value"]
        if not all(word in told for word in (*words, "check its address", "docker restart")):
            raise ValueError(f"the gate does not say what to do: {told}")

    return act


def wrong(name: str, seen: str, rewrites: Rewrites, prepares: Prepares = nothing, also: str = "") -> Situation:
    """The gateway's address is not that of the gateway."""
    parts = ["gateway", also] if also else GATEWAY
    return Situation(
        f"never up: {name}",
        parts,
        "gateway",
        "wrong_target",
        shows("gateway", seen),
        prepares=prepares,
        rewrites=rewrites,
        starts_up=False,
    )


def answers(name: str, status: int, options: str = "", **headers: str) -> Situation:
    """What is at the gateway's address answers everything with this status."""
    prepare, rewrite = answering(status, **headers)
    more = add_to("gateway", options) if options else nothing_more
    return wrong(name, f"answered {status}", lambda text, platform: more(rewrite(text, platform), platform), prepare)


def nothing_more(text: str, _: object) -> str:
    return text


def at_port_of(part: str) -> Rewrites:
    def rewrite(text: str, platform: Platform) -> str:
        return text.replace(f":{platform.port('gateway')}/health", f":{platform.port(part)}/health")

    return rewrite


async def moves(stage: Stage) -> None:
    """A person edits the policy of a platform that is well: the gateway's new address has a typing error."""
    text = stage.daemon.policy.read_text(encoding="utf-8")
    stage.daemon.write_policy(text.replace(f":{stage.platform.port('gateway')}/health", f":{NOBODY}/health"))
    await stage.daemon.event("policy reloaded", within=30.0)


NEVER_UP = (
    answers("there is no such page", 404),
    answers("it takes no GET", 405),
    answers("it is served over https", 301, Location="https://127.0.0.1:8443/health"),
    answers("its redirects lead back to itself", 302, "redirects: 10", Location="/health"),
    answers("it is for another host", 421),
    answers("it cannot do that", 501),
    wrong("it has another port", "nothing listens there", elsewhere("127.0.0.1:{port}", f"127.0.0.1:{NOBODY}")),
    wrong(
        "another body is expected",
        "the JSON key status",
        swap("json: {status: ok}", "json: {status: green}"),
    ),
    wrong("it has the port of a redis", "it closed the connection", at_port_of("redis"), also="redis"),
    Situation(
        "never up at its new address",
        GATEWAY,
        "gateway",
        "wrong_target",
        in_turn(moves, shows("gateway", "nothing listens there")),
    ),
)
