"""A container that is known by its Compose service: a real daemon finds it again under another name."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from nemo_watchdog.demo.images import IMAGE, USR_MOUNTS
from tests.integration.containers.private_engine import PrivateEngine
from tests.integration.daemon import Daemon

POLICY = """\
version: 1
defaults: {interval: 1s, confirm_interval: 300ms, startup_grace: 0s}
dependencies:
  web: {probe: docker, container: {compose: shop/web}, remedy: again}
remedies:
  again: {steps: [{do: docker.restart, stop_timeout: 1s, attempts: 2, verify_within: 20s}], budget: 5 per 1h}
"""
LABELS = ("--label", "com.docker.compose.project=shop", "--label", "com.docker.compose.service=web")
RUN = ("run", "-d", "--network", "none", *USR_MOUNTS, *LABELS)
SLEEPS = (IMAGE, "/bin/sh", "-c", "trap 'exit 0' TERM; sleep 600 & wait")


async def killed(engine: PrivateEngine, name: str) -> None:
    os.kill(int(await engine.docker("inspect", "--format", "{{.State.Pid}}", name)), signal.SIGKILL)


async def means(daemon: Daemon, container: str) -> None:
    await daemon.wait_until(lambda now: now["dependencies"]["web"]["container"] == container, within=30.0)


async def test_one_that_was_made_anew_is_found_again_and_of_two_none_is(docker_engine: str, tmp_path: Path) -> None:
    """What is killed is restarted, whatever it is called by then; while two match, neither is."""
    async with PrivateEngine() as engine:
        await engine.docker(*RUN, "--name", "shop_web_1", *SLEEPS)
        async with Daemon(POLICY, tmp_path, environ={"DOCKER_HOST": engine.url}) as daemon:
            await daemon.wait_for_health("web", "up")
            await engine.docker("rm", "-f", "shop_web_1")
            await engine.docker(*RUN, "--name", "shop_web_2", *SLEEPS)
            await means(daemon, "shop_web_2")
            await daemon.wait_for_health("web", "up")
            await killed(engine, "shop_web_2")
            started = await daemon.event("action_started", within=30.0, dependency="web")
            assert started["container"] == "shop_web_2"
            await daemon.event("incident_resolved", within=30.0, root="web")

            await engine.docker(*RUN, "--name", "shop_web_3", *SLEEPS)
            await means(daemon, "compose shop/web")
            await killed(engine, "shop_web_2")
            said = "2 containers are compose shop/web, and one is meant: shop_web_2, shop_web_3"
            await daemon.wait_until(lambda now: said in str(now["dependencies"]["web"]), within=30.0)
            await engine.docker("rm", "-f", "shop_web_2")
            await means(daemon, "shop_web_3")
            await daemon.wait_for_health("web", "up")
            acted = [line["container"] for line in daemon.events if line["event"] == "action_started"]
            assert acted == ["shop_web_2"]
