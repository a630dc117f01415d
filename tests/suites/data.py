"""What was written before anything happened, and whether it is there when all is over: rows, and a file in a volume."""

from __future__ import annotations

import asyncio

from nemo_watchdog.demo.docker_cli import DockerError
from nemo_watchdog.demo.parts import Postgres
from nemo_watchdog.demo.platform import Platform

ROWS = 500
WRITE = f"begin read write; create table kept as select n from generate_series(1, {ROWS}) n; commit"  # noqa: S608
COUNT = "select count(*), sum(n) from kept"
WHOLE = f"{ROWS}|{ROWS * (ROWS + 1) // 2}"
SERVES_WITHIN = 60.0
VOLUME = "/kept"
"""Where a part keeps what a new container of it must have."""
FILE = f"{VOLUME}/file"


class LostData(AssertionError):
    """What had been committed is not there any more, or cannot be read."""


def _keeps_rows(platform: Platform) -> bool:
    return Postgres.kind in platform.parts


async def _ask(platform: Platform, order: str) -> str:
    command = ("psql", "-X", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-Atqc", order)
    return (await platform.exec("postgres", *command)).strip()


def _with_volume(platform: Platform) -> list[str]:
    return [kind for kind, part in platform.parts.items() if VOLUME in part.options({})]


async def commit(platform: Platform) -> None:
    """Into the platform's Postgres, where it has one, with the commit; and a file into each volume."""
    for part in _with_volume(platform):
        await platform.exec(part, "sh", "-c", f"echo '{WHOLE}' > {FILE}")
    if _keeps_rows(platform):
        await _ask(platform, WRITE)


async def compare(platform: Platform) -> None:
    """Starts what is stopped, and raises `LostData` unless all of it is there. Nobody else may be at work."""
    for part in _with_volume(platform):
        if (said := (await platform.exec(part, "cat", FILE)).strip()) != WHOLE:
            raise LostData(f"the volume of {part} has {said}")
    if not _keeps_rows(platform):
        return
    await platform.docker("start", platform.name("postgres"))
    said = ""
    try:
        async with asyncio.timeout(SERVES_WITHIN):
            while True:
                try:
                    said = await _ask(platform, COUNT)
                    break
                except DockerError as error:  # it starts, or recovers
                    said = str(error)
                await asyncio.sleep(0.2)
    except TimeoutError:
        raise LostData(f"the rows cannot be read: {said}") from None
    if said != WHOLE:
        raise LostData(f"of {WHOLE} rows and their sum there are {said}")
