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
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
import uvloop

from nemo_watchdog import app
from nemo_watchdog.app import Settings
from nemo_watchdog.archive import SqliteArchive
from nemo_watchdog.errors import NemoWatchdogError, PolicyError
from nemo_watchdog.journal import reading
from nemo_watchdog.journal.place import Place
from nemo_watchdog.journal.sqlite import SqliteJournal
from nemo_watchdog.runtime import supervisor
from nemo_watchdog.runtime.clock import SystemClock, boot_id
from nemo_watchdog.state_dir import ANSWER_KEY_NAME, ARCHIVE_NAME, JOURNAL_NAME, TOKEN_NAME, TOKENS_NAME
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


async def listening(listen: str) -> bool:
    try:
        return bool(await ask(listen, "/api/v1/status"))
    except OSError:
        return False


def live(
    settings: Settings, story: Callable[[], Awaitable[None]], until: Callable[[str], Awaitable[bool]] | None = None
) -> None:
    """Starts the daemon, tells the story once it is ready, ends it with SIGTERM and waits for its end."""
    there = until or ready

    async def life() -> None:
        daemon = asyncio.create_task(app.run(settings))
        try:
            async with asyncio.timeout(30.0):
                while not daemon.done() and not await there(settings.listen):
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


def until_written(journal: Path) -> None:
    """Something that happened is on disk."""
    deadline = time.monotonic() + 20.0
    while not reading.read(journal).rows:
        assert time.monotonic() < deadline
        time.sleep(0.01)


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


@pytest.mark.parametrize("name", [TOKEN_NAME, ANSWER_KEY_NAME])
def test_the_token_is_made_once_and_for_one_user_only(settings: Settings, name: str) -> None:
    """Others on the machine cannot pause the watchdog, nor sign links."""
    path = settings.state_dir / name
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


