"""The daemon put together for real, without a Docker: what it refuses to start with, and one life from end to end.

It runs on uvloop, as the command line runs it.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sqlite3
import urllib.request
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import uvloop

from nemo_watchdog import app
from nemo_watchdog.app import Settings
from nemo_watchdog.errors import JournalError, NemoWatchdogError, PolicyError
from nemo_watchdog.journal.sqlite import SqliteJournal
from nemo_watchdog.runtime.clock import SystemClock, boot_id
from nemo_watchdog.state_dir import JOURNAL_NAME, TOKEN_NAME
from nemo_watchdog.testing.servers import free_port
from tests.unit.cli.calling import Call, call

__all__ = ["call"]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings that work; nothing listens where the policy looks, and there is no Docker."""
    file = tmp_path / "policy.yaml"
    file.write_text(
        "version: 1\ndefaults: {interval: 1s, confirm_interval: 100ms, timeout: 500ms}\n"
        f"dependencies:\n  port: {{probe: tcp, address: '127.0.0.1:{free_port()}'}}\n",
        encoding="utf-8",
    )
    return Settings(file, tmp_path / "state", f"127.0.0.1:{free_port()}", f"unix://{tmp_path}/no-docker.sock")


def refusal(settings: Settings) -> NemoWatchdogError:
    """Why the daemon does not start."""
    with pytest.raises(NemoWatchdogError) as caught:
        uvloop.run(app.run(settings))
    return caught.value


def with_(settings: Settings, **changes: Any) -> Settings:
    values = {name: getattr(settings, name) for name in ("policy", "state_dir", "listen", "docker")}
    return Settings(**{**values, **changes})


def live(settings: Settings, story: Callable[[], Awaitable[None]]) -> None:
    """Starts the daemon, tells the story once it is ready, ends it with SIGTERM and waits for its end."""

    async def life() -> None:
        daemon = asyncio.create_task(app.run(settings))
        try:
            async with asyncio.timeout(30.0):
                while not daemon.done() and not await ready(settings.listen):
                    await asyncio.sleep(0.01)
            if not daemon.done():
                await story()
                os.kill(os.getpid(), signal.SIGTERM)  # the daemon handles signals since before it was ready
            await asyncio.wait_for(daemon, 30.0)
        finally:
            daemon.cancel()

    uvloop.run(life())


async def ready(listen: str) -> bool:
    try:
        return bool((await ask(listen, "/readyz"))["ok"])
    except OSError:
        return False


async def ask(listen: str, path: str) -> dict[str, Any]:
    def asked() -> dict[str, Any]:
        with urllib.request.urlopen(f"http://{listen}{path}", timeout=10) as response:
            body: dict[str, Any] = json.load(response)
            return body

    return await asyncio.to_thread(asked)


async def until_never_up(listen: str) -> dict[str, Any]:
    """Nobody has ever served there."""
    async with asyncio.timeout(20.0):
        while True:
            body = await ask(listen, "/api/v1/status")
            if body["dependencies"]["port"]["reason"] == "wrong_target":
                return body


def test_one_life(settings: Settings, call: Call) -> None:
    """It sees what was never up, opens an incident, obeys the kill switch, and remembers both after a restart."""

    async def first() -> None:
        body = await until_never_up(settings.listen)
        assert [incident["root"] for incident in body["incidents"]] == ["port"]
        where = ("--listen", settings.listen, "--state-dir", settings.state_dir)
        paused = await asyncio.to_thread(call, "pause", "--reason", "deploying", *where)
        assert (paused.code, "Every dependency is paused" in paused.out) == (0, True)
        status = await asyncio.to_thread(call, "status", "--listen", settings.listen)
        assert status.code == 1
        assert "deploying" in status.out

    async def second() -> None:
        body = await ask(settings.listen, "/api/v1/status")
        assert body["pauses"]["*"]["reason"] == "deploying"
        assert [incident["root"] for incident in body["incidents"]] == ["port"]

    live(settings, first)
    live(settings, second)
    journal = SqliteJournal(settings.state_dir / JOURNAL_NAME, boot_id())
    types = [body["type"] for _, body in journal.replay(SystemClock().now())]
    journal.close()
    assert types.count("incident_opened") == 1
    assert "action_intended" not in types


def test_the_token_is_made_once_and_for_one_user_only(settings: Settings) -> None:
    """Others on the machine cannot pause the watchdog."""
    path = settings.state_dir / TOKEN_NAME
    tokens: list[str] = []

    async def story() -> None:
        assert path.stat().st_mode & 0o777 == 0o600
        assert settings.state_dir.stat().st_mode & 0o777 == 0o700
        tokens.append(path.read_text(encoding="ascii"))

    live(settings, story)
    live(settings, story)
    assert tokens[0] == tokens[1]
    assert len(tokens[0]) >= 32


