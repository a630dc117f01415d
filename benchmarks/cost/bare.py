"""What the daemon is compared with: aiohttp and uvloop, one task a target, each asked once a second, and nothing else.

`python -m cost.bare PORT TARGETS`. A failure ends it: a benchmark of errors would be none.
"""

from __future__ import annotations

import asyncio
import sys
from zlib import crc32

import aiohttp
import uvloop

INTERVAL, TIMEOUT = 1.0, 3.0


async def ask_for_ever(session: aiohttp.ClientSession, url: str, offset: float) -> None:
    loop = asyncio.get_running_loop()
    planned = loop.time() + offset
    while True:
        await asyncio.sleep(planned - loop.time())
        async with session.get(url) as response:
            await response.read()
            if response.status != 200:
                raise SystemExit(f"{url} answered {response.status}")
        planned = max(planned + INTERVAL, loop.time())


async def run(port: int, targets: int) -> None:
    async with (
        aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=TIMEOUT)
        ) as session,
        asyncio.TaskGroup() as group,
    ):
        for n in range(targets):
            url = f"http://127.0.0.1:{port}/target/{n:04}"
            # Spread over the second just as the daemon spreads them: how many fall together matters for the cost.
            group.create_task(ask_for_ever(session, url, crc32(f"target-{n:04}".encode()) / 2**32 * INTERVAL))


if __name__ == "__main__":
    uvloop.run(run(int(sys.argv[1]), int(sys.argv[2])))