def test_a_disk_that_hangs_does_not_keep_it_from_ending(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be written is lost, as with kill -9; who runs it need not kill it."""
    hang = threading.Event()
    monkeypatch.setattr(supervisor, "STOP_WITHIN", 0.2)
    monkeypatch.setattr(app, "CLOSE_WITHIN", 0.2)

    async def story() -> None:
        asked = threading.Event()
        monkeypatch.setattr(Place, "check", lambda _: asked.set() or hang.wait())  # type: ignore[func-returns-value]
        assert await asyncio.to_thread(
            asked.wait, 20.0
        )  # with the journal's lock held, by its look every 5 s if no more

    try:
        live(settings, story)
        assert not hang.is_set()
    finally:
        hang.set()


def test_without_a_thread_the_end_goes_on_and_says_so(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was committed is on disk; the process that ends lets go of the rest."""
    settings.state_dir.mkdir()
    journal = SqliteJournal(settings.state_dir / JOURNAL_NAME, boot_id())

    def none_left(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch, structlog.testing.capture_logs() as said:
        patch.setattr(threading.Thread, "start", none_left)
        asyncio.run(app._close(journal))
    journal.close()
    assert [line["log_level"] for line in said] == ["error"]
    assert "was not closed" in said[0]["event"]


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


async def until_damaged(listen: str) -> str:
    """What the status says of the journal, as soon as it does not call it well."""
    async with asyncio.timeout(20.0):
        while (said := (await ask(listen, "/api/v1/status"))["journal"]) == "ok":
            await asyncio.sleep(0.02)
        return str(said)


def journal_of(settings: Settings, *records: dict[str, Any]) -> Path:
    """A journal that an earlier process has left, and has ended well."""
    path = settings.state_dir / JOURNAL_NAME
    journal = SqliteJournal(path, boot_id())
    journal.append(records, [], SystemClock().now())
    journal.close()
    return path


PAUSED = {"type": "paused", "scope": "*", "reason": "deploying", "by": "ops", "duration": None, "incident": ""}


def test_a_damaged_journal_lets_it_start_and_observe_only_until_a_person_accepts(
    settings: Settings, call: Call
) -> None:
    """From the start to the next one: what was wrong, what it did not do, who said go on, and that it is whole."""
    path = journal_of(settings, PAUSED)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE records SET body = replace(body, 'deploying', 'deployed!')")
    connection.close()
    where = ("--state-dir", settings.state_dir)

    async def first() -> None:
        said = await until_damaged(settings.listen)
        assert "record 1 is not as it was written" in said
        assert "nemo-watchdog journal accept --reason TEXT" in said
        await until_never_up(settings.listen)
        verified = await asyncio.to_thread(call, "journal", "verify", *where)
        assert (verified.code, "- record 1 is not as it was written" in verified.out) == (1, True)
        assert "paused: *" in verified.out
        accepting = ("journal", "accept", "--reason", "I have looked", "--listen", settings.listen, *where)
        accepted = await asyncio.to_thread(call, *accepting)
        assert (accepted.code, accepted.err) == (0, "")
        assert "record 1 is not as it was written" in accepted.out
        assert "Paused: * by ops: deployed!" in accepted.out
        assert (await ask(settings.listen, "/api/v1/status"))["journal"] == "ok"
        again = await asyncio.to_thread(call, *accepting)
        assert (again.code, "nothing to accept" in again.err) == (1, True)

    async def second() -> None:
        body = await ask(settings.listen, "/api/v1/status")
        assert (body["journal"], list(body["pauses"])) == ("ok", ["*"])

    live(settings, first, until=listening)
    live(settings, second)
    assert call("journal", "verify", *where).code == 0
    journal = SqliteJournal(path, boot_id())
    records = [body for _, body in journal.replay(SystemClock().now())]
    journal.close()
    (accepted,) = [body for body in records if body["type"] == "journal_accepted"]
    assert accepted["reason"] == "I have looked"
    assert [body["type"] for body in records].count("incident_opened") == 1  # what happened meanwhile is there
    assert len(list(settings.state_dir.glob("damaged-*"))) == 1


def looks_of(settings: Settings) -> int:
    """How many looks the archive has of the one that is watched."""
    with closing(SqliteArchive(settings.state_dir / ARCHIVE_NAME)) as archive:
        now = datetime.now(UTC)
        return sum(run.looks for run in archive.looks("port", now - timedelta(days=1), now))


def test_how_each_look_went_is_kept(settings: Settings) -> None:
    """At the latest by the daemon's end, and the next one adds to it."""

    async def story() -> None:
        await until_never_up(settings.listen)

    live(settings, story)
    first = looks_of(settings)
    assert first >= 3
    live(settings, story)
    assert looks_of(settings) >= first + 3


def test_an_archive_that_cannot_be_opened_stops_no_start(settings: Settings) -> None:
    """The daemon watches, says what is not kept, and ends well."""
    (settings.state_dir / ARCHIVE_NAME).mkdir(parents=True)

    async def story() -> None:
        body = await until_never_up(settings.listen)
        (trouble,) = [each for each in body["troubles"] if "no evidence and no history" in each["what"]]
        assert "is not a regular file: move it away, and a new one is made" in trouble["why"]
        assert await ready(settings.listen)

    live(settings, story)


def test_a_record_that_makes_no_sense_is_damage(settings: Settings, call: Call) -> None:
    """The file is sound, and what it says is not; accepted, it is skipped at every start."""
    journal_of(settings, PAUSED | {"duration": "soon"}, PAUSED | {"scope": "port"})

    async def first() -> None:
        assert "paused record in the journal cannot be read" in await until_damaged(settings.listen)
        where = ("--listen", settings.listen, "--state-dir", settings.state_dir)
        assert (await asyncio.to_thread(call, "journal", "accept", "--reason", "I have looked", *where)).code == 0

    async def second() -> None:
        body = await ask(settings.listen, "/api/v1/status")
        assert (body["journal"], list(body["pauses"])) == ("ok", ["port"])

    live(settings, first, until=listening)
    live(settings, second)


def test_files_that_are_removed_while_it_runs(settings: Settings, call: Call) -> None:
    """It notices though nothing is to be written, and a kill in that state is no first start."""

    async def story() -> None:
        await until_never_up(settings.listen)
        await asyncio.to_thread(until_written, settings.state_dir / JOURNAL_NAME)  # of an empty one nothing is lost
        # The head first: the daemon may notice between two of them, and writes it anew as soon as it does.
        for file in sorted(settings.state_dir.glob("journal*"), key=lambda file: file.suffix != ".head"):
            file.unlink()
        assert "was removed while it was in use" in await until_damaged(settings.listen)

    live(settings, story)
    verified = call("journal", "verify", "--state-dir", settings.state_dir)
    assert (verified.code, "the file is gone" in verified.out) == (1, True), verified.out


@pytest.mark.parametrize("name", [TOKEN_NAME, ANSWER_KEY_NAME])
@pytest.mark.parametrize(("content", "said"), [(b"", "is empty"), (b"\xff\xfe", "cannot be used")])
def test_a_token_or_key_that_is_none_stops_the_start(settings: Settings, name: str, content: bytes, said: str) -> None:
    """An empty secret would be no secret."""
    settings.state_dir.mkdir()
    (settings.state_dir / name).write_bytes(content)
    assert said in str(refusal(settings))


@pytest.mark.parametrize("name", [TOKEN_NAME, ANSWER_KEY_NAME])
def test_a_token_or_key_that_cannot_be_read_stops_the_start(settings: Settings, name: str) -> None:
    """Named, with the cause."""
    (settings.state_dir / name).mkdir(parents=True)
    assert str(settings.state_dir / name) in str(refusal(settings))


def test_tokens_that_cannot_be_read_stop_the_start(settings: Settings) -> None:
    """Rather than a daemon on which everybody's token is good for nothing, or anybody's for everything."""
    settings.state_dir.mkdir()
    (settings.state_dir / TOKENS_NAME).write_text("{", encoding="utf-8")
    said = str(refusal(settings))
    assert f"the tokens {settings.state_dir / TOKENS_NAME} cannot be used" in said
    assert "delete the file" in said


def test_where_reading_needs_a_token_it_needs_one(settings: Settings) -> None:
    """The daemon's own, or one that it made, which a restart does not forget; what is for all is answered."""
    closed, secrets = replace(settings, reading_is_open=False), []

    async def first() -> None:
        own = (settings.state_dir / TOKEN_NAME).read_text(encoding="ascii")
        assert await status_of("/api/v1/status", "") == 401
        assert await status_of("/api/v1/status", own) == 200
        made = await asyncio.to_thread(asked, "/api/v1/tokens", own, b'{"name": "grafana"}')
        secrets.append(json.loads(made)["secret"])

    async def second() -> None:
        assert await status_of("/metrics", secrets[0]) == 200
        assert await status_of("/metrics", "") == 401
        assert await status_of("/healthz", "") == 200

    def asked(path: str, token: str, body: bytes | None = None) -> bytes:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"} if token else {}
        request = urllib.request.Request(f"http://{settings.listen}{path}", body, headers)
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310 - our own address
            answer: bytes = response.read()
            return answer

    async def status_of(path: str, token: str) -> int:
        try:
            await asyncio.to_thread(asked, path, token)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code
        return 200

    live(closed, first)
    live(closed, second)


@pytest.mark.parametrize(
    ("given", "is_open"), [((), True), (("--reading", "open"), True), (("--reading", "token"), False)]
)
def test_who_may_read_is_said_at_the_start(
    call: Call, monkeypatch: pytest.MonkeyPatch, given: tuple[str, ...], is_open: bool
) -> None:
    """Open unless it is said."""
    heard = []

    async def run(settings: Settings, _: object) -> None:
        heard.append(settings.reading_is_open)
        raise NemoWatchdogError("heard")

    monkeypatch.setattr(app, "run", run)
    assert call("run", *given).code == 2
    assert heard == [is_open]
    assert call("run", "--reading", "closed").code == 2
    assert heard == [is_open]


def test_a_docker_address_that_is_none_is_said(settings: Settings) -> None:
    """A socket that does not answer is blindness; an address that cannot be one is a mistake."""
    assert "must begin with" in str(refusal(with_(settings, docker="carrier-pigeon")))
