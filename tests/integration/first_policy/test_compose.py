"""`nemo-watchdog init` and Compose: who depends on whom, from labels, from the file, and from the file alone."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_asyncio
import yaml

from nemo_watchdog.demo.docker_cli import command
from nemo_watchdog.demo.parts import Gateway, Part, Postgres, Redis
from nemo_watchdog.first_policy.found import Published
from nemo_watchdog.first_policy.look import ask
from nemo_watchdog.testing.servers import free_port
from tests.integration.first_policy.part_of_docker import init, only, probes
from tests.parts import need
from tests.suites.composed import service_of

PROJECT_LABEL = "com.docker.compose.project"


class Project:
    """A Compose file with the demo's parts; `up` starts them."""

    def __init__(self, folder: Path) -> None:
        self.name = f"nemotest{secrets.token_hex(4)}"
        self.file = folder / "docker-compose.yml"
        self.ports = {"POSTGRES": free_port(), "REDIS": free_port(), "GATEWAY": free_port()}
        (folder / ".env").write_text("".join(f"{name}_PORT={port}\n" for name, port in self.ports.items()))
        parts: dict[str, Part] = {"postgres": Postgres(), "redis": Redis(), "gateway": Gateway()}
        services = {kind: self._service(part, parts) for kind, part in parts.items()}
        services["gateway"]["depends_on"] = ["postgres", "redis"]
        services["redis"]["depends_on"] = {"postgres": {"condition": "service_started"}}
        self.file.write_text(json.dumps({"version": "2.4", "services": services}), encoding="utf-8")

    @staticmethod
    def _service(part: Part, parts: dict[str, Part]) -> dict[str, Any]:
        return {
            **service_of(part, {kind: other for kind, other in parts.items() if other is not part}),
            "ports": [f"127.0.0.1:${{{part.kind.upper()}_PORT:?}}:{part.inner_port}"],
            "restart": "unless-stopped",
        }

    async def compose(self, *words: str) -> None:
        await command(need("docker-compose"), "-p", self.name, "-f", str(self.file), *words)

    async def serves(self) -> None:
        """Returns when the gateway says that all that it needs is there."""
        async with asyncio.timeout(60):
            while True:
                answer = await ask(Published(8000, "127.0.0.1", self.ports["GATEWAY"]), "/health")
                if answer is not None and answer.status == 200:
                    return
                await asyncio.sleep(0.1)


@pytest_asyncio.fixture
async def project(real_parts: str, tmp_path: Path) -> AsyncIterator[Project]:
    need("docker-compose")
    made = Project(tmp_path)
    yield made
    await made.compose("down", "-v", "-t", "0")


async def test_who_depends_on_whom(project: Project, tmp_path: Path) -> None:
    """Compose 1 has no label for it: its file, which a label names, has."""
    await project.compose("up", "-d")
    await project.serves()
    async with only({PROJECT_LABEL: project.name}, tmp_path) as host:
        (code, text, told), (_, of_file, _) = await asyncio.gather(
            init(host), init(host, "--compose", str(project.file))
        )
    assert code == 0, told
    written = yaml.safe_load(text)["dependencies"]
    assert sorted(written) == ["docker", "gateway", "host", "postgres", "redis"]
    assert written["gateway"]["needs"] == ["postgres", "redis"]
    assert written["redis"]["needs"] == ["postgres"]
    assert written["postgres"]["container"] == f"{project.name}_postgres_1"
    assert "Compose says that it depends on postgres" in text
    assert yaml.safe_load(of_file)["dependencies"] == written

    (tmp_path / "first.yaml").write_text(text, encoding="utf-8")
    _, seen = await probes(tmp_path / "first.yaml")
    assert {seen[name][1] for name in ("postgres", "redis", "gateway")} == {"ok"}, seen


async def test_a_file_alone_is_enough(project: Project, tmp_path: Path) -> None:
    """Before anything runs: what Compose would make, and what it would call it."""
    async with only({PROJECT_LABEL: project.name}, tmp_path) as host:
        code, text, told = await init(host, "--compose", str(project.file))
    assert code == 0, told
    written = yaml.safe_load(text)["dependencies"]
    assert written["gateway"]["needs"] == ["postgres", "redis"]
    assert written["gateway"]["address"] == f"127.0.0.1:{project.ports['GATEWAY']}"
    assert written["redis"]["url"] == f"${{REDIS_URL:-redis://127.0.0.1:{project.ports['REDIS']}/0}}"
    folder = "".join(letter for letter in tmp_path.name.lower() if letter.isalnum() or letter in "_-")
    assert written["postgres"]["container"] == f"{folder}-postgres-1"
    assert "as Compose v2 would call it" in text
