"""The tokens that people and programs bring: the daemon's own, and those that it made, of which it keeps a hash each.

A token is 32 bytes of luck, so that a hash without salt says nothing of it. The file is the daemon's alone: it is read
at its start, and a file that cannot be read ends the start. Nobody may find that everything is open.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial
from pathlib import Path

import structlog
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nemo_watchdog.errors import NemoWatchdogError, in_one_line
from nemo_watchdog.journal.seal import sync_folder
from nemo_watchdog.one_thread import OneThread, StillBusy
from nemo_watchdog.regular_file import read_regular

log = structlog.get_logger("nemo_watchdog")

PREFIX = "nwd_"
"""By it a token is known for one in a text that somebody sends on (`redaction/shapes.py`)."""

BYTES = 32
MOST = 200
LONGEST_NAME = 60
LARGEST = 1 << 20
"""Bytes of the file."""

WRITTEN_WITHIN = 5.0
OWN = "own"
OWN_NAME = "the daemon's own token"
NOT_OWN = f"{OWN_NAME} cannot be revoked: delete its file and restart the daemon, and there is another one"


class Right(StrEnum):
    """What a token is good for. Who may operate may read as well."""

    READ = "read"
    OPERATE = "operate"


@dataclass(frozen=True, slots=True)
class Token:
    """`digest` is the SHA-256 of its secret in hexadecimal, `made` when that was (UTC, ISO 8601), and `by` by whom."""

    id: str
    name: str
    right: Right
    digest: str
    made: str
    by: str

    @property
    def is_own(self) -> bool:
        return self.id == OWN

    @property
    def may_operate(self) -> bool:
        return self.right is Right.OPERATE


class Tokens:
    """`own` is the secret of the daemon's own token, which may operate and cannot be revoked."""

    def __init__(self, path: Path, own: str, now: Callable[[], datetime]) -> None:
        """Raises `NemoWatchdogError` for a file that cannot be used. None is an empty one."""
        self._path = path
        self._own = Token(OWN, OWN_NAME, Right.OPERATE, _digest(own) if own else "", "", "")
        self._now = now
        self._made = _read(path)
        self._turn = asyncio.Lock()
        self._thread = OneThread("nemo-watchdog-tokens")

    @property
    def all(self) -> tuple[Token, ...]:
        """Those that were made and not revoked, the oldest first; the daemon's own is not among them."""
        return self._made

    def find(self, secret: str) -> Token | None:
        """Whose secret that is: each is compared, in constant time."""
        digest, found = _digest(secret), None
        for each in (self._own, *self._made):
            if hmac.compare_digest(digest, each.digest):
                found = each
        return found

    def known(self, identity: str) -> Token | None:
        """The one of that id, the daemon's own among them."""
        return next((each for each in (self._own, *self._made) if each.id == identity), None)

    async def make(self, name: str, right: Right, by: str) -> tuple[Token, str]:
        """A new one, with its secret: nobody can say it again. Raises 409 and 503, and then there is none."""
        async with self._turn:
            if (other := next((each for each in (self._own, *self._made) if each.name == name), None)) is not None:
                raise web.HTTPConflict(text=f"there is a token {name}: its id is {other.id}. Give this another name")
            if len(self._made) >= MOST:
                raise web.HTTPConflict(text=f"there are {MOST} tokens, and no more may be: revoke some")
            secret = PREFIX + secrets.token_urlsafe(BYTES)
            token = Token(self._unused(), name, right, _digest(secret), self._now().isoformat(timespec="seconds"), by)
            await self._keep((*self._made, token), "no token was made")
        log.info("a token was made", id=token.id, name=name, right=right.value, by=by)
        return token, secret

    async def revoke(self, identity: str, by: str) -> Token:
        """It is good for nothing any more, nor is a session that began with it. Raises 404, 409 and 503."""
        async with self._turn:
            token = self.known(identity)
            if token is None:
                there = ", ".join(each.id for each in self._made) or "none"
                raise web.HTTPNotFound(text=f"there is no token of the id {in_one_line(identity)}; there are: {there}")
            if token.is_own:
                raise web.HTTPConflict(text=NOT_OWN)
            await self._keep(tuple(each for each in self._made if each is not token), "the token was not revoked")
        log.info("a token was revoked", id=token.id, name=token.name, right=token.right.value, by=by)
        return token

    def _unused(self) -> str:
        while self.known(made := secrets.token_hex(4)) is not None:
            pass
        return made

    async def _keep(self, made: tuple[Token, ...], otherwise: str) -> None:
        """First on disk, then it counts."""
        try:
            async with asyncio.timeout(WRITTEN_WITHIN):
                await self._thread.run(partial(_write, self._path, made))
        except (OSError, TimeoutError, StillBusy) as error:
            why = getattr(error, "strerror", None) or "the disk does not answer"
            log.error("tokens could not be written", file=str(self._path), why=why)
            raise web.HTTPServiceUnavailable(text=f"{otherwise}: {self._path.name} cannot be written ({why})") from None
        self._made = made


class _Kept(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    id: str = Field(pattern=r"^[0-9a-f]{8}$")
    name: str = Field(min_length=1, max_length=LONGEST_NAME)
    right: Right
    digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    made: str
    by: str


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    tokens: list[_Kept]


def _read(path: Path) -> tuple[Token, ...]:
    try:
        kept = _File.model_validate_json(read_regular(path, LARGEST)).tokens
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise _unusable(path, error.strerror or str(error)) from error
    except ValidationError as error:
        first = error.errors()[0]
        raise _unusable(path, f"{'.'.join(map(str, first['loc']))}: {first['msg']}".removeprefix(": ")) from None
    for what, values in (("id", [each.id for each in kept]), ("digest", [each.digest for each in kept])):
        if twice := [each for each in values if values.count(each) > 1]:
            raise _unusable(path, f"the {what} {twice[0]} stands there twice")
    return tuple(Token(**each.model_dump()) for each in kept)


def _unusable(path: Path, why: str) -> NemoWatchdogError:
    return NemoWatchdogError(
        f"the tokens {path} cannot be used ({in_one_line(why)}): put back a copy that can be, or delete the file and "
        "make the tokens anew; without it the daemon's own is the only one"
    )


def _write(path: Path, tokens: tuple[Token, ...]) -> None:
    """Whole or not at all, and on disk on return."""
    text = _File.model_construct(tokens=[_Kept(**asdict(each)) for each in tokens]).model_dump_json(indent=2)
    beside = path.with_name(f"{path.name}.new")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(f"{text}\n")
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    sync_folder(path.parent)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="surrogateescape")).hexdigest()  # as aiohttp decodes headers
