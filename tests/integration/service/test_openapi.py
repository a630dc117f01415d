"""The HTTP side is what its own OpenAPI document says: schemathesis asks it what the document allows, and what not."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import jsonschema

from tests.integration.daemon import Daemon

POLICY = """
version: 1
dependencies:
  nothing-there:
    probe: tcp
    address: 127.0.0.1:9
  beat:
    probe: push
    token: not-a-secret-of-anybody
    period: 1h
"""
EXAMPLES = 10
"""Requests of each kind for each operation."""


async def test_it_answers_nothing_that_its_document_does_not_tell(tmp_path: Path) -> None:
    """No 5xx, no undocumented status, type or body, and no request accepted that the document forbids."""
    async with Daemon(POLICY, tmp_path) as daemon:
        await daemon.wait_until(lambda status: bool(status["incidents"]))
        asking = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "schemathesis.cli", "run", f"{daemon.url}/api/v1/openapi.json"),
            *("--header", f"Authorization: Bearer {daemon.token}", "--no-color"),
            # What a name, a time or an id may be, and which belong together, no schema says.
            *("--exclude-checks", "positive_data_acceptance"),
            *("--exclude-path", "/api/v1/live"),  # its answer has no end
            *("--max-examples", str(EXAMPLES), "--seed", "1", "--generation-database", "none"),
            cwd=tmp_path,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await asyncio.wait_for(asking.communicate(), 240.0)
        assert asking.returncode == 0, said.decode(errors="replace")[-8000:]
        assert (await daemon.status())["incidents"]


async def test_what_the_command_line_prints_as_json_is_of_the_same_types(tmp_path: Path) -> None:
    """Each reading command, held to the schema of the answer that it prints."""
    async with Daemon(POLICY, tmp_path) as daemon:
        status = await daemon.wait_until(lambda status: bool(status["incidents"]))
        (incident, *_) = [each["id"] for each in status["incidents"]]
        told = json.loads(await daemon.get("/api/v1/openapi.json"))
        for command, path in (
            (("status",), "/api/v1/status"),
            (("incidents",), "/api/v1/incidents"),
            (("incident", incident), "/api/v1/incidents/{id}"),
            (("explain", "nothing-there"), "/api/v1/dependencies/{name}/explain"),
        ):
            asking = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "nemo_watchdog", *command, "--json", "--listen", f"127.0.0.1:{daemon.port}"),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
            )
            printed, _ = await asyncio.wait_for(asking.communicate(), 30.0)
            (content,) = told["paths"][path]["get"]["responses"]["200"]["content"].values()
            schema = {**content["schema"], "components": told["components"]}
            jsonschema.validate(json.loads(printed), schema, jsonschema.Draft202012Validator)
