"""A silence of Alertmanager, from what `GET /api/v2/silences` answers to what it mutes. Pure: nobody is asked here.

It matches as it does there (`gettableSilence` in api/v2/openapi.yaml; pkg/labels): every matcher must match, a label
that an alert does not have is empty, and a regular expression is RE2's and must match the whole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import re2
from pydantic import AwareDatetime, BaseModel, Field, TypeAdapter, ValidationError

from nemo_watchdog.errors import in_one_line

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
    matchers: tuple[Callable[[Labels], bool], ...]

    def mutes(self, labels: Labels, at: datetime) -> bool:
        """Whether an alert with these labels is silenced then; its end is not in it."""
        return self.starts <= at < self.ends and all(matches(labels) for matches in self.matchers)


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
    matchers = tuple(map(_matcher, silence.matchers))
    return SilenceElsewhere(silence.id, silence.starts_at, silence.ends_at, by, reason, matchers)


def _matcher(matcher: _Matcher) -> Callable[[Labels], bool]:
    name, value, wanted = matcher.name, matcher.value, matcher.is_equal
    if not matcher.is_regex:
        return lambda labels: (labels.get(name, "") == value) is wanted
    try:
        whole = re2.compile(value, _QUIET).fullmatch
    except re2.error as error:
        raise CannotBeRead(f"the matcher of {in_one_line(name)} is no regular expression: {error}") from None
    return lambda labels: (whole(labels.get(name, "")) is not None) is wanted
