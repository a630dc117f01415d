"""Ways to break a part for real. None of them goes through Docker's API where the fault is not a person's doing.

A `docker kill` or `docker stop` is an API call and reads as a person's touch; a crash is a signal from outside.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from nemo_watchdog.demo.docker_cli import DockerError, docker, said
from nemo_watchdog.demo.images import IMAGE, USR_MOUNTS, ensure_image
from nemo_watchdog.demo.platform import Platform, PlatformError

START_CPU = 0.15
"""Share of one core until the redo is slowed: enough to come soon to it, and too little to be done with it by then."""
LOADED_KEYS = 5_000
START_WITHIN = 120.0
"""Seconds that whoever watches the platform has to start a crashed container again."""

_CHURN = """\
CREATE TABLE IF NOT EXISTS churn (id int PRIMARY KEY, value int, filler text) WITH (fillfactor = 50);
CREATE INDEX IF NOT EXISTS churn_value ON churn (value);
INSERT INTO churn SELECT n, (random() * 1e9)::int, repeat('x', 100) FROM generate_series(1, 200000) n
  ON CONFLICT DO NOTHING;
CHECKPOINT;
UPDATE churn SET value = (random() * 1e9)::int;
UPDATE churn SET value = (random() * 1e9)::int;
"""
"""About 125 MB of WAL after the checkpoint: 1.7 s of redo on one core of 2023, and 4 s to write it."""
_SLOW_REDO = """\
until found=$(grep -sl '^postgres: startup' /proc/[0-9]*/cmdline); do sleep 0.05; done
startup=${found#/proc/}; startup=${startup%/cmdline}
end=$(($(date +%s) + $1))
while [ "$(date +%s)" -lt $end ] && kill -STOP "$startup"; do sleep 0.4; kill -CONT "$startup"; sleep 0.01; done
"""
"""More than 10 s of redo are left for each second at full speed."""
_FILL = "for n = 1, tonumber(ARGV[1]) do redis.call('SET', 'ballast:' .. n, string.rep(tostring(n), 20)) end"


async def switch(platform: Platform, part: str, mode: str) -> None:
    """Tells the gateway or the model server to misbehave (`serving.MODES`); `exit` takes effect before it answers."""
    try:
        status, body = await platform.http(part, f"/break?mode={mode}", method="POST")
    except (ConnectionError, TimeoutError):
        if mode != "exit":
            raise
        return
    if status != 200:
        raise PlatformError(f"{part} does not know the mode {mode!r}: {body.decode(errors='replace')}")


async def sigkill(platform: Platform, part: str) -> None:
    """The container's first process dies of SIGKILL, as in a crash; returns once Docker says that it exited.

    Without the right to signal it (Docker without sudo), a container in the host's PID namespace does it.
    """
    pid = int((await platform.state(part))["Pid"])
    if pid == 0:
        raise PlatformError(f"{platform.name(part)} does not run: nothing to kill")
    try:
        os.kill(pid, signal.SIGKILL)
    except (PermissionError, ProcessLookupError):
        await ensure_image()
        await docker(
            "run",
            "--rm",
            "--pull",
            "never",
            "--network",
            "none",
            "--pid",
            "host",
            *USR_MOUNTS,
            IMAGE,
            "kill",
            "-9",
            str(pid),
        )
    await _until(platform, part, lambda state: state["Pid"] != pid, within=10)


async def postgres_long_recovery(platform: Platform, seconds: float) -> None:
    """Postgres crashes with much to redo; whoever starts it again finds it in crash recovery for about `seconds`.

    The redo is real and makes progress (its log says so each second); the process that does it is let run for a moment
    now and then for the first `seconds` of it, the others as ever; then the rest takes what it takes (a second or two).
    """
    await platform.exec("postgres", "psql", "-qU", "postgres", "-v", "ON_ERROR_STOP=1", stdin=_CHURN.encode())
    before = (await platform.state("postgres"))["StartedAt"]
    await sigkill(platform, "postgres")
    await _cpu_share(platform, START_CPU)
    platform.in_background(_full_speed_again(platform, before, seconds))


async def redis_long_loading(platform: Platform, seconds: float) -> None:
    """Redis crashes with a big file; whoever starts it again finds it LOADING for about `seconds`, a bit at a time.

    The delay for each key (`key-load-delay`, microseconds, an option of Redis for its own tests) is gone once it
    has loaded; killed while it loads, it starts over.
    """
    delay = int(seconds * 1e6 / LOADED_KEYS)
    await platform.exec("redis", "redis-cli", "-e", "EVAL", _FILL, "0", str(LOADED_KEYS))
    await platform.exec("redis", "redis-cli", "-e", "SAVE")
    await platform.exec("redis", "sh", "-c", f"echo key-load-delay {delay} > /data/extra.conf")
    before = (await platform.state("redis"))["StartedAt"]
    await sigkill(platform, "redis")
    platform.in_background(_fast_again(platform, before))


async def person_stops(platform: Platform, part: str) -> None:
    """What a person types: `docker stop`."""
    await platform.docker("stop", "-t", "10", platform.name(part))


async def person_starts(platform: Platform, part: str) -> None:
    """What a person types: `docker start`."""
    await platform.docker("start", platform.name(part))


async def _cpu_share(platform: Platform, share: float | None) -> None:
    """By quota and period: `docker update --cpus` cannot be taken back (0 means "as it is")."""
    quota = -1 if share is None else int(share * 100_000)
    await docker("update", "--cpu-period", "100000", "--cpu-quota", str(quota), platform.name("postgres"))


async def _until(
    platform: Platform, part: str, holds: Callable[[Mapping[str, Any]], bool], *, within: float = START_WITHIN
) -> None:
    """Returns once the container's state is so; TimeoutError after `within` seconds."""
    async with asyncio.timeout(within):
        while True:
            if holds(await platform.state(part)):
                return
            await asyncio.sleep(0.1)


async def started_again(platform: Platform, part: str, before: str) -> None:
    await _until(platform, part, lambda state: bool(state["Running"]) and state["StartedAt"] != before)


async def _full_speed_again(platform: Platform, before: str, seconds: float) -> None:
    try:
        await started_again(platform, "postgres", before)
        slowing = asyncio.create_task(platform.exec("postgres", "sh", "-c", _SLOW_REDO, "sh", str(round(seconds))))
        await _redo_begun(platform)
    finally:
        await _cpu_share(platform, None)
    with suppress(DockerError):  # whoever ends Postgres ends this
        await slowing


async def _redo_begun(platform: Platform) -> None:
    async with asyncio.timeout(START_WITHIN):
        started = (await platform.state("postgres"))["StartedAt"]
        await said(platform.name("postgres"), "redo starts at", since=started)


async def _fast_again(platform: Platform, before: str) -> None:
    await started_again(platform, "redis", before)
    await platform.ready("redis", within=START_WITHIN)
    await platform.exec("redis", "sh", "-c", ": > /data/extra.conf")
