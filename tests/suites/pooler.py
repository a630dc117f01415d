"""A PgBouncer before the platform's Postgres, and what happens to it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import ClassVar

import asyncpg

from nemo_watchdog.demo.parts import Part, Postgres
from nemo_watchdog.demo.platform import Platform
from tests.suites.situations import Stage


@dataclass(frozen=True, slots=True)
class PgBouncer(Postgres):
    """It trusts every client, and `settings` are its own. To its clients it is a Postgres."""

    kind: ClassVar[str] = "pgbouncer"
    inner_port: ClassVar[int] = 6432

    def options(self, others: Mapping[str, Part]) -> list[str]:
        return ["--user", "postgres", "--stop-signal", "SIGINT"]

    def command(self) -> list[str]:
        settings = {
            "listen_addr": "0.0.0.0",
            "listen_port": self.inner_port,
            "unix_socket_dir": "",
            "auth_type": "trust",
            "auth_file": "/tmp/users",
            "admin_users": "postgres",
            "pool_mode": "transaction",
            "server_login_retry": "1",
            **self.settings,
        }
        lines = "\n".join(f"{name} = {value}" for name, value in settings.items())
        config = f"[databases]\n* = host=postgres port={Postgres.inner_port}\n[pgbouncer]\n{lines}\n"
        files = f"echo '\"postgres\" \"\"' > /tmp/users; printf '%s' {shlex.quote(config)} > /tmp/pgbouncer.ini"
        return ["sh", "-c", f"{files}; exec pgbouncer /tmp/pgbouncer.ini"]


def pooled(text: str, platform: Platform) -> str:
    """The policy watches it as well."""
    return text.replace(
        "dependencies:\n",
        f"""\
dependencies:
  pgbouncer:
    probe: postgres
    dsn: {address(platform)}
    container: {platform.name("pgbouncer")}
    startup_grace: 2s
    remedy: restart-container
""",
        1,
    )


def address(platform: Platform, database: str = "postgres") -> str:
    return f"postgresql://postgres@127.0.0.1:{platform.port('pgbouncer')}/{database}"


async def _client(stack: AsyncExitStack, dsn: str, *orders: str) -> None:
    """One that gives its orders, and stays."""
    session = await asyncpg.connect(dsn, statement_cache_size=0)
    stack.callback(session.terminate)
    for order in orders:
        await session.execute(order)


async def crowded(platform: Platform, stack: AsyncExitStack) -> None:
    for _ in range(3):
        await _client(stack, address(platform))


async def saturated(stage: Stage) -> None:
    await _client(stage.stack, address(stage.platform), "begin", "select 1")


async def paused(stage: Stage) -> None:
    await _client(stage.stack, address(stage.platform, "pgbouncer"), "PAUSE")


async def catalog_locked(stage: Stage) -> None:
    lock = "lock table pg_authid in access exclusive mode"
    await _client(stage.stack, stage.platform.postgres_dsn, "begin", lock)
