"""Alertmanager's silences: what `GET /api/v2/silences` answers, and what each of them mutes.

It matches as it does there (`gettableSilence` in api/v2/openapi.yaml; pkg/labels): every matcher must match, a label
that an alert does not have is empty, and a regular expression is RE2's and must match the whole.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import aiohttp
import re2
from pydantic import AwareDatetime, BaseModel, Field, TypeAdapter, ValidationError

from nemo_watchdog.durations import duration
from nemo_watchdog.errors import in_one_line
from nemo_watchdog.names import Names
from nemo_watchdog.notifiers.way import BadAuthorities, Way
from nemo_watchdog.policy.policy import Alertmanager
from nemo_watchdog.system_words import system_words

PATH = "/api/v2/silences"
_LONGEST_ANSWER = 4 << 20
"""Bytes."""

LONGEST = 500
"""Characters of what somebody wrote there that are kept."""

_QUIET = re2.Options()
_QUIET.log_errors = False


class CannotBeRead(Exception):
    """It is no silence of Alertmanager; says why, for people."""


class _Matcher(BaseModel):
    name: str
    value: str
    is_regex: bool = Field(alias="isRegex")
    is_equal: bool = Field(default=True, alias="isEqual")


class _Status(BaseModel):
    state: str


class _Silence(BaseModel):
    id: str
    matchers: list[_Matcher] = Field(min_length=1)
    status: _Status
    starts_at: AwareDatetime = Field(alias="startsAt")
    ends_at: AwareDatetime = Field(alias="endsAt")
    created_by: str = Field(default="", alias="createdBy")
    comment: str = ""


_ANSWER = TypeAdapter(list[_Silence])

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SilenceElsewhere:
    """Who wants it and why, from when to when, and what it mutes."""

    identity: str
    starts: datetime
    ends: datetime
    by: str
    reason: str
    written: tuple[tuple[str, str, bool, bool], ...]
    """Its matchers: the label, the value, whether that is a regular expression, and whether it must match."""
    matchers: tuple[Callable[[Labels], bool], ...] = field(compare=False)

    def holds(self, at: datetime) -> bool:
        """Its end is not in it."""
        return self.starts <= at < self.ends

    def mutes(self, labels: Labels) -> bool:
        """Whether an alert with these labels is silenced while it holds."""
        return all(matches(labels) for matches in self.matchers)


class Silences:
    """Asks Alertmanagers for theirs. The way to each is kept: a file or a name that hangs holds one thread."""

    def __init__(self) -> None:
        self._ways: dict[Alertmanager, Way] = {}
        self._names = Names()

    async def of(
        self, targets: Sequence[Alertmanager], within: float
    ) -> Mapping[str, Sequence[SilenceElsewhere] | CannotBeRead]:
        """What each has, or why it is not known, within so many seconds."""
        self._ways = {each: self._ways.get(each) or Way(each) for each in targets}
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=self._names)) as session:
            answers = await asyncio.gather(*(_asked(session, each, within) for each in self._ways.values()))
        return {each.url: answer for each, answer in zip(self._ways, answers, strict=True)}


async def _asked(session: aiohttp.ClientSession, way: Way, within: float) -> Sequence[SilenceElsewhere] | CannotBeRead:
    try:
        async with asyncio.timeout(within), session.get(way.to(PATH), **await way.carries()) as response:
            if response.status != 200:
                return CannotBeRead(f"HTTP {response.status} for {PATH}")
            answer = b""
            while more := await response.content.read(_LONGEST_ANSWER + 1 - len(answer)):
                answer += more
        if len(answer) > _LONGEST_ANSWER:
            return CannotBeRead("its answer is too long")
        return read(answer)
    except CannotBeRead as error:
        return error
    except TimeoutError:
        return CannotBeRead(f"no answer within {duration(within)}")
    except BadAuthorities as error:
        return CannotBeRead(str(error))
    except aiohttp.ClientConnectorError as error:
        return CannotBeRead(system_words(error.os_error))
    except (aiohttp.ClientError, ValueError) as error:
        return CannotBeRead(type(error).__name__)


def read(answer: bytes) -> Sequence[SilenceElsewhere]:
    """Those that hold or will, of the whole answer. Raises `CannotBeRead` that says what is wrong with it."""
    try:
        found = _ANSWER.validate_json(answer)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the answer"
        raise CannotBeRead(f"what answers is no Alertmanager: {where}: {in_one_line(first['msg'])}") from None
    return [_read(each) for each in found if each.status.state != "expired"]


def _read(silence: _Silence) -> SilenceElsewhere:
    by, reason = (in_one_line(text)[:LONGEST] for text in (silence.created_by, silence.comment))
    written = tuple((each.name, each.value, each.is_regex, each.is_equal) for each in silence.matchers)
    matchers = tuple(map(_matcher, silence.matchers))
    return SilenceElsewhere(silence.id, silence.starts_at, silence.ends_at, by, reason, written, matchers)


def _matcher(matcher: _Matcher) -> Callable[[Labels], bool]:
    name, value, wanted = matcher.name, matcher.value, matcher.is_equal
    if not matcher.is_regex:
        return lambda labels: (labels.get(name, "") == value) is wanted
    try:
        whole = re2.compile(value, _QUIET).fullmatch
    except re2.error as error:
        raise CannotBeRead(f"the matcher of {in_one_line(name)} is no regular expression: {error}") from None
    return lambda labels: (whole(labels.get(name, "")) is not None) is wanted
