"""The daemon as a process: it starts, tells, stops on SIGTERM, and says why when it cannot start."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.integration.daemon import COMMAND, Daemon, DaemonError
from tests.integration.service.parts import SLOW_POLICY, Service, SlowService, tcp_policy


async def test_an_incident_opens_and_resolves_as_the_service_goes_and_comes(tmp_path: Path) -> None:
    """A port that refuses makes an incident with its reason; the port back again resolves it."""
    async with Service() as service, Daemon(tcp_policy(service.port), tmp_path) as daemon:
        await daemon.wait_for_health("service", "up")
        await service.stop()
        opened = await daemon.event("incident_opened")
        assert (opened["root"], opened["reason"]) == ("service", "refused")
        status = await daemon.wait_until(lambda status: bool(status["incidents"]))
        assert status["incidents"][0]["id"] == opened["incident"]
        await service.start()
        await daemon.event("incident_resolved", incident=opened["incident"])
        assert (await daemon.status())["incidents"] == []
        assert await daemon.terminate() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_in_order(tmp_path: Path, number: signal.Signals) -> None:
    """SIGTERM and SIGINT end it within seconds, with exit status 0 and a last word."""
    async with Service() as service, Daemon(tcp_policy(service.port), tmp_path) as daemon:
        daemon.signal(number)
        assert await daemon.ended(within=5.0) == 0
        assert daemon.events[-1]["event"] == "stopped"


async def test_an_open_incident_survives_a_kill(tmp_path: Path) -> None:
    """After SIGKILL and a new start the same incident is open, under its old id, and resolves under it."""
    async with Service() as service, Daemon(tcp_policy(service.port), tmp_path) as daemon:
        await daemon.wait_for_health("service", "up")
        await service.stop()
        opened = await daemon.event("incident_opened")
        await daemon.wait_until(lambda status: bool(status["incidents"]))
        await daemon.restart(kill=True)
        status = await daemon.wait_for_health("service", "down")
        assert [incident["id"] for incident in status["incidents"]] == [opened["incident"]]
        await service.start()
        await daemon.event("incident_resolved", incident=opened["incident"])
        assert [line["event"] for line in daemon.events].count("incident_opened") == 1


async def test_why_nothing_was_done_is_told_also_when_it_is_over_and_after_a_kill(tmp_path: Path) -> None:
    """By the command line, in a process of its own: now, then, and for a time before the records."""
    async with Service() as service, Daemon(tcp_policy(service.port), tmp_path) as daemon:
        await daemon.wait_for_health("service", "up")
        await service.stop()
        await daemon.event("decision_made", dependency="service")
        await daemon.more_looks(2)
        now = await explained(daemon)
        assert (now["health"], now["decision"]["gate"]) == ("down", "remedy")
        await service.start()
        await daemon.event("incident_resolved")
        await daemon.restart(kill=True)
        await daemon.wait_for_health("service", "up")
        then = await explained(daemon, "--at", now["at"])
        assert (then["health"], then["incident"], then["decision"]) == ("down", now["incident"], now["decision"])
        assert (await explained(daemon))["decision"] is None
        assert (await explained(daemon, "--at", "1d ago"))["health"] is None


async def explained(daemon: Daemon, *more: str) -> dict[str, Any]:
    listen = f"127.0.0.1:{daemon.port}"
    process = await asyncio.create_subprocess_exec(
        *(*COMMAND, "explain", "service", "--json", "--listen", listen, *more), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    told: dict[str, Any] = json.loads(out)
    return told


async def test_a_pause_survives_a_kill(tmp_path: Path) -> None:
    """The kill switch holds after SIGKILL and a new start, until somebody resumes it."""
    async with Service() as service, Daemon(tcp_policy(service.port), tmp_path) as daemon:
        await daemon.post("/api/v1/pause", {"reason": "the disk is being replaced", "by": "kim"})
        await daemon.restart(kill=True)
        assert (await daemon.status())["pauses"]["*"]["reason"] == "the disk is being replaced"
        await daemon.post("/api/v1/resume", {"by": "kim"})
        await daemon.restart(kill=True)
        assert (await daemon.status())["pauses"] == {}


async def test_the_policy_file_is_followed(tmp_path: Path) -> None:
    """A changed file is read by itself; a bad one changes nothing and is told; the next good one clears that."""
    async with Service() as service, Daemon(tcp_policy(service.port), tmp_path) as daemon:
        good = tcp_policy(service.port)
        daemon.write_policy(good.replace("  service:", "  renamed:"))
        await daemon.wait_until(lambda status: list(status["dependencies"]) == ["renamed"])
        daemon.write_policy(good.replace("probe: tcp", "prob: tcp"))
        status = await daemon.wait_until(lambda status: bool(status["policy"]["problems"]))
        assert list(status["dependencies"]) == ["renamed"]
        assert "did you mean" in status["policy"]["problems"][0]
        assert "nemo_watchdog_policy_reload_success 0.0" in await daemon.metrics()
        daemon.write_policy(good)
        status = await daemon.wait_until(lambda status: list(status["dependencies"]) == ["service"])
        assert status["policy"]["problems"] == []
        assert "nemo_watchdog_policy_reload_success 1.0" in await daemon.metrics()


async def test_sighup_reloads_at_once(tmp_path: Path) -> None:
    """SIGHUP reads the policy again, also when nothing changed."""
    async with Service() as service, Daemon(tcp_policy(service.port), tmp_path) as daemon:
        daemon.signal(signal.SIGHUP)
        await daemon.event("policy reloaded", within=2.0)


async def test_a_change_without_the_token_is_refused(tmp_path: Path) -> None:
    """Nobody pauses the daemon without its token, which only its own user can read."""
    async with Service() as service, Daemon(tcp_policy(service.port), tmp_path) as daemon:
        async with aiohttp.ClientSession() as session:
            body = {"reason": "mischief"}
            async with session.post(f"{daemon.url}/api/v1/pause", json=body) as answer:
                assert answer.status == 401
        assert (await daemon.status())["pauses"] == {}
        assert (daemon.state_dir / "token").stat().st_mode & 0o077 == 0


async def test_a_frozen_daemon_goes_on_where_it_was(tmp_path: Path) -> None:
    """A daemon that was stopped in the middle goes on where it was, and opens no incident for the lost time."""
    async with Service() as service, Daemon(tcp_policy(service.port), tmp_path) as daemon:
        await daemon.wait_for_health("service", "up")
        looks = await looks_of(daemon)
        daemon.signal(signal.SIGSTOP)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2.0):
                await daemon.status()
        daemon.signal(signal.SIGCONT)
        async with asyncio.timeout(10.0):
            while await looks_of(daemon) < looks + 5:
                await asyncio.sleep(0.1)
        status = await daemon.wait_for_health("service", "up")
        assert status["incidents"] == []
        assert "incident_opened" not in [line["event"] for line in daemon.events]


async def test_looks_that_were_under_way_when_it_froze_are_no_evidence(tmp_path: Path) -> None:
    """Stopped in a look for longer than its timeout, it says that it was held up itself: nothing is called down."""
    async with SlowService() as service:
        policy = SLOW_POLICY.format(port=service.port)
        async with Daemon(policy, tmp_path) as daemon:
            await daemon.wait_for_health("slow", "up")
            for _ in range(2):
                asked = service.asked
                async with asyncio.timeout(10.0):
                    while service.asked == asked:
                        await asyncio.sleep(0.005)
                daemon.signal(signal.SIGSTOP)
                await asyncio.sleep(2.5)
                daemon.signal(signal.SIGCONT)
                await daemon.more_looks(4)
                await daemon.wait_for_health("slow", "up")
            told = {line["health"] for line in daemon.events if line["event"] == "health_changed"}
            assert told <= {"up", "unknown"}  # one failed look would be enough for down
            metrics = await daemon.metrics()
            assert 'outcome="failed",reason="watchdog_overloaded"} ' in metrics
            assert 'reason="timeout"' not in metrics


async def looks_of(daemon: Daemon) -> float:
    """How often it has looked at the service and found it well."""
    wanted = 'nemo_watchdog_probes_total{dependency="service",outcome="ok",reason=""} '
    lines = [line for line in (await daemon.metrics()).splitlines() if line.startswith(wanted)]
    return float(lines[0].removeprefix(wanted)) if lines else 0.0


async def test_a_bad_policy_is_told_and_exits_2(tmp_path: Path) -> None:
    """A first policy with a mistake ends the start with the file, the line and what would be right."""
    with pytest.raises(DaemonError, match=r"it ended with 2\n.*policy\.yaml:5:.*did you mean `probe`"):
        async with Daemon(tcp_policy(1).replace("probe:", "prob:"), tmp_path):
            pass


async def test_a_taken_port_is_told_and_exits_2(tmp_path: Path) -> None:
    """Where somebody else listens already, the start ends with the address and what to do."""
    daemon = Daemon(tcp_policy(1), tmp_path)
    with socket.create_server(("127.0.0.1", daemon.port)):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "nemo_watchdog", "run", "--policy", str(daemon.policy)),
            *("--state-dir", str(daemon.state_dir), "--listen", f"127.0.0.1:{daemon.port}"),
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(20.0):
            _, complaint = await process.communicate()
    assert process.returncode == 2
    assert f"cannot listen on 127.0.0.1:{daemon.port}" in complaint.decode()
