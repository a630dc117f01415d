"""A PgBouncer process of the test's own before a Postgres of the test's own, on a free port of 127.0.0.1."""

from __future__ import annotations

import shutil
import signal
import subprocess
from pathlib import Path

import asyncpg

from tests.integration.probes.servers import PASSWORD, Postgres, as_postgres
from tests.parts import need
from tests.unit.probes.servers import free_port


class PgBouncer:
    """It lets in `postgres`, who administers it, and `watcher`, who does not. One server session is all that it has."""

    def __init__(self, folder: Path, postgres: Postgres) -> None:
        self.port = free_port()
        self.folder = folder
        self._postgres = postgres
        self._process: subprocess.Popen[bytes] | None = None

    def dsn(self, database: str = "postgres", user: str = "postgres", password: str = PASSWORD) -> str:
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}"

    def start(self, **settings: object) -> None:
        """Starts it and returns at once: it may not accept connections yet."""
        every = {
            "listen_addr": "127.0.0.1",
            "listen_port": self.port,
            "unix_socket_dir": self.folder,
            "auth_type": "scram-sha-256",
            "auth_file": self.folder / "users.txt",
            "admin_users": "postgres",
            "pool_mode": "transaction",
            "default_pool_size": 1,
            "server_login_retry": 1,
            **settings,
        }
        lines = "\n".join(f"{name} = {value}" for name, value in every.items())
        (self.folder / "users.txt").write_text(f'"postgres" "{PASSWORD}"\n"watcher" "{PASSWORD}"\n')
        where = f"host=127.0.0.1 port={self._postgres.port}"
        config = self.folder / "pgbouncer.ini"
        config.write_text(f"[databases]\npostgres = {where}\n[pgbouncer]\n{lines}\n")
        for path in (self.folder, config, self.folder / "users.txt"):
            shutil.chown(path, "postgres", "postgres")
        command = [*as_postgres(), need("pgbouncer"), "-q", str(config)]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd="/")

    async def tell(self, order: str) -> None:
        """An administrator's order on its console, such as PAUSE."""
        console = await asyncpg.connect(self.dsn("pgbouncer"))
        try:
            await console.execute(order)
        finally:
            await console.close()

    def send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(30)
            self._process = None
