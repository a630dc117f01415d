"""`nemo-watchdog demo --keep`: the lines that it ends with work as they are."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

from rich.console import Console

from nemo_watchdog.demo.docker_cli import command, docker
from nemo_watchdog.demo.performance import play
from nemo_watchdog.demo.platform import LABEL
from tests.integration.conftest import StartPlatform


async def test_what_is_left_can_be_looked_at_and_removed(start_platform: StartPlatform, tmp_path: Path) -> None:
    """On 80 columns, where a wrapped line could not be copied. Afterwards nothing is left, nor a folder."""
    platform = await start_platform("postgres", "redis", "gateway", "gemma")
    folder = tmp_path / "demo"
    folder.mkdir()
    said = io.StringIO()
    assert await play(platform, folder, Console(file=said, width=80), keep=True, story=())
    lines = dict(re.findall(r"^  (look|break|end): +(.+)$", said.getvalue(), re.MULTILINE))
    try:
        status = json.loads(await command("sh", "-c", lines["look"].replace("--watch", "--json")))
        assert set(status["dependencies"]) == set(platform.parts)
        broken = re.fullmatch(r"curl -X POST 'http://127.0.0.1:(\d+)(.+)'", lines["break"])
        assert broken is not None
        assert int(broken[1]) == platform.port("gemma")
        assert await platform.http("gemma", broken[2], method="POST") == (200, b'{"mode": "500"}')
    finally:
        await command("sh", "-c", lines["end"])
    assert not folder.exists()
    assert await docker("ps", "-aq", "--filter", f"label={LABEL}={platform.prefix}") == ""
    assert await docker("network", "ls", "-q", "--filter", f"label={LABEL}={platform.prefix}") == ""
