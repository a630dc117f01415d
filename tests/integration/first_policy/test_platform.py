"""`nemo-watchdog init` on a real platform: the policy that it writes is all up, and heals."""

from __future__ import annotations

import os
from pathlib import Path

import yaml

from nemo_watchdog.demo import faults
from nemo_watchdog.demo.parts import Gemma, Postgres, Redis
from nemo_watchdog.demo.platform import LABEL
from tests.integration.conftest import StartPlatform
from tests.integration.daemon import Daemon
from tests.integration.first_policy.part_of_docker import acting, init, only, probes


async def test_what_it_writes_is_all_up_and_heals(start_platform: StartPlatform, tmp_path: Path) -> None:
    """Each part is known for what it is; a gateway that is killed is restarted, once."""
    platform = await start_platform("postgres", "redis", "gateway", Gemma(load_seconds=0.0))
    names = {part: platform.name(part) for part in platform.parts}
    async with only({LABEL: platform.prefix}, tmp_path) as host:
        code, text, told = await init(host)
    assert code == 0, told
    assert "found 4 containers: " in told

    written = yaml.safe_load(text)["dependencies"]
    gateway = written[names["gateway"]]
    assert {part: written[name]["probe"] for part, name in names.items()} == {
        "postgres": "postgres",
        "redis": "redis",
        "gateway": "http",
        "gemma": "llm",
    }
    assert gateway["url"].endswith("/health")
    assert gateway["expect"] == {"status": 200, "json": {"status": "ok"}}
    assert sorted(gateway["needs"]) == [names["postgres"], names["redis"]]

    policy = tmp_path / "first.yaml"
    policy.write_text(text, encoding="utf-8")
    _, seen = await probes(policy)
    assert {seen[name][1] for name in (*names.values(), "docker")} == {"ok"}, seen

    # Docker remembers 256 events of everything: of a run that began long ago nobody can tell who ended it.
    await platform.docker("restart", "--time", "1", names["gateway"])
    await platform.ready("gateway")
    async with Daemon(acting(text), tmp_path) as daemon:
        await daemon.wait_until(lambda s: all(s["dependencies"][name]["health"] == "up" for name in names.values()))
        began = await platform.docker("info", "--format", "{{.SystemTime}}")
        await faults.sigkill(platform, "gateway")
        await daemon.event("incident_resolved", within=60.0)
        await platform.ready("gateway")
        assert len([each for each in daemon.events if each["event"] == "action_started"]) == 1
    ended = await platform.docker("info", "--format", "{{.SystemTime}}")
    restarted = await platform.docker(
        *("events", "--since", began, "--until", ended, "--filter", "event=restart"),
        *("--filter", f"label={LABEL}={platform.prefix}", "--format", "{{.Actor.Attributes.name}}"),
    )
    assert restarted.split() == [names["gateway"]]


async def test_no_secret_leaves_a_container(start_platform: StartPlatform, tmp_path: Path) -> None:
    """What asks for a password is told as such; with its address in the environment it is up."""
    secret = f"s3cret{os.getpid()}"
    platform = await start_platform(Postgres(password=secret), Redis(password=secret))
    async with only({LABEL: platform.prefix}, tmp_path) as host:
        code, _, told = await init(host, "--output", str(tmp_path / "first.yaml"))
    text = (tmp_path / "first.yaml").read_text(encoding="utf-8")
    assert code == 0, told
    assert secret not in text + told
    assert "# POSTGRES_DSN=postgresql://postgres:PASSWORD@127.0.0.1:" in text
    assert "# REDIS_URL=redis://:PASSWORD@127.0.0.1:" in text
    environ = {"POSTGRES_DSN": platform.postgres_dsn, "REDIS_URL": platform.redis_url}
    _, seen = await probes(tmp_path / "first.yaml", environ)
    assert {seen[platform.name(part)][1] for part in platform.parts} == {"ok"}, seen
