"""Situations in which the watchdog sees nothing of what matters: people are told once, and nothing is restarted."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

from nemo_watchdog.demo.parts import Redis
from nemo_watchdog.demo.platform import Platform
from nemo_watchdog.engine.incidents import BLIND_IS_TOLD_AFTER
from tests.integration.daemon import DaemonError
from tests.integration.service.parts import Receiver
from tests.suites.situations import Happens, Situation, Stage

SHIPPED = Path(__file__).parents[2] / "config" / "policy.yaml"


def _grades(policy: str) -> str:
    """How grave what is, and who is told: from `severities:` to what stands before `remedies:`."""
    return policy[policy.index("\nseverities:") : policy.index("\nremedies:")]


def untold(name: str, part: str | Redis, of: str, reason: str, happens: Happens) -> Situation:
    """It is told by the severities that are shipped: after a minute, once, to those on call and to nobody else."""
    receiver = Receiver()

    async def prepare(_: Platform, stack: AsyncExitStack) -> None:
        await stack.enter_async_context(receiver)

    async def act(stage: Stage) -> None:
        await happens(stage)
        await stage.daemon.event("incident_opened", within=BLIND_IS_TOLD_AFTER + 45.0, reason=reason)
        async with asyncio.timeout(30.0):
            while not receiver.messages:
                await asyncio.sleep(0.1)
        await stage.daemon.more_looks(10)
        if len(receiver.messages) != 1 or not receiver.titles[0].startswith(f"[SEV3] {of} "):
            raise DaemonError(f"told: {receiver.titles}")

    def rewrite(text: str, _: Platform) -> str:
        text = text.replace(_grades(text), _grades(SHIPPED.read_text(encoding="utf-8")))
        text = text.replace("\ndependencies:\n", "\ndependencies:\n  docker: {probe: docker, tags: [hardware]}\n")
        security = "  security: []\n"
        return text.replace("  on-call: []\n", f'  on-call: ["json://127.0.0.1:{receiver.port}"]\n{security}')

    return Situation(name, [part], of, reason, act, prepare, rewrite)


async def password_changes(stage: Stage) -> None:
    commands = b"CONFIG SET requirepass fresh\nCLIENT KILL TYPE normal SKIPME yes\n"
    await stage.platform.exec("redis", "redis-cli", stdin=commands)


async def docker_hangs(stage: Stage) -> None:
    stage.way.stall()


UNSEEN = (
    untold("redis has another password", Redis(password="right"), "redis", "auth_failed", password_changes),
    untold("Docker hangs", "redis", "docker", "docker_unreachable", docker_hangs),
)