def test_sighup_reloads_the_policy(settings: Settings) -> None:
    """And a bad one is told and changes nothing."""

    async def story() -> None:
        await until_never_up(settings.listen)
        settings.policy.write_text("version: 1\n", encoding="utf-8")
        os.kill(os.getpid(), signal.SIGHUP)
        async with asyncio.timeout(20.0):
            while not (body := await ask(settings.listen, "/api/v1/status"))["policy"]["problems"]:
                continue
        assert list(body["dependencies"]) == ["port"]

    live(settings, story)


@pytest.mark.parametrize("listen", ["9877", "127.0.0.1", "127.0.0.1:-1", "127.0.0.1:70000", ":1"])
def test_a_bad_address_touches_nothing(settings: Settings, listen: str) -> None:
    """It is refused before a directory is made."""
    assert "write HOST:PORT" in str(refusal(with_(settings, listen=listen)))
    assert not settings.state_dir.exists()


@pytest.mark.parametrize(
    ("listen", "address"),
    [("[::1]:9877", ("::1", 9877)), ("0.0.0.0:0", ("0.0.0.0", 0)), ("localhost:1", ("localhost", 1))],
)
def test_an_address_is_a_host_and_a_port(settings: Settings, listen: str, address: tuple[str, int]) -> None:
    """IPv6 in brackets, as in a URL."""
    assert with_(settings, listen=listen).address == address


@pytest.mark.parametrize("name", ["http://watchdog", "*.example.com", "a,b", "watchdog:9877", ""])
def test_a_host_name_that_is_none_touches_nothing(settings: Settings, name: str) -> None:
    """It would allow nobody, and nobody would know why."""
    assert "write the name alone" in str(refusal(with_(settings, allow_hosts=("good.example", name))))
    assert not settings.state_dir.exists()


def test_a_taken_port_is_said(settings: Settings) -> None:
    """With what may be the cause, and what to do."""
    host, port = settings.address
    with socket.create_server((host, port)):
        message = str(refusal(settings))
    assert f"cannot listen on {settings.listen}" in message
    assert "another nemo-watchdog" in message
    assert "--listen" in message


def test_a_bad_policy_starts_nothing(settings: Settings) -> None:
    """Without a policy nothing is known about what may be done."""
    settings.policy.write_text("version: 2\n", encoding="utf-8")
    assert isinstance(refusal(settings), PolicyError)
    assert not settings.state_dir.exists()


def test_a_state_directory_that_is_a_file_is_said(settings: Settings) -> None:
    """Its path and a way out, not a traceback."""
    settings.state_dir.write_text("", encoding="ascii")
    message = str(refusal(settings))
    assert str(settings.state_dir) in message
    assert "--state-dir" in message


def test_a_state_directory_in_use_is_refused(settings: Settings) -> None:
    """Two daemons would spend the same budget twice."""
    settings.state_dir.mkdir()
    first = SqliteJournal(settings.state_dir / JOURNAL_NAME, boot_id())
    try:
        message = str(refusal(settings))
    finally:
        first.close()
    assert "another nemo-watchdog uses the state directory" in message


def test_a_corrupt_journal_stops_the_start_and_is_left_as_it_is(settings: Settings, call: Call) -> None:
    """Exit code 2; what it knew about spent budgets is for a person to save."""
    settings.state_dir.mkdir()
    path = settings.state_dir / JOURNAL_NAME
    path.write_bytes(b"this is no database" * 500)
    before = path.read_bytes()
    assert isinstance(refusal(settings), JournalError)
    result = call("run", "--policy", settings.policy, "--state-dir", settings.state_dir, "--listen", settings.listen)
    assert result.code == 2
    assert str(path) in result.err
    assert "Traceback" not in result.err
    assert path.read_bytes() == before


def test_a_record_that_makes_no_sense_stops_the_start(settings: Settings) -> None:
    """The file is sound, and what it says is not."""
    settings.state_dir.mkdir()
    path = settings.state_dir / JOURNAL_NAME
    journal = SqliteJournal(path, boot_id())
    record = {"type": "paused", "scope": "*", "reason": "x", "by": "ops", "duration": 60.0, "incident": ""}
    journal.append([record], [], SystemClock().now())
    journal.close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE records SET body = replace(body, '60.0', '\"soon\"')")
    connection.close()
    assert "paused record in the journal cannot be read" in str(refusal(settings))


@pytest.mark.parametrize(("content", "said"), [(b"", "is empty"), (b"\xff\xfe", "cannot be used")])
def test_a_token_that_is_none_stops_the_start(settings: Settings, content: bytes, said: str) -> None:
    """An empty secret would be no secret."""
    settings.state_dir.mkdir()
    (settings.state_dir / TOKEN_NAME).write_bytes(content)
    assert said in str(refusal(settings))


def test_a_token_that_cannot_be_read_stops_the_start(settings: Settings) -> None:
    """Named, with the cause."""
    (settings.state_dir / TOKEN_NAME).mkdir(parents=True)
    assert str(settings.state_dir / TOKEN_NAME) in str(refusal(settings))


def test_a_docker_address_that_is_none_is_said(settings: Settings) -> None:
    """A socket that does not answer is blindness; an address that cannot be one is a mistake."""
    assert "must begin with" in str(refusal(with_(settings, docker="carrier-pigeon")))
