"""What is asked of a real Docker to learn what it lets through is let through, and does nothing."""

from __future__ import annotations

import asyncio

from nemo_watchdog.containers.permissions import NOBODY, Call, Permissions
from tests.integration.containers.private_engine import PrivateEngine


async def test_every_call_comes_through_and_none_does_anything(docker_engine: str) -> None:
    """Also those that would make, change or remove a container, if they were meant."""
    async with PrivateEngine() as engine:
        permissions = Permissions(engine.url, timeout=20.0)
        try:
            answers = dict(zip(Call, await asyncio.gather(*(permissions.ask(call) for call in Call)), strict=True))
        finally:
            await permissions.close()
        refused = {call: answer for call, answer in answers.items() if not answer.let_through}
        assert refused == {}
        done = [call for call, answer in answers.items() if answer.status in (201, 204)]
        assert done == []
        assert await engine.docker("ps", "-aq") == ""
        assert NOBODY not in await engine.docker("network", "ls")
