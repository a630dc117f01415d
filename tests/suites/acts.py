"""What happens in a situation, from small parts: a fault that is switched on, a person at the command line, in turn."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable

from nemo_watchdog.demo import faults
from nemo_watchdog.demo.platform import Platform
from tests.suites.situations import Happens, Rewrites, Stage


def swap(old: str, new: str) -> Rewrites:
    """Changes the policy; what is to be changed must be there."""

    def rewrite(text: str, _: Platform) -> str:
        if old not in text:
            raise ValueError(f"the demo's policy has no {old!r}")
        return text.replace(old, new)

    return rewrite


def add_to(part: str, line: str) -> Rewrites:
    return swap(f"  {part}:\n", f"  {part}:\n    {line}\n")


def switch(part: str, mode: str) -> Happens:
    async def act(stage: Stage) -> None:
        await faults.switch(stage.platform, part, mode)

    return act


def person(*arguments: str) -> Happens:
    """`docker ARGUMENTS`, with a part's name as the last one."""

    async def act(stage: Stage) -> None:
        await stage.platform.docker(*arguments[:-1], stage.platform.name(arguments[-1]))

    return act


def send(part: str, number: signal.Signals) -> Happens:
    """To the container's first process, from outside: no word of Docker's tells of it."""

    async def act(stage: Stage) -> None:
        os.kill(int((await stage.platform.state(part))["Pid"]), number)

    return act


def freeze(part: str) -> Happens:
    """Every process of the container."""

    async def act(stage: Stage) -> None:
        listed = await stage.platform.docker("top", stage.platform.name(part), "-eo", "pid")
        for line in listed.splitlines()[1:]:
            os.kill(int(line), signal.SIGSTOP)

    return act


def inside(part: str, script: str) -> Happens:
    async def act(stage: Stage) -> None:
        await stage.platform.docker("exec", "-d", stage.platform.name(part), "sh", "-c", script)

    return act


def in_turn(*acts: Happens) -> Happens:
    async def act(stage: Stage) -> None:
        for each in acts:
            await each(stage)

    return act


def with_docker_restarting(part: str, fault: Callable[[Platform], Awaitable[None]]) -> Happens:
    async def act(stage: Stage) -> None:
        await stage.platform.docker("update", "--restart", "always", stage.platform.name(part))
        await fault(stage.platform)

    return act


async def a_stop_signal(stage: Stage, part: str, since: float) -> None:
    """Waits until Docker has sent one."""
    name = stage.platform.name(part)
    filters = ("--filter", "event=kill", "--filter", f"container={name}")
    async with asyncio.timeout(60.0):
        while not await stage.platform.docker(
            "events", "--since", f"{since:.6f}", "--until", f"{time.time():.6f}", *filters
        ):
            await asyncio.sleep(0.2)


async def docker_cut(stage: Stage) -> None:
    stage.way.cut()
    await stage.daemon.event("docker unreachable: every action is held", within=40.0)


GATEWAY = ["gateway"]
FIVE_HUNDRED = switch("gateway", "500")
