"""A session is what its cookie says, for as long as its time and its token last."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from nemo_watchdog.signed_text import Signer
from nemo_watchdog.web.sessions import LASTS, Sessions
from nemo_watchdog.web.tokens import Right, Tokens

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
KEY = b"the key"


class World:
    """A daemon's tokens and sessions, which can be started again."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "tokens.json"
        self.now = NOON
        self.start()

    def start(self, own: str = "the-token", key: bytes = KEY) -> None:
        self.tokens = Tokens(self.file, own, lambda: self.now)
        self.sessions = Sessions(key, self.tokens, lambda: self.now)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def test_it_is_of_the_token_with_which_somebody_signed_in(world: World) -> None:
    token, _ = await world.tokens.make("alice", Right.OPERATE, "ops")
    session = world.sessions.begin(token)
    assert session.expires == NOON.timestamp() + LASTS
    assert world.sessions.read(world.sessions.cookie(session)) == (session, token)
    assert world.sessions.begin(token).nonce != session.nonce


async def test_it_goes_on_over_a_restart_and_no_longer_than_its_token(world: World) -> None:
    token, _ = await world.tokens.make("alice", Right.OPERATE, "ops")
    cookie = world.sessions.cookie(world.sessions.begin(token))
    world.start()
    assert world.sessions.read(cookie) is not None
    await world.tokens.revoke(token.id, "ops")
    assert world.sessions.read(cookie) is None


async def test_another_token_of_the_same_id_does_not_bring_it_back(world: World) -> None:
    """As after a restore, or where somebody wrote the file."""
    token, _ = await world.tokens.make("alice", Right.OPERATE, "ops")
    cookie = world.sessions.cookie(world.sessions.begin(token))
    file = json.loads(world.file.read_text())
    file["tokens"][0]["digest"] = "0" * 64
    world.file.write_text(json.dumps(file))
    world.start()
    assert world.tokens.known(token.id) is not None
    assert world.sessions.read(cookie) is None


async def test_the_daemon_s_own_token_begins_one_that_ends_with_it(world: World) -> None:
    own = world.tokens.find("the-token")
    assert own is not None
    cookie = world.sessions.cookie(world.sessions.begin(own))
    assert world.sessions.read(cookie) is not None
    world.start(own="another")
    assert world.sessions.read(cookie) is None


async def test_it_ends_with_its_time(world: World) -> None:
    token, _ = await world.tokens.make("alice", Right.READ, "ops")
    cookie = world.sessions.cookie(world.sessions.begin(token))
    world.now = NOON + timedelta(seconds=LASTS - 1)
    assert world.sessions.read(cookie) is not None
    world.now += timedelta(seconds=1)
    assert world.sessions.read(cookie) is None


async def test_another_key_knows_none(world: World) -> None:
    token, _ = await world.tokens.make("alice", Right.READ, "ops")
    session = world.sessions.begin(token)
    cookie, form = world.sessions.cookie(session), world.sessions.form_token(session)
    world.start(key=b"another")
    assert world.sessions.read(cookie) is None
    assert not world.sessions.is_form_token(session, form)


async def test_what_was_signed_for_something_else_is_no_session(world: World) -> None:
    """The key of the links in messages signs sessions too, each for its purpose alone."""
    token, _ = await world.tokens.make("alice", Right.OPERATE, "ops")
    said = json.dumps([token.id, token.digest[:16], int(NOON.timestamp()) + 60, "nonce"])
    for purpose in (b"nemo-watchdog answer 2\n", b"nemo-watchdog form 1\n", b""):
        assert world.sessions.read(Signer(KEY, purpose).token(said)) is None
    assert world.sessions.read(Signer(KEY, b"nemo-watchdog session 1\n").token(said)) is not None


async def test_a_form_token_is_of_one_session(world: World) -> None:
    token, _ = await world.tokens.make("alice", Right.OPERATE, "ops")
    first, second = world.sessions.begin(token), world.sessions.begin(token)
    given = world.sessions.form_token(first)
    assert (world.sessions.is_form_token(first, given), world.sessions.is_form_token(second, given)) == (True, False)
    assert given not in world.sessions.cookie(first)


async def test_each_page_has_another_word_for_its_forms(world: World) -> None:
    """So that the length of what is packed with it tells nothing; each is good, and only for that session."""
    token, _ = await world.tokens.make("alice", Right.OPERATE, "ops")
    one, other = world.sessions.begin(token), world.sessions.begin(token)
    first, second = (world.sessions.form_token(one) for _ in range(2))
    assert first != second
    assert all(world.sessions.is_form_token(one, each) for each in (first, second))
    mixed = f"{first.partition('.')[0]}.{second.partition('.')[2]}"
    for wrong in (world.sessions.form_token(other), mixed, first.partition(".")[2], "", "."):
        assert not world.sessions.is_form_token(one, wrong)
