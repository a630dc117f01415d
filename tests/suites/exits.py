"""Situations in which a program says, as it ends by itself, that its disk or its data are at risk.

Each program is the real one, on a disk that is really full or with files that are really damaged.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

from nemo_watchdog.demo.docker_cli import DockerError
from nemo_watchdog.demo.parts import Gemma, Part, Postgres, Redis
from nemo_watchdog.demo.platform import Platform
from tests.integration.daemon import DaemonError
from tests.integration.scenarios.socket_proxy import EVERYTHING, SocketProxy
from tests.suites.acts import in_turn, person
from tests.suites.situations import Happens, Prepares, Situation, Stage

TABLE = "CREATE TABLE big AS SELECT repeat(md5(n::text), 30) FROM generate_series(1, 100000) n"
"""About 100 MB with its WAL."""


GATES = {"category", "grace"}
"""What holds it: its data at risk, or before that Docker, which is starting it."""

WITNESS = Gemma(load_seconds=0.0)
"""It goes on: with all down, the incident would be grave for that alone."""


class SmallPostgres(Postgres):
    """Its data are on a disk that holds an empty database and not much more."""

    def options(self, others: Mapping[str, Part]) -> list[str]:
        return [*super().options(others), "--tmpfs", "/data:size=90m,mode=1777"]


class SmallRedis(Redis):
    """As small a disk; a write that did not come to disk ends it (`appendfsync always`)."""

    def options(self, others: Mapping[str, Part]) -> list[str]:
        return [*super().options(others), "--tmpfs", "/data:size=2m,mode=1777"]


def inside(part: str, *script: str) -> Happens:
    """A script that may fail: what it does may end the container that it runs in."""

    async def act(stage: Stage) -> None:
        with suppress(DockerError):
            await stage.platform.exec(part, "sh", "-c", *script)

    return act


def sev1(part: str) -> Happens:
    """The incident is one of data at risk, and says in which words the program told it."""

    async def act(stage: Stage) -> None:
        def at_risk(status: dict[str, Any]) -> bool:
            dependency = status["dependencies"][part]
            told = [(each["severity"], each["rule"]) for each in status["incidents"]]
            held = (dependency["decision"] or {}).get("gate") in GATES  # a person's restart may not be over yet
            return dependency["category"] == "integrity" and told == [("SEV1", "data-at-risk")] and held

        status = await stage.daemon.wait_until(at_risk, within=60.0)
        dependency = status["dependencies"][part]
        if "its last words: " not in dependency["detail"]:
            raise DaemonError(f"it does not say why: {dependency['detail']}")

    return act


def ends(
    name: str, part: Part, sees: str, happens: Happens, *, by_people: int = 0, keeps_data: bool = True
) -> Situation:
    happens = in_turn(happens, sev1(part.kind))
    return Situation(name, [part, WITNESS], part.kind, sees, happens, by_people=by_people, keeps_data=keeps_data)


def damaged(name: str, part: Part, sees: str, script: str) -> Situation:
    """A person restarts it, and it does not come up with what is there."""
    happens = in_turn(inside(part.kind, script), person("restart", "-t", "30", part.kind))
    return ends(name, part, sees, happens, by_people=1, keeps_data=False)


async def docker_goes_on(stage: Stage) -> None:
    await stage.platform.docker("update", "--restart", "always", stage.platform.name("redis"))


def long_log() -> tuple[Prepares, Callable[[Path, Platform], Mapping[str, str]]]:
    """Docker answers everything but the question for a container's log, which takes longer than anybody waits."""
    way: dict[str, str] = {}

    async def prepare(_: Platform, stack: AsyncExitStack) -> None:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        proxy = SocketProxy(folder / "docker.sock", EVERYTHING, stalls=re.compile(".*/logs"))
        way["DOCKER_HOST"] = (await stack.enter_async_context(proxy)).url

    return prepare, lambda *_: way


LONG_LOG, ASKED_THROUGH_IT = long_log()
OPEN_TO_ALL = "chmod 777 /data/pg"
APPENDING = {"appendonly": "yes", "appendfsync": "always"}

EXITS = (
    ends(
        "postgres finds its disk full",
        SmallPostgres(),
        "disk_full",
        inside("postgres", f'psql -qU postgres -c "{TABLE}"'),
        keeps_data=False,
    ),
    ends(
        "redis finds its disk full",
        SmallRedis(settings=APPENDING),
        "disk_full",
        inside("redis", "dd if=/dev/zero of=/data/fill bs=1k; seq 2000 | redis-cli -x set fresh"),
    ),
    damaged(
        "redis finds a file that is none of its own",
        Redis(),
        "data_corrupted",
        "echo 'no file of Redis at all' > /data/dump.rdb",
    ),
    ends(
        "redis finds a file that is none of its own, and Docker starts it again and again",
        Redis(),
        "data_corrupted",
        in_turn(
            docker_goes_on,
            inside("redis", "echo 'no file of Redis at all' > /data/dump.rdb"),
            person("restart", "redis"),
        ),
        by_people=1,
    ),
    damaged(
        "redis finds its snapshot cut off",
        Redis(),
        "data_corrupted",
        "redis-cli mset a 1 b 2; redis-cli save; head -c 100 /data/dump.rdb > /data/cut && mv /data/cut /data/dump.rdb",
    ),
    damaged(
        "redis finds its append only file damaged",
        Redis(settings=APPENDING),
        "data_corrupted",
        "for n in 1 2 3; do redis-cli set k$n v; done; "
        "printf garbage | dd of=$(echo /data/appendonlydir/*incr.aof) bs=1 seek=30 conv=notrunc",
    ),
    damaged(
        "postgres finds its data open to all",
        Postgres(),
        "data_unusable",
        OPEN_TO_ALL,
    ),
    damaged(
        "postgres finds no WAL directory",
        Postgres(),
        "data_unusable",
        "mv /data/pg/pg_wal /data/wal-away",
    ),
    damaged(
        "postgres finds no version in its data directory",
        Postgres(),
        "data_unusable",
        "rm /data/pg/PG_VERSION",
    ),
    damaged(
        "postgres finds its data directory empty",
        Postgres(),
        "data_unusable",
        "find /data/pg -mindepth 1 -delete",
    ),
    damaged(
        "postgres finds no control file",
        Postgres(),
        "data_unusable",
        "rm /data/pg/global/pg_control",
    ),
    damaged(
        "postgres finds a directory of its own missing",
        Postgres(),
        "data_corrupted",
        "rm -r /data/pg/pg_notify",
    ),
    damaged(
        "redis finds no manifest in its append only directory",
        Redis(settings=APPENDING),
        "data_corrupted",
        "echo xx > /data/appendonlydir/appendonly.aof.manifest",
    ),
    Situation(
        "postgres finds its data open to all, and Docker does not tell its log",
        ["postgres"],
        "postgres",
        "gate:verification",
        in_turn(inside("postgres", OPEN_TO_ALL), person("restart", "postgres")),
        LONG_LOG,
        environ=ASKED_THROUGH_IT,
        by_people=1,
        keeps_data=False,
    ),
)
