"""The tokens that the daemon made: kept as hashes, in a file that is whole or ends the start."""

from __future__ import annotations

import asyncio
import hashlib
import json
import stat
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from nemo_watchdog.errors import NemoWatchdogError
from nemo_watchdog.web import tokens as module
from nemo_watchdog.web.tokens import MOST, OWN, PREFIX, Right, Token, Tokens
from tests.unit.runtime.shell import until

SECRET = "the-token"
NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
ENTRY: dict[str, Any] = {
    "id": "0a1b2c3d",
    "name": "grafana",
    "right": "read",
    "digest": "ab" * 32,
    "made": "2026-11-27T12:00:00+00:00",
    "by": "ops",
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "tokens.json"


def read(file: Path) -> Tokens:
    return Tokens(file, SECRET, lambda: NOON)


async def test_one_that_was_made_is_found_also_after_a_restart(file: Path) -> None:
    tokens = read(file)
    token, secret = await tokens.make("grafana", Right.READ, "ops")
    assert secret.startswith(PREFIX)
    assert (token.name, token.right, token.made, token.by) == ("grafana", Right.READ, NOON.isoformat(), "ops")
    for each in (tokens, read(file)):
        assert each.all == (token,)
        assert each.find(secret) == token
        assert [each.find(other) for other in (secret[:-1], secret.upper(), token.digest, token.id, "")] == [None] * 5


async def test_the_file_tells_nobody_a_secret_and_is_for_the_daemon_alone(file: Path) -> None:
    _, secret = await read(file).make("grafana", Right.READ, "ops")
    text = file.read_text()
    assert secret not in text
    assert hashlib.sha256(secret.encode()).hexdigest() in text
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [each.name for each in file.parent.iterdir()] == [file.name]


async def test_the_log_says_who_made_and_who_revoked_it_and_no_secret(file: Path) -> None:
    tokens = read(file)
    with capture_logs() as lines:
        token, secret = await tokens.make("grafana", Right.READ, "ops")
        await tokens.revoke(token.id, "ada")
    about = {"id": token.id, "name": "grafana", "right": "read", "log_level": "info"}
    assert lines == [
        {**about, "by": "ops", "event": "a token was made"},
        {**about, "by": "ada", "event": "a token was revoked"},
    ]
    assert secret not in str(lines)


async def test_one_that_was_revoked_is_found_no_more(file: Path) -> None:
    tokens = read(file)
    (first, secret), (second, other) = [await tokens.make(name, Right.READ, "ops") for name in ("a", "b")]
    assert await tokens.revoke(first.id, "ops") == first
    for each in (tokens, read(file)):
        assert (each.all, each.find(secret), each.find(other)) == ((second,), None, second)


async def test_the_daemon_s_own_may_operate_and_cannot_be_revoked(file: Path) -> None:
    tokens = read(file)
    own = tokens.find(SECRET)
    assert own is not None
    assert (own.name, own.may_operate, own.is_own) == ("the daemon's own token", True, True)
    assert tokens.all == ()
    with pytest.raises(web.HTTPConflict) as refused:
        await tokens.revoke(OWN, "ops")
    assert "cannot be revoked" in str(refused.value.text)
    with pytest.raises(web.HTTPConflict):
        await tokens.make(own.name, Right.READ, "ops")
    assert tokens.find(SECRET) == own
    assert not file.exists()


def test_a_token_that_there_is_not_is_met_by_nothing(file: Path) -> None:
    tokens = Tokens(file, "", lambda: NOON)
    assert [tokens.find(each) for each in ("", " ", "\udcff", hashlib.sha256(b"").hexdigest())] == [None] * 4


async def test_what_cannot_be_is_refused_with_what_there_is(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is given, an id that is not, and more than anybody would look through."""
    tokens = read(file)
    with pytest.raises(web.HTTPNotFound) as unknown:
        await tokens.revoke("x\n", "ops")
    assert unknown.value.text == "there is no token of the id x\\n; there are: none"
    token, _ = await tokens.make("grafana", Right.READ, "ops")
    with pytest.raises(web.HTTPConflict) as twice:
        await tokens.make("grafana", Right.OPERATE, "ops")
    assert token.id in str(twice.value.text)
    with pytest.raises(web.HTTPNotFound) as unknown:
        await tokens.revoke("x", "ops")
    assert token.id in str(unknown.value.text)
    monkeypatch.setattr(module, "MOST", 1)
    with pytest.raises(web.HTTPConflict) as full:
        await tokens.make("another", Right.READ, "ops")
    assert "revoke some" in str(full.value.text)
    assert tokens.all == (token,) == read(file).all
    assert MOST > 1


async def test_of_changes_at_once_none_is_lost(file: Path) -> None:
    """Each writes the whole file."""
    tokens = read(file)
    gone, _ = await tokens.make("gone", Right.READ, "ops")
    made = [tokens.make(f"n{number}", Right.READ, "ops") for number in range(8)]
    await asyncio.gather(*made, tokens.revoke(gone.id, "ops"))
    assert {each.name for each in read(file).all} == {f"n{number}" for number in range(8)}
    assert read(file).all == tokens.all


async def test_of_two_of_one_name_at_once_one_is_made(file: Path) -> None:
    tokens = read(file)
    both = await asyncio.gather(*(tokens.make("a", Right.READ, "ops") for _ in range(2)), return_exceptions=True)
    assert sorted(type(each).__name__ for each in both) == ["HTTPConflict", "tuple"]
    assert len(tokens.all) == 1


async def test_what_cannot_be_written_has_not_happened(file: Path) -> None:
    """Neither on disk nor in memory: a token that a restart forgets would be worse than none."""
    tokens = read(file)
    token, secret = await tokens.make("grafana", Right.READ, "ops")
    before = file.read_bytes()
    file.with_name("tokens.json.new").mkdir()
    for change in (lambda: tokens.make("x", Right.READ, "ops"), lambda: tokens.revoke(token.id, "ops")):
        with pytest.raises(web.HTTPServiceUnavailable) as refused:
            await change()
        assert "tokens.json cannot be written" in str(refused.value.text)
    assert (tokens.all, tokens.find(secret), file.read_bytes()) == ((token,), token, before)
    file.with_name("tokens.json.new").rmdir()
    await tokens.revoke(token.id, "ops")
    assert read(file).all == ()


async def test_a_disk_that_hangs_holds_nobody_up(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The change is refused, what is known is answered meanwhile, and the next one is written when the disk is back."""
    tokens, goes_on = read(file), asyncio.Event()
    loop, back = asyncio.get_running_loop(), threading.Event()
    write = module._write

    def hang(path: Path, made: tuple[Token, ...]) -> None:
        loop.call_soon_threadsafe(goes_on.set)
        back.wait(30.0)
        write(path, made)

    monkeypatch.setattr(module, "_write", hang)
    monkeypatch.setattr(module, "WRITTEN_WITHIN", 0.1)
    making = asyncio.create_task(tokens.make("a", Right.READ, "ops"))
    await goes_on.wait()
    assert tokens.find(SECRET) is not None
    with pytest.raises(web.HTTPServiceUnavailable, match="Service Unavailable"):
        await making
    with pytest.raises(web.HTTPServiceUnavailable) as refused:
        await tokens.make("b", Right.READ, "ops")
    assert "the disk does not answer" in str(refused.value.text)
    assert tokens.all == ()
    back.set()
    await until(lambda: not tokens._thread.busy)
    await tokens.make("c", Right.READ, "ops")
    assert [token.name for token in read(file).all] == ["c"]
    assert tokens.all == read(file).all


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Invalid JSON"),
        ("{", "Invalid JSON"),
        ("[]", "should be an object"),
        ("{}", "tokens: Field required"),
        ('{"tokens": {}}', "tokens: "),
        ('{"tokens": [{}]}', "tokens.0.id: Field required"),
        ('{"tokens": [null]}', "tokens.0: "),
        (json.dumps({"tokens": [], "more": 1}), "more: "),
        *(
            (json.dumps({"tokens": [ENTRY | changes]}), f"tokens.0.{next(iter(changes))}: ")
            for changes in (
                {"id": ""},
                {"id": "own"},
                {"id": "0a1b2c3d\n"},
                {"name": ""},
                {"right": "admin"},
                {"right": ""},
                {"digest": ""},
                {"digest": "AB" * 32},
                {"digest": None},
                {"made": 1},
                {"by": None},
                {"more": 1},
            )
        ),
        (json.dumps({"tokens": [ENTRY, ENTRY | {"digest": "cd" * 32}]}), "the id 0a1b2c3d stands there twice"),
        (json.dumps({"tokens": [ENTRY, ENTRY | {"id": "00000000"}]}), "stands there twice"),
    ],
)
def test_a_file_that_is_none_ends_the_start_and_says_what_to_do(file: Path, text: str, said: str) -> None:
    """It is never taken for "no tokens", and nothing in it becomes more than it was."""
    file.write_text(text, encoding="utf-8")
    with pytest.raises(NemoWatchdogError) as refused:
        read(file)
    assert said in str(refused.value)
    assert f"the tokens {file} cannot be used" in str(refused.value)
    assert "delete the file" in str(refused.value)
    assert file.read_text(encoding="utf-8") == text


def test_what_is_no_file_ends_the_start(file: Path) -> None:
    file.mkdir()
    with pytest.raises(NemoWatchdogError, match="not a regular file"):
        read(file)
    file.rmdir()
    file.write_bytes(b" " * (module.LARGEST + 1))
    with pytest.raises(NemoWatchdogError, match="larger than"):
        read(file)
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(NemoWatchdogError, match="cannot be used"):
        read(file)


def test_an_entry_is_read_as_it_stands(file: Path) -> None:
    file.write_text(json.dumps({"tokens": [ENTRY]}), encoding="utf-8")
    (token,) = read(file).all
    assert token == Token("0a1b2c3d", "grafana", Right.READ, "ab" * 32, "2026-11-27T12:00:00+00:00", "ops")
    assert not token.may_operate
