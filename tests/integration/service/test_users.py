"""A real Prometheus tells how many users are affected, and severity follows: it rises while nothing else changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import yaml

from nemo_watchdog.testing.servers import free_port, stop_listening
from tests.integration.daemon import Daemon
from tests.integration.service.parts import Service, tcp_policy
from tests.integration.service.programs import prometheus

POLICY = """  users: {{probe: prometheus, url: "{url}", query: users_affected, max: 1000000}}
classification:
  - name: users-notice
    title: Many users are affected
    severity: SEV1
    when: {{health: down, measure: {{users: "> 100"}}}}
  - {{name: few-notice, severity: SEV3, when: {{health: down, measure: {{users: "<= 100"}}}}}}
  - {{name: rest, severity: SEV4}}
"""


class Users:
    """A target for Prometheus: how many users are affected, as long as somebody knows."""

    def __init__(self) -> None:
        self.port = free_port()
        self.affected: int | None = None

    @asynccontextmanager
    async def served(self) -> AsyncIterator[None]:
        server = await asyncio.start_server(self._answer, "127.0.0.1", self.port)
        try:
            yield
        finally:
            await stop_listening(server)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = b"" if self.affected is None else b"users_affected %d\n" % self.affected
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nConnection: close\r\n"
        writer.write(head + b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        await writer.drain()
        writer.close()


async def test_severity_rises_with_the_users_that_are_affected(tmp_path: Path) -> None:
    """First nobody knows, so that no rule about users matches; then few are affected, then many; it stays so grave."""
    users = Users()
    config = tmp_path / "prometheus.yml"
    job = {"job_name": "users", "static_configs": [{"targets": [f"127.0.0.1:{users.port}"]}]}
    config.write_text(yaml.safe_dump({"global": {"scrape_interval": "200ms"}, "scrape_configs": [job]}))
    async with Service() as service, users.served(), prometheus(tmp_path, config) as url:
        policy = tcp_policy(service.port, POLICY.format(url=url))
        async with Daemon(policy, tmp_path) as daemon:
            await daemon.wait_for_health("service", "up")
            await service.stop()
            await daemon.event("incident_opened", root="service", severity="SEV4", rule="rest")
            users.affected = 3
            raised = await daemon.event("severity_raised", severity="SEV3", rule="few-notice")
            assert (raised["previous"], raised["dependency"]) == ("SEV4", "service")
            users.affected = 250
            raised = await daemon.event("severity_raised", severity="SEV1", rule="users-notice")
            assert (raised["previous"], raised["dependency"]) == ("SEV3", "service")
            users.affected = 2
            await daemon.wait_until(lambda status: status["dependencies"]["users"]["health"] == "up")
            await daemon.more_looks(10)
            (incident,) = (each for each in (await daemon.status())["incidents"] if each["root"] == "service")
            assert (incident["severity"], incident["rule"]) == ("SEV1", "users-notice")
