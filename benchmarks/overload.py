"""What a gateway that has more work than it can do gets done: left alone, watched, and watched as before.

Three gateways side by side, each a server of one worker that waits 0.4 s for each request, each with twelve clients
that ask for ever; its health answer queues behind them and is always late. The first has no watchdog, the second has
one with the defaults, the third one that calls it a fault at once (`overload_grace: 0s`). Counted are the requests that
were answered. Exit code 1 when the watched one gets less than 0.9 of the work of the first done.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import sys
import tempfile
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from nemo_watchdog.demo.platform import Platform
from tests.integration.daemon import Daemon
from tests.suites.overload import CLIENTS, SingleWorker, work

LEAST = 0.9
LABELS = {"nemo-watchdog-test.made": "1"}


@dataclass(frozen=True, slots=True)
class Way:
    name: str
    policy: Callable[[str], str] | None


WAYS = (
    Way("left alone", None),
    Way("watched", lambda text: text),
    Way(
        "watched, overload_grace: 0s", lambda text: text.replace("  gateway:\n", "  gateway:\n    overload_grace: 0s\n")
    ),
)


async def answered(way: Way, seconds: float) -> tuple[int, int]:
    """Requests that were answered in so many seconds, and restarts that were ordered."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        prefix = f"nemo-bench-{secrets.token_hex(4)}"
        platform = await stack.enter_async_context(Platform(prefix, [SingleWorker(burns=False)], labels=LABELS))
        await platform.ready()
        daemon = None
        if way.policy is not None:
            daemon = await stack.enter_async_context(Daemon(way.policy(platform.policy_text()), folder))
            await daemon.wait_for_health("gateway", "up")
        done: list[float] = []
        tasks = [asyncio.create_task(work(platform.port("gateway"), done)) for _ in range(CLIENTS)]
        await asyncio.sleep(seconds)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        lines = daemon.events if daemon is not None else []
        return len(done), sum(line["event"] == "action_started" for line in lines)


async def measure(seconds: float) -> bool:
    results = await asyncio.gather(*(answered(way, seconds) for way in WAYS))
    alone = results[0][0]
    for way, (done, restarts) in zip(WAYS, results, strict=True):
        print(
            f"{way.name:30} {done:5} answered in {seconds:.0f} s, {done / alone:.2f} of the first; {restarts} restarts"
        )
    return results[1][0] >= LEAST * alone


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=300.0, help="of overload (300)")
    return 0 if asyncio.run(measure(parser.parse_args().seconds)) else 1


if __name__ == "__main__":
    sys.exit(main())
