"""Pages that are open: what their script asks for, without a browser, which would need more cores than there are.

`python -m cost.readers PORT COUNT`: so many streams on /api/v1/live, and for each, at every version that its page does
not show, `/` again. At most one at a time, and with the rests of live.js in between. Prints `open` as soon as all are,
and when it is told to end a line with what was read.
"""

from __future__ import annotations

import asyncio
import json
import re
import signal
import sys
import time
from contextlib import suppress
from statistics import median

import aiohttp
import uvloop

GAP, LONGEST_GAP, TIMES = 0.5, 10.0, 3
"""Of live.js: seconds from one fetch to the next, and so many times as long as the last one took."""

VERSION = re.compile(r'data-version="([^"]*)"')


class Page:
    """One that is open."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session, self._url = session, url
        self._told = self._shown = ""
        self._news = asyncio.Event()
        self.opened = asyncio.Event()
        self.took: list[float] = []
        self.failures = 0

    async def listen(self) -> None:
        async with self._session.get(f"{self._url}/api/v1/live") as stream:
            stream.raise_for_status()
            async for line in stream.content:
                if line.startswith(b"data: "):
                    self._told = json.loads(line[6:])["version"]
                    self._news.set()
                    self.opened.set()

    async def fetch(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            if self._told == self._shown:
                continue
            began = time.monotonic()
            try:
                async with self._session.get(f"{self._url}/", headers={"Accept": "text/html"}) as answer:
                    answer.raise_for_status()
                    text = await answer.text()
            except (aiohttp.ClientError, TimeoutError):
                self.failures += 1
            else:
                found = VERSION.search(text)
                self._shown = found[1] if found is not None else ""
                self.took.append(time.monotonic() - began)
            rest = min(LONGEST_GAP, max(GAP, TIMES * (time.monotonic() - began)))
            await asyncio.sleep(began + rest - time.monotonic())


async def read(port: int, count: int) -> None:
    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=20.0)
    async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0)) as session:
        pages = [Page(session, f"http://127.0.0.1:{port}") for _ in range(count)]
        tasks = [asyncio.create_task(work) for page in pages for work in (page.listen(), page.fetch())]
        await asyncio.gather(*(page.opened.wait() for page in pages))
        print("open", flush=True)
        ends = asyncio.create_task(over.wait())
        await asyncio.wait([ends, *tasks], return_when=asyncio.FIRST_COMPLETED)
        lost = sum(task.done() for task in tasks)
        for task in (ends, *tasks):
            task.cancel()
            with suppress(asyncio.CancelledError, aiohttp.ClientError):
                await task
    took = sorted(each for page in pages for each in page.took)
    said = f"median {median(took) * 1e3:.0f} ms, longest {took[-1] * 1e3:.0f} ms" if took else "nothing was read"
    failures = sum(page.failures for page in pages)
    print(f"  {count} pages read {len(took)} times: {said}; {failures} failed, {lost} lost their stream", flush=True)


if __name__ == "__main__":
    uvloop.run(read(int(sys.argv[1]), int(sys.argv[2])))
