"""What each part of the demo platform is made of: the options that a test may turn, and the `docker run` it needs.

A part knows its own container and nothing of the platform but the prefix-free names of the others.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Protocol

from nemo_watchdog.errors import NemoWatchdogError

POSTGRES_FOLDERS = Path("/usr/lib/postgresql")
DEMO_FOLDER = Path(__file__).parent


class Part(Protocol):
    """`kind` is the part's name on its network, `inner_port` what it listens on inside."""

    kind: ClassVar[str]
    inner_port: ClassVar[int]

    def options(self, others: Mapping[str, Part]) -> list[str]:
        """Of `docker run`, before the image."""
        ...

    def command(self) -> list[str]:
        """After the image."""
        ...


@dataclass(frozen=True, slots=True)
class Postgres:
    """A real Postgres; its data stay inside the container, so they survive `docker restart` and a crash.

    The checkpoint is far away, so a crash leaves much to redo; progress of the redo is logged every second.
    `password` asks for one (scram); without it every client of the loopback address is trusted.
    `settings` are added to the command line of `postgres`.
    """

    password: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)

    kind: ClassVar[str] = "postgres"
    inner_port: ClassVar[int] = 5432

    def options(self, others: Mapping[str, Part]) -> list[str]:  # noqa: ARG002 - a Part
        path = f"{postgres_programs()}:/usr/bin:/bin"
        secret = [] if self.password is None else ["-e", f"PGPASSWORD={self.password}"]
        return ["--user", "postgres", "--stop-signal", "SIGINT", "-e", f"PATH={path}", "-e", "PGHOST=/tmp", *secret]

    def command(self) -> list[str]:
        """The host lines of `pg_hba.conf` are replaced: what matters here is who may come over the network."""
        settings = {
            "listen_addresses": "*",
            "unix_socket_directories": "/tmp",  # noqa: S108 - inside the container
            "checkpoint_timeout": "1h",
            "max_wal_size": "8GB",
            "log_startup_progress_interval": "1s",
            **self.settings,
        }
        flags = " ".join(f"-c {shlex.quote(f'{name}={value}')}" for name, value in settings.items())
        method = "trust" if self.password is None else "scram-sha-256"
        first = [
            f"rm -rf /data/pg && initdb -D /data/pg -U postgres -A {method} --locale=C -E UTF8 $PWFILE",
            f"echo 'host all all all {method}' >> /data/pg/pg_hba.conf",
        ]
        if self.password is not None:
            first.insert(0, 'echo "$PGPASSWORD" > /data/pw && PWFILE=--pwfile=/data/pw')
        init = " && ".join(first)
        script = f"[ -e /data/initialised ] || {{ {init} && touch /data/initialised; }} || exit 1"
        return ["sh", "-c", f"{script}; exec postgres -D /data/pg {flags}"]


@dataclass(frozen=True, slots=True)
class Redis:
    """A real Redis. `password` is its requirepass; `settings` are lines of its configuration.

    `/data/extra.conf` is read at each start: a fault writes there what makes the next start slow.
    """

    password: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)

    kind: ClassVar[str] = "redis"
    inner_port: ClassVar[int] = 6379

    def options(self, others: Mapping[str, Part]) -> list[str]:  # noqa: ARG002 - a Part
        return [] if self.password is None else ["-e", f"REDISCLI_AUTH={self.password}"]

    def command(self) -> list[str]:
        settings = {
            "bind": "0.0.0.0",
            "protected-mode": "no",
            "dir": "/data",
            "save": "''",
            # While it loads, it answers (LOADING) each time it has read so many bytes; the default of 2 MiB is for
            # files of gigabytes.
            "loading-process-events-interval-bytes": "1024",
            "include": "/data/extra.conf",
            **({} if self.password is None else {"requirepass": self.password}),
            **self.settings,
        }
        lines = "\n".join(f"{name} {value}" for name, value in settings.items())
        script = f"printf '%s\\n' {shlex.quote(lines)} > /data/redis.conf && touch /data/extra.conf"
        return ["sh", "-c", f"{script} && exec redis-server /data/redis.conf"]


@dataclass(frozen=True, slots=True)
class Gateway:
    """The HTTP gateway; `never_healthy` makes a container that no restart cures."""

    never_healthy: bool = False
    slow_seconds: float = 2.0

    kind: ClassVar[str] = "gateway"
    inner_port: ClassVar[int] = 8000

    def options(self, others: Mapping[str, Part]) -> list[str]:
        environment = {"PORT": str(self.inner_port), "SLOW_SECONDS": str(self.slow_seconds)}
        if self.never_healthy:
            environment["NEVER_HEALTHY"] = "1"
        for upstream in ("postgres", "redis"):
            if upstream in others:
                environment[upstream.upper()] = f"{upstream}:{others[upstream].inner_port}"
        redis = others.get("redis")
        if isinstance(redis, Redis) and redis.password is not None:
            environment["REDIS_PASSWORD"] = redis.password
        # The name of a stopped container is asked of the host's DNS; where that does not answer, a second is enough.
        dns = ["--dns-option", "timeout:1", "--dns-option", "attempts:1", "--dns-search", "."]
        return [*_python_options(environment), *dns]

    def command(self) -> list[str]:
        return ["/usr/bin/python3", "-m", "nemo_watchdog.demo.gateway"]


@dataclass(frozen=True, slots=True)
class Gemma:
    """A stand-in for the model server; `load_seconds` passes after each start until it is healthy."""

    load_seconds: float = 3.0
    tokens_per_second: float = 50.0
    slots: int = 4
    slow_seconds: float = 2.0

    kind: ClassVar[str] = "gemma"
    inner_port: ClassVar[int] = 8001

    def options(self, others: Mapping[str, Part]) -> list[str]:  # noqa: ARG002 - a Part
        return _python_options(
            {
                "PORT": str(self.inner_port),
                "LOAD_SECONDS": str(self.load_seconds),
                "TOKENS_PER_SECOND": str(self.tokens_per_second),
                "SLOTS": str(self.slots),
                "SLOW_SECONDS": str(self.slow_seconds),
            }
        )

    def command(self) -> list[str]:
        return ["/usr/bin/python3", "-m", "nemo_watchdog.demo.model_server"]


PARTS: Mapping[str, type[Postgres | Redis | Gateway | Gemma]] = {
    part.kind: part for part in (Postgres, Redis, Gateway, Gemma)
}


def postgres_programs() -> Path:
    """The folder of the newest Postgres that Debian installed; its programs are not on the PATH."""
    found = [folder.parent for folder in POSTGRES_FOLDERS.glob("*/bin/postgres")]
    if not found:
        raise NemoWatchdogError("Postgres is not installed (apt-get install postgresql)")
    return max(found, key=lambda folder: float(folder.parent.name))


def _python_options(environment: Mapping[str, str]) -> list[str]:
    """Only this folder goes into the container, as the package's only part: nothing else can be imported there."""
    options = ["-v", f"{DEMO_FOLDER}:/opt/nemo_watchdog/demo:ro", "-e", "PYTHONPATH=/opt"]
    for name, value in {"PYTHONDONTWRITEBYTECODE": "1", **environment}.items():
        options += ["-e", f"{name}={value}"]
    return options
