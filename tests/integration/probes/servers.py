"""Postgres and Redis processes of the test's own, on free ports of 127.0.0.1, in the test's own folder."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.parts import need
from tests.unit.probes.servers import free_port

PASSWORD = "correct-horse"


class Postgres:
    """One cluster, owned by the user postgres: the server refuses to run as root."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self.port = free_port()
        self.address_space: int | None = None
        """Bytes that each of its processes may map, from the next start on."""
        self.folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def dsn(self, password: str = PASSWORD, database: str = "postgres") -> str:
        return f"postgresql://postgres:{password}@127.0.0.1:{self.port}/{database}"

    def create(self, *options: str) -> None:
        password = self.folder / "password"
        password.write_text(PASSWORD)
        for path in (self.folder, password):
            shutil.chown(path, "postgres", "postgres")
        auth = ["--auth=scram-sha-256", "--username=postgres", f"--pwfile={password}"]
        self._run("initdb", "-D", str(self.data), "--no-sync", "--no-instructions", *auth, *options)

    def copy(self, primary: Postgres) -> None:
        """Becomes a standby of a running server."""
        shutil.chown(self.folder, "postgres", "postgres")
        self._run("pg_basebackup", "-D", str(self.data), "-d", primary.dsn(), "-R", "--no-sync", "-c", "fast")

    def start(self, **settings: object) -> None:
        """Starts the server and returns at once: it may not accept connections yet."""
        every = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(self.folder),
            "fsync": "off",
            "max_connections": 10,
            "superuser_reserved_connections": 0,
            "max_wal_senders": 0,
            **settings,
        }
        options = [word for name, value in every.items() for word in ("-c", f"{name}={value}")]
        limit = [] if self.address_space is None else [need("prlimit"), f"--as={self.address_space}"]
        command = [*limit, *as_postgres(), need("postgres"), "-D", str(self.data), *options]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd="/")

    def backend_pids(self, title: str) -> list[int]:
        """Processes of this server whose title contains the words."""
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        return [int(pid) for pid in children if title.encode() in _title(pid)]

    def send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """All of its processes are stopped, and go on at the end."""
        assert self._process is not None
        pids = [self._process.pid, *self.backend_pids("postgres")]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

    def stop(self, number: signal.Signals = signal.SIGQUIT) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.send_signal(number)
            self._process.wait(30)
            self._process = None

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run([*as_postgres(), need(program), *arguments], check=True, capture_output=True, cwd="/")


def _title(pid: str) -> bytes:
    """Empty when it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def as_postgres() -> list[str]:
    if os.geteuid() != 0:
        return []
    return [need("setpriv"), "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]


@contextlib.contextmanager
def short_folder() -> Iterator[Path]:
    """A folder that other users can enter, with a path short enough for a unix socket."""
    with tempfile.TemporaryDirectory(prefix="nw-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        yield Path(name)


class Redis:
    """One server, in its own folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def url(self, password: str = "") -> str:
        return f"redis://{f':{password}@' if password else ''}{self.address}/0"

    def start_sentinel(self, master: Redis, password: str) -> None:
        """One Sentinel that decides alone, and fast."""
        config = self.folder / "sentinel.conf"
        config.write_text(
            f"port {self.port}\nbind 127.0.0.1\ndir {self.folder}\nrequirepass {password}\n"
            f"sentinel monitor main 127.0.0.1 {master.port} 1\n"
            "sentinel down-after-milliseconds main 500\nsentinel failover-timeout main 3000\n"
        )
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen([need("redis-server"), str(config), "--sentinel"], stdout=log, stderr=log)

    def start(self, *options: str) -> None:
        """Starts the server and returns at once: it may not accept connections yet."""
        settings = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder), "--save", ""]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [need("redis-server"), *settings, "--enable-debug-command", "yes", *options], stdout=log, stderr=log
            )

    def command(self, *words: str) -> str:
        command = [need("redis-cli"), "-e", "-p", str(self.port), *words]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout

    def send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(30)
            self._process = None
