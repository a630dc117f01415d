"""`discover: labels`, of a real daemon and a real Docker of its own: others on this machine may have labels too."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from nemo_watchdog.demo.images import IMAGE, USR_MOUNTS
from tests.integration.containers.private_engine import PrivateEngine
from tests.integration.daemon import Daemon

POLICY = """\
version: 1
discover: labels
defaults: {interval: 1s, confirm_interval: 300ms}
dependencies: {}
remedies:
  again: {steps: [{do: docker.restart, stop_timeout: 1s, attempts: 2, verify_within: 20s}], budget: 5 per 1h}
"""
RUN = ("run", "-d", "--network", "none", *USR_MOUNTS)
SLEEPS = (IMAGE, "/bin/sh", "-c", "trap 'exit 0' TERM; sleep 600 & wait")


async def run(engine: PrivateEngine, name: str, **labels: str) -> None:
    options = [word for key, value in labels.items() for word in ("--label", f"nemo-watchdog.{key}={value}")]
    await engine.docker(*RUN, "--name", name, *options, *SLEEPS)


async def test_containers_come_with_their_labels_are_healed_and_go(docker_engine: str, tmp_path: Path) -> None:
    """Also after a `kill -9`, with a Docker that does not answer then; and labels that cannot be used are told."""
    async with PrivateEngine() as engine:
        await run(engine, "web", remedy="again", startup_grace="0s", tags="core")
        async with Daemon(POLICY, tmp_path, environ={"DOCKER_HOST": engine.url}) as daemon:
            await daemon.wait_for_health("web", "up")
            await run(engine, "worker", remedy="again", needs="web")
            await run(engine, "odd", remedy="none")
            await daemon.event("labels not used", within=30.0)
            status = await daemon.wait_until(lambda now: "worker" in now["dependencies"], within=30.0)
            assert status["policy"]["discovered"] == ["web", "worker"]
            (told,) = status["policy"]["unused_labels"]
            assert told.startswith("container odd: label nemo-watchdog.remedy: there is no remedy `none`")
            assert "odd" not in status["dependencies"]

            await daemon.wait_for_health("web", "up")
            os.kill(int(await engine.docker("inspect", "--format", "{{.State.Pid}}", "web")), signal.SIGKILL)
            await daemon.event("action_started", within=30.0, dependency="web")
            await daemon.event("incident_resolved", within=30.0, root="web")

            await engine.docker("rm", "-f", "worker")
            await daemon.wait_until(lambda now: "worker" not in now["dependencies"], within=30.0)
            await daemon.kill9()
            await engine.stop()
            await daemon.start()
            status = await daemon.status()
            assert status["policy"]["discovered"] == ["web"]
            await engine.start()
            await daemon.wait_until(lambda now: bool(now["dependencies"]["web"]["held"]), within=60.0)  # who ended it?
            await engine.docker("rm", "-f", "web", "odd")
            await daemon.wait_until(lambda now: not now["dependencies"], within=60.0)
            acted = [line["dependency"] for line in daemon.events if line["event"] == "action_started"]
            assert acted == ["web"]
