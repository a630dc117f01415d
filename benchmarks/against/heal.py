"""How soon a broken container is being restarted: by this version and by another one, side by side.

The faults are the heal suite's, each with a platform of its own. The time is Docker's: from the fault to the first
signal or start that somebody gave the container. The two versions take turns, so that the machine is as busy for the
one as for the other. Exit code 1 when this version is slower by more than one look (a second) for any fault.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
import statistics
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

from nemo_watchdog.demo.platform import Platform
from tests.integration.daemon import COMMAND, Daemon
from tests.integration.scenarios.docker_socket import DockerSocket
from tests.suites.heal import SITUATIONS
from tests.suites.situations import Situation, Stage

FAULTS = (
    "gateway answers 500",
    "gateway hangs",
    "gateway exits",
    "gateway is killed",
    "gateway is frozen",
    "gateway stops listening",
    "redis is killed",
    "redis is frozen",
    "postgres is killed",
    "postgres is frozen",
    "postgres takes no new session",
)
LABELS = {"nemo-watchdog-test.made": "1"}
ONE_LOOK = 1.0
WITHIN = 120.0
ACTS = ("kill", "start")


async def acted_after(situation: Situation, command: tuple[str, ...]) -> float:
    """Seconds from the fault to the first order for the container."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        prefix = f"nemo-bench-{secrets.token_hex(4)}"
        platform = await stack.enter_async_context(Platform(prefix, situation.parts, labels=LABELS))
        await platform.ready()
        way = await stack.enter_async_context(DockerSocket(folder / "docker.sock"))
        text = situation.rewrites(platform.policy_text(), platform)
        text = text.replace("  flapping: false\n", "")  # an older version does not know it, and one fault does not flap
        daemon = Daemon(text, folder, environ={"DOCKER_HOST": way.url}, command=command)
        await stack.enter_async_context(daemon)
        await daemon.wait_until(lambda s: all(each["health"] == "up" for each in s["dependencies"].values()), 60.0)
        began = time.time()
        await situation.happens(Stage(platform, daemon, way, stack))
        while time.time() - began < WITHIN:
            await asyncio.sleep(0.2)
            if (at := await first_order(platform, situation.of, began)) is not None:
                return at - began
    raise SystemExit(f"{situation.name}: nothing was done within {WITHIN:g} s")


async def first_order(platform: Platform, part: str, since: float) -> float | None:
    filters = [each for act in ACTS for each in ("--filter", f"event={act}")]
    told = await platform.docker(
        "events",
        *("--since", f"{since:.6f}", "--until", f"{time.time():.6f}"),
        *("--filter", f"container={platform.name(part)}", "--format", "{{json .}}", *filters),
    )
    times = [json.loads(line)["timeNano"] / 1e9 for line in told.splitlines()]
    return min(times, default=None)


async def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("other", type=Path, help="the other version's nemo-watchdog command")
    arguments.add_argument("--rounds", type=int, default=3)
    chosen = arguments.parse_args()
    known = {situation.name: situation for situation in SITUATIONS}
    slower = 0
    for name in FAULTS:
        ours, theirs = [], []
        for _ in range(chosen.rounds):
            ours.append(await acted_after(known[name], COMMAND))
            theirs.append(await acted_after(known[name], (str(chosen.other),)))
        mine, other = statistics.median(ours), statistics.median(theirs)
        slower += mine > other + ONE_LOOK
        print(f"{name}: {mine:.2f} s, the other {other:.2f} s, ratio {mine / other:.2f}", flush=True)
    return 1 if slower else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
