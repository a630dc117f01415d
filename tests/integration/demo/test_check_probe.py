"""`nemo-watchdog check --probe` on a real platform: a row for each dependency, of what one look sees."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from nemo_watchdog.demo.parts import Gemma, Postgres, Redis
from nemo_watchdog.demo.platform import Platform
from tests.integration.conftest import StartPlatform


async def check(platform: Platform, folder: Path, *options: str) -> tuple[int, str]:
    policy = folder / "policy.yaml"
    policy.write_text(platform.policy_text(), encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "nemo_watchdog", "check", str(policy), "--probe", *options),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "COLUMNS": "160"},
    )
    out, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode()


async def looks(platform: Platform, folder: Path) -> tuple[int, dict[str, Any]]:
    code, out = await check(platform, folder, "--json")
    return code, json.loads(out)["probes"]


async def test_a_well_platform_is_well_passwords_and_all(start_platform: StartPlatform, tmp_path: Path) -> None:
    """Exit code 0, every outcome ok, every container running, and no password in the table."""
    platform = await start_platform(Postgres(password="s3cret"), Redis(password="s3cret"), "gateway", Gemma())
    code, seen = await looks(platform, tmp_path)
    async with asyncio.timeout(60.0):
        while code != 0:  # on a busy machine one look of four may come too late
            assert {each["reason"] for each in seen.values()} <= {None, "timeout", "slow", "overloaded"}, seen
            code, seen = await looks(platform, tmp_path)
    assert {name: (look["outcome"], look["container"]) for name, look in seen.items()} == dict.fromkeys(
        platform.parts, ("ok", "running")
    )
    _, table = await check(platform, tmp_path)
    assert [table.count(f"\n  {name} ") for name in platform.parts] == [1] * 4
    assert table.count("container running") == 4
    assert "s3cret" not in table


async def test_each_thing_that_is_wrong_has_its_category(start_platform: StartPlatform, tmp_path: Path) -> None:
    """One look at a paused gateway and a stopped Redis tells them apart, with exit code 1."""
    platform = await start_platform("redis", "gateway")
    await platform.docker("stop", platform.name("redis"))
    await platform.docker("pause", platform.name("gateway"))
    code, seen = await looks(platform, tmp_path)
    assert code == 1
    told = {name: (look["category"], look["reason"], look["container"]) for name, look in seen.items()}
    assert told == {"redis": ("fault", "refused", "exited"), "gateway": ("fault", "timeout", "paused")}
