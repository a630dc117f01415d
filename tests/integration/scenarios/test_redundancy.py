"""Two Redis behind one gateway, of which one is enough: the first to hang is restarted, the last one is spared."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest_asyncio

from nemo_watchdog.demo.parts import Gateway, Part, Redis
from nemo_watchdog.demo.platform import Platform
from tests.integration.conftest import StartPlatform
from tests.integration.daemon import Daemon
from tests.integration.scenarios.starts import Starts


@dataclass(frozen=True, slots=True)
class RedisA(Redis):
    """It does not begin to serve while there is a file `/data/held`: no restart helps then."""

    kind: ClassVar[str] = "redis-a"

    def command(self) -> list[str]:
        *shell, script = super(RedisA, self).command()
        return [*shell, f"while [ -e /data/held ]; do sleep 0.1; done; {script}"]


@dataclass(frozen=True, slots=True)
class RedisB(Redis):
    kind: ClassVar[str] = "redis-b"


@dataclass(frozen=True, slots=True)
class EitherGateway(Gateway):
    """It is well as long as one of the two answers it."""

    def options(self, others: Mapping[str, Part]) -> list[str]:
        either = ",".join(f"{name}:{part.inner_port}" for name, part in others.items() if isinstance(part, Redis))
        return ["-e", f"EITHER={either}", *super(EitherGateway, self).options({})]

    def command(self) -> list[str]:
        script = (
            "import os\n"
            "from nemo_watchdog.demo import gateway\n"
            "each = [gateway.checks_from({'REDIS': one})['redis'] for one in os.environ['EITHER'].split(',')]\n"
            "def either():\n"
            "    said = [check() for check in each]\n"
            "    return None if None in said else '; '.join(said)\n"
            "gateway.checks_from = lambda environment: {'either': either}\n"
            "gateway.main()\n"
        )
        return ["/usr/bin/python3", "-c", script]


def policy_of(platform: Platform, attempts: int = 3) -> str:
    """A restart takes so long that a second failure is confirmed before it is done.

    The gateway asks both, one after the other, and waits a second for each: its grace is longer than some such looks.
    """

    def redis(name: str) -> str:
        url = f"redis://127.0.0.1:{platform.port(name)}/0"
        return (
            f"  {name}: {{probe: redis, url: '{url}', container: {platform.name(name)}, tags: [core, cache], "
            "startup_grace: 1s, remedy: restart}\n"
        )

    return (
        "version: 1\n"
        # What other tests do pushes out what Docker remembers of these: a new daemon could not tell who is at work.
        "defaults: {interval: 1s, confirm_interval: 200ms, timeout: 500ms, when_unsure: restart}\n"
        f"dependencies:\n{redis('redis-a')}{redis('redis-b')}"
        f"  gateway: {{probe: http, url: 'http://127.0.0.1:{platform.port('gateway')}/health', timeout: 2500ms, "
        f"container: {platform.name('gateway')}, needs: [{{any: [redis-a, redis-b]}}], tags: [core], "
        "startup_grace: 10s, remedy: restart}\n"
        "remedies:\n"
        "  restart:\n"
        "    steps:\n"
        f"      - {{do: docker.restart, stop_timeout: 6s, attempts: {attempts}, verify_within: 5s}}\n"
        "    budget: 5 per 15m\n"
        "limits: {concurrent_actions: 3}\n"
    )


async def hang(platform: Platform, part: str) -> None:
    """Its process stands still, and Docker knows nothing of it; only a KILL ends it."""
    os.kill(int((await platform.state(part))["Pid"]), signal.SIGSTOP)


def assert_served_before_the_other_was_restarted(lines: Sequence[Mapping[str, Any]], first: str, second: str) -> None:
    """By what the daemon wrote down, in its order; that is when the second was judged."""

    def position(start: int, **wanted: str) -> int:
        return next(at for at, line in enumerate(lines) if at >= start and wanted.items() <= line.items())

    ordered = position(0, event="action_intended", dependency=first)
    back = position(ordered, event="health_changed", dependency=first, health="up")
    assert back < position(0, event="action_intended", dependency=second)


@pytest_asyncio.fixture
async def platform(start_platform: StartPlatform) -> Platform:
    return await start_platform(RedisA(), RedisB(), EitherGateway())


async def test_the_last_one_is_restarted_only_when_the_other_one_serves_again(
    platform: Platform, tmp_path: Path
) -> None:
    """One hangs and is restarted, and nobody else notices; then both do, one after the other."""
    async with Daemon(policy_of(platform), tmp_path) as daemon, Starts(platform) as starts:
        await daemon.wait_until(lambda s: all(d["health"] == "up" for d in s["dependencies"].values()), within=20.0)
        status = await daemon.status()
        assert status["dependencies"]["gateway"]["needs"] == ["redis-a", "redis-b"]
        assert status["dependencies"]["gateway"]["needs_any"] == [["redis-a", "redis-b"]]

        await hang(platform, "redis-a")
        opened = await daemon.event("incident_opened", within=20.0)
        assert (opened["root"], opened["affected"]) == ("redis-a", "redis-a (1 of 3 core)")
        await daemon.event("incident_resolved", within=30.0)
        assert [await starts.of(part) for part in ("redis-a", "redis-b", "gateway")] == [1, 0, 0]
        assert len([line for line in daemon.events if line["event"] == "incident_opened"]) == 1

        before = len(daemon.events)
        await hang(platform, "redis-b")
        await daemon.event("action_intended", within=20.0, after=before, dependency="redis-b")
        await hang(platform, "redis-a")
        await daemon.wait_until(
            lambda s: (s["dependencies"]["redis-a"]["decision"] or {}).get("gate") == "redundancy", within=10.0
        )
        assert await starts.of("redis-a") == 1
        await daemon.event("action_intended", within=30.0, after=before, dependency="redis-a")
        assert_served_before_the_other_was_restarted(daemon.events[before:], "redis-b", "redis-a")
        await daemon.wait_until(lambda s: not s["incidents"], within=60.0)
        assert [await starts.of(part) for part in ("redis-a", "redis-b", "gateway")] == [2, 1, 0]


async def test_of_two_that_hang_at_the_same_moment_one_is_restarted_first_and_then_the_other(
    platform: Platform, tmp_path: Path
) -> None:
    """Never both at once, though the policy allows three actions at a time."""
    async with Daemon(policy_of(platform), tmp_path) as daemon, Starts(platform) as starts:
        await daemon.wait_until(lambda s: all(d["health"] == "up" for d in s["dependencies"].values()), within=20.0)
        before = len(daemon.events)
        for part in ("redis-a", "redis-b"):
            await hang(platform, part)
        first = (await daemon.event("action_intended", within=20.0, after=before))["dependency"]
        second = "redis-b" if first == "redis-a" else "redis-a"
        await daemon.event("action_intended", within=40.0, after=before, dependency=second)
        assert_served_before_the_other_was_restarted(daemon.events[before:], first, second)
        await daemon.wait_until(lambda s: not s["incidents"], within=60.0)
        assert [await starts.of(part) for part in ("redis-a", "redis-b", "gateway")] == [1, 1, 0]


async def test_the_last_one_stays_spared_and_is_told_when_no_restart_helps_the_other(
    platform: Platform, tmp_path: Path
) -> None:
    """Also by a daemon that starts anew; when a person has mended the other one, it is restarted."""
    async with Daemon(policy_of(platform, attempts=1), tmp_path) as daemon, Starts(platform) as starts:
        await daemon.wait_until(lambda s: all(d["health"] == "up" for d in s["dependencies"].values()), within=20.0)
        await platform.exec("redis-a", "touch", "/data/held")
        await hang(platform, "redis-a")
        await daemon.event("action_intended", within=20.0, dependency="redis-a")
        await hang(platform, "redis-b")
        told = await daemon.event("spared_too_long", within=60.0, dependency="redis-b")
        assert "nothing more is tried with redis-a" in told["why"]
        await daemon.restart(kill=True)
        await daemon.wait_until(
            lambda s: (s["dependencies"]["redis-b"]["decision"] or {}).get("gate") == "redundancy", within=20.0
        )
        await daemon.more_looks(20)
        assert [await starts.of(part) for part in ("redis-a", "redis-b", "gateway")] == [1, 0, 0]
        assert len([line for line in daemon.events if line["event"] == "spared_too_long"]) == 1
        await platform.exec("redis-a", "rm", "/data/held")
        await daemon.wait_until(lambda s: not s["incidents"], within=60.0)
        assert [await starts.of(part) for part in ("redis-a", "redis-b", "gateway")] == [1, 1, 0]
