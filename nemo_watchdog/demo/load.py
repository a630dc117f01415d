"""Clients at work: each does one small transaction after the other, and what fails is counted by its kind.

asyncpg speaks to Postgres here, as an application would; the demo needs users, not only probes.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from types import TracebackType
from typing import Self

import asyncpg

RETRY_AFTER = 0.2
"""Seconds that a client waits after a failure."""


class PostgresLoad:
    """`async with PostgresLoad(dsn) as load:` keeps `clients` busy; `done` and `errors` grow meanwhile."""

    def __init__(self, dsn: str, clients: int = 4) -> None:
        self._dsn = dsn
        self._clients = clients
        self._tasks: list[asyncio.Task[None]] = []
        self.done = 0
        self.errors: Counter[str] = Counter()

    async def __aenter__(self) -> Self:
        connection = await asyncpg.connect(self._dsn, timeout=5)
        await connection.execute("CREATE TABLE IF NOT EXISTS load (client int, at timestamptz DEFAULT now())")
        await connection.close(timeout=5)
        self._tasks = [asyncio.create_task(self._client(number)) for number in range(self._clients)]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        results = await asyncio.gather(*self._tasks, return_exceptions=True)
        bugs = [result for result in results if isinstance(result, Exception)]
        if bugs and error is None:
            raise bugs[0]

    async def _client(self, number: int) -> None:
        while True:
            try:
                await self._work(number)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
                # InternalClientError: what asyncpg 0.32 says when the server died in the middle of a statement
                self.errors[type(error).__name__] += 1
                await asyncio.sleep(RETRY_AFTER)

    async def _work(self, number: int) -> None:
        connection = await asyncpg.connect(self._dsn, timeout=5)
        try:
            while True:
                await connection.execute("INSERT INTO load (client) VALUES ($1)", number, timeout=5)
                self.done += 1
                await asyncio.sleep(0.01)
        finally:
            connection.terminate()
