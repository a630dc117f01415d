"""What uses a container's network is cut off by a restart of that, and is restarted after it, by a real daemon."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from nemo_watchdog.demo.docker_cli import docker
from nemo_watchdog.demo.images import USR_MOUNTS, ensure_image
from nemo_watchdog.testing.servers import free_port
from tests.integration.daemon import Daemon

SERVES = """
trap 'exit 0' TERM
while :; do
  if test -e /broken; then sleep 0.2; else python3 -m http.server "$PORT" & echo $! >/pid; wait $!; fi
done
"""
"""It serves until a file is there, which `breaks` makes and a restart finds removed."""

POLICY = """\
version: 1
defaults: {{interval: 500ms, confirm_interval: 200ms, startup_grace: 3s, down_after: 2}}
dependencies:
  exporter: {{probe: http, url: 'http://127.0.0.1:{ports[2]}/', container: {prefix}-exporter, needs: [sidecar]}}
  sidecar: {{probe: http, url: 'http://127.0.0.1:{ports[1]}/', container: {prefix}-sidecar, needs: [web]}}
  web: {{probe: http, url: 'http://127.0.0.1:{ports[0]}/', container: {prefix}-web, remedy: with-all}}
contacts: {{team: []}}
remedies:
  with-all:
    steps:
      - {{do: docker.restart, stop_timeout: 2s, also: dependents, verify_within: 20s}}
      - {{do: escalate, to: team}}
    budget: 1 per 1h
"""


class Pod:
    """`web`, and two containers in its network."""

    def __init__(self) -> None:
        self.prefix = f"nemo-test-{secrets.token_hex(4)}"
        self.ports = [free_port() for _ in range(3)]
        self.policy = POLICY.format(prefix=self.prefix, ports=self.ports)

    def name(self, part: str) -> str:
        return f"{self.prefix}-{part}"

    async def start(self) -> None:
        published = (word for port in self.ports for word in ("--publish", f"127.0.0.1:{port}:{port}"))
        await self._run("web", self.ports[0], *published)
        for part, port in zip(("sidecar", "exporter"), self.ports[1:], strict=True):
            await self._run(part, port, "--network", f"container:{self.name('web')}")

    async def _run(self, part: str, port: int, *options: str) -> None:
        common = ("--name", self.name(part), "--label", "nemo-watchdog-test.made=1", "--env", f"PORT={port}")
        image = await ensure_image()
        await docker("run", "-d", *common, *options, *USR_MOUNTS, image, "/bin/sh", "-c", SERVES)

    async def kill_server(self, part: str) -> None:
        """What serves in it ends, and only its main process could start it anew: it is stopped."""
        await docker("exec", self.name(part), "/bin/sh", "-c", "kill -STOP $(cat /pid)")

    async def started(self) -> dict[str, str]:
        """When the run of each began."""
        shown = dict.fromkeys(("web", "sidecar", "exporter"), "{{.State.StartedAt}}")
        return {part: await docker("inspect", "--format", form, self.name(part)) for part, form in shown.items()}

    async def remove(self) -> None:
        for part in ("exporter", "sidecar", "web"):
            await docker("rm", "-f", "-v", self.name(part))


@pytest_asyncio.fixture
async def pod(docker_engine: str) -> AsyncIterator[Pod]:
    it = Pod()
    await it.start()
    yield it
    await it.remove()


async def all_up(daemon: Daemon) -> None:
    for name in ("web", "sidecar", "exporter"):
        await daemon.wait_for_health(name, "up", within=30.0)


async def test_what_shares_its_network_serves_again_with_it(pod: Pod, tmp_path: Path) -> None:
    """One action with a budget of one; nobody else's hand is seen in it, and one incident has it all."""
    async with Daemon(pod.policy, tmp_path) as daemon:
        await all_up(daemon)
        before = await pod.started()
        await pod.kill_server("web")
        intended = await daemon.event("action_intended", within=30.0)
        assert intended["along"] == [pod.name("sidecar"), pod.name("exporter")]
        ended = await daemon.event("action_ended", within=60.0)
        assert ended["outcome"] == "succeeded"
        await daemon.event("incident_resolved", within=60.0)
        await all_up(daemon)
        after = await pod.started()
        assert all(after[part] > before[part] for part in before)
        assert after["web"] < after["sidecar"] < after["exporter"]
        await daemon.more_looks(4)
        events = [line["event"] for line in daemon.events]
        assert (events.count("action_intended"), events.count("incident_opened")) == (1, 1)
        assert not {"touched", "hold_placed", "escalated"} & set(events)


async def test_what_a_person_has_stopped_stays_so(pod: Pod, tmp_path: Path) -> None:
    """And what somebody pauses holds the whole restart back, until it is let go on."""
    async with Daemon(pod.policy, tmp_path) as daemon:
        await all_up(daemon)
        await docker("stop", "-t", "2", pod.name("exporter"))
        await daemon.event("touched", within=30.0)
        await daemon.post("/api/v1/pause", {"scope": "sidecar", "reason": "debugging", "by": "kim"})
        await pod.kill_server("web")
        made = await daemon.event("decision_made", within=30.0, dependency="web", gate="pause")
        assert made["value"] == "kim paused sidecar (restarted after web): debugging"
        before = await pod.started()
        await daemon.more_looks(3)
        assert await pod.started() == before
        await daemon.post("/api/v1/resume", {"scope": "sidecar", "by": "kim"})
        intended = await daemon.event("action_intended", within=30.0)
        assert intended["along"] == [pod.name("sidecar")]
        await daemon.event("action_ended", within=60.0)
        await daemon.wait_for_health("web", "up", within=30.0)
        after = await pod.started()
        assert after["exporter"] == before["exporter"]
        assert after["sidecar"] > before["sidecar"]
