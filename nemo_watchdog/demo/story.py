"""What the demo breaks, in order: each fault says beforehand what a good watchdog will do about it.

The faults are real (`faults`), and nothing here knows the watchdog: it is judged by what it does to the containers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

from nemo_watchdog.demo import faults
from nemo_watchdog.demo.load import PostgresLoad
from nemo_watchdog.demo.platform import Platform

RECOVERY_SECONDS = 8.0
LOADING_SECONDS = 8.0
LOAD_SECONDS_AFTER = 2.0


class Expected(StrEnum):
    """What a good watchdog does."""

    HEALED = "healed"
    """Restarts the part, and it is well again."""
    STARTED_THEN_LEFT = "started, then left alone"
    """Starts the part that had exited, once, and waits while it makes progress."""
    HELD = "held"
    """Touches nothing: a person did this."""
    ESCALATED = "escalated"
    """Tries within its budget, stops, and tells a person."""


Act = Callable[[Platform], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Fault:
    """One story. `break_` returns once the harm is done; `mend` is what a person does about it at the end, if anything.

    `restarts` is the fewest and the most times that `part` may be started by the watchdog; no other part may be.
    """

    name: str
    part: str
    break_: Act
    announced: str
    expected: Expected
    restarts: tuple[int, int]
    mend: Act | None = None


async def gateway_answers_500(platform: Platform) -> None:
    """The gateway runs and answers every request with 500; only a restart makes it forget."""
    await faults.switch(platform, "gateway", "500")


async def gateway_hangs(platform: Platform) -> None:
    """The gateway accepts connections and answers nothing."""
    await faults.switch(platform, "gateway", "hang")


async def gateway_crashes(platform: Platform) -> None:
    """The gateway's process dies of SIGKILL: Docker shows an exited container with code 137."""
    await faults.sigkill(platform, "gateway")


async def postgres_crashes_under_load(platform: Platform) -> None:
    """Postgres dies of SIGKILL while clients write; started again, it redoes its log and refuses them (57P03)."""
    platform.in_background(_write_until_recovered(platform))
    await faults.postgres_long_recovery(platform, RECOVERY_SECONDS)


async def redis_loads_a_big_file(platform: Platform) -> None:
    """Redis dies of SIGKILL with a big file; started again, it answers LOADING until the file is read."""
    await faults.redis_long_loading(platform, LOADING_SECONDS)


async def person_stops_gemma(platform: Platform) -> None:
    """Somebody types `docker stop` for the model server."""
    await faults.person_stops(platform, "gemma")


async def person_starts_gemma(platform: Platform) -> None:
    """Somebody types `docker start` for the model server."""
    await faults.person_starts(platform, "gemma")


async def gateway_never_healthy(platform: Platform) -> None:
    """The gateway answers 500, and a file in its container makes it do so after every restart."""
    await faults.switch(platform, "gateway", "never")


async def gateway_mended(platform: Platform) -> None:
    """Somebody finds the file."""
    await faults.switch(platform, "gateway", "ok")


STORY: tuple[Fault, ...] = (
    Fault(
        name="gateway answers 500",
        part="gateway",
        break_=gateway_answers_500,
        announced="The gateway answers 500 to everything. One restart cures it; watch how soon.",
        expected=Expected.HEALED,
        restarts=(1, 1),
    ),
    Fault(
        name="gateway crashes",
        part="gateway",
        break_=gateway_crashes,
        announced="The gateway's process is killed. Docker reports the exit, so there is nothing to confirm.",
        expected=Expected.HEALED,
        restarts=(1, 1),
    ),
    Fault(
        name="gateway hangs",
        part="gateway",
        break_=gateway_hangs,
        announced="The gateway accepts connections and never answers. Docker thinks that all is well.",
        expected=Expected.HEALED,
        restarts=(1, 1),
    ),
    Fault(
        name="postgres crashes under load",
        part="postgres",
        break_=postgres_crashes_under_load,
        announced=(
            "Postgres is killed while clients write, with much to redo (its CPU is limited, so that you can watch). "
            "It is started once and then left to recover; the gateway, which fails with it, is not touched: "
            "one incident, its root is postgres."
        ),
        expected=Expected.STARTED_THEN_LEFT,
        restarts=(1, 1),
    ),
    Fault(
        name="redis loads a big file",
        part="redis",
        break_=redis_loads_a_big_file,
        announced=(
            "Redis is killed and has a big file to load. It is started once and then left alone while it answers "
            "LOADING: a restart would make it load from the beginning."
        ),
        expected=Expected.STARTED_THEN_LEFT,
        restarts=(1, 1),
    ),
    Fault(
        name="a person stops gemma",
        part="gemma",
        break_=person_stops_gemma,
        announced="Somebody stops the model server with `docker stop`. The watchdog does not fight people: it holds.",
        expected=Expected.HELD,
        restarts=(0, 0),
        mend=person_starts_gemma,
    ),
    Fault(
        name="gateway never gets healthy",
        part="gateway",
        break_=gateway_never_healthy,
        announced=(
            "The gateway is broken in a way that no restart cures. The watchdog tries a few times, each gap longer "
            "than the last, stops when its budget or its ladder ends, and tells a person."
        ),
        expected=Expected.ESCALATED,
        restarts=(1, 5),
        mend=gateway_mended,
    ),
)


async def _write_until_recovered(platform: Platform) -> None:
    """Clients write from before the crash until a little after the recovery."""
    before = (await platform.state("postgres"))["StartedAt"]
    async with PostgresLoad(platform.postgres_dsn):
        await faults.started_again(platform, "postgres", before)
        await platform.ready("postgres", within=faults.START_WITHIN)
        await asyncio.sleep(LOAD_SECONDS_AFTER)
