"""What a policy may expect of an HTTP answer, and whether an answer is so. It does no IO.

Findings never repeat what the answer said: it may hold a secret.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

from nemo_watchdog.model import Finding, Reason, failed
from nemo_watchdog.policy.units import wrong
from nemo_watchdog.probes.http.client import BODY_LIMIT, wrong_status
from nemo_watchdog.probes.shared.options import ProbeOptions
from nemo_watchdog.probes.shared.pattern import Pattern, find

_MISSING = object()
_CLASS = re.compile(r"([1-5])xx")
_RANGE = re.compile(r"([1-5]\d\d)-([1-5]\d\d)")
_SUCCESS = frozenset(range(200, 300))
_STATUS_SCHEMA = {"anyOf": [{"type": "integer", "minimum": 100, "maximum": 599}, {"type": "string"}]}


def _statuses(value: object) -> frozenset[int]:
    parts = value if isinstance(value, list) and value else [value]
    return frozenset().union(*map(_status, parts))


def _status(value: object) -> frozenset[int]:
    text = str(value).strip() if isinstance(value, int | str) and not isinstance(value, bool) else ""
    if found := _CLASS.fullmatch(text):
        return frozenset(range(int(found[1]) * 100, int(found[1]) * 100 + 100))
    if (found := _RANGE.fullmatch(text)) and int(found[1]) <= int(found[2]):
        return frozenset(range(int(found[1]), int(found[2]) + 1))
    if text.isascii() and text.isdigit() and 100 <= int(text) <= 599:
        return frozenset((int(text),))
    raise wrong("expected a status from 100 to 599, `2xx`, `200-204`, or a list of those")


Statuses = Annotated[
    frozenset[int],
    BeforeValidator(_statuses),
    WithJsonSchema({"anyOf": [*_STATUS_SCHEMA["anyOf"], {"type": "array", "items": _STATUS_SCHEMA, "minItems": 1}]}),
]


class JsonCondition(ProbeOptions):
    """All that are given must hold for the value at a key."""

    equals: Any = None
    not_: Any = Field(default=None, alias="not")
    one_of: list[Any] | None = None
    min: float | None = None
    max: float | None = None
    exists: bool | None = None
    """False: the key must not be there; the others then say nothing."""

    def problem(self, value: Any) -> str | None:
        """What is wrong with the value (`_MISSING`: there is none)."""
        if value is _MISSING or self.exists is False:
            wanted = self.exists is not False
            return None if (value is not _MISSING) == wanted else "is missing" if wanted else "must not be there"
        if "equals" in self.model_fields_set and not _same(value, self.equals):
            return "has another value than expected"
        if "not_" in self.model_fields_set and _same(value, self.not_):
            return "has the value that it must not have"
        if self.one_of is not None and not any(_same(value, each) for each in self.one_of):
            return "has none of the expected values"
        if self.min is None and self.max is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            return "is no number"
        if self.min is not None and not value >= self.min:
            return f"is below {self.min:g}"
        return f"is above {self.max:g}" if self.max is not None and not value <= self.max else None


def _same(actual: Any, expected: Any) -> bool:
    """In Python True equals 1; in JSON it does not."""
    return bool(actual == expected) and isinstance(actual, bool) == isinstance(expected, bool)


def _condition(value: object) -> object:
    return value if isinstance(value, Mapping | JsonCondition) else {"equals": value}


_CONDITION_SCHEMA = {
    "anyOf": [
        {"type": ["string", "number", "boolean", "null", "array"]},
        {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "equals": {},
                "not": {},
                "one_of": {"type": "array"},
                "min": {"type": "number"},
                "max": {"type": "number"},
                "exists": {"type": "boolean"},
            },
        },
    ]
}
Condition = Annotated[JsonCondition, BeforeValidator(_condition), WithJsonSchema(_CONDITION_SCHEMA)]


class HttpExpect(ProbeOptions):
    status: Statuses = Field(default=_SUCCESS)
    """`204`, `2xx`, `200-204`, or a list of those; any 2xx when it is not given."""
    headers: Mapping[str, Pattern] = Field(default_factory=dict)
    """Header to a regular expression that must be found in its value."""
    json_values: Mapping[str, Condition] = Field(default_factory=dict, alias="json")
    """Dotted key (`checks.0.state`: a number counts list items from 0) to its value, or to a condition."""
    contains: str | None = None
    """Text that must be in the body (UTF-8)."""
    not_contains: str | None = None
    """Text that must not be in the body (UTF-8)."""
    matches: Pattern | None = None
    """A regular expression that must be found in a line of the body."""

    @property
    def of_body(self) -> bool:
        return bool(self.json_values) or not self.contains is self.not_contains is self.matches is None


class Expectation:
    """The policy's, made ready for many looks."""

    def __init__(self, expect: HttpExpect) -> None:
        self._statuses = expect.status
        self._expected = _in_words(expect.status)
        self._headers = tuple((name, find(text)) for name, text in expect.headers.items())
        self._json = tuple((key, tuple(key.split(".")), wanted) for key, wanted in expect.json_values.items())
        self._contains = None if expect.contains is None else expect.contains.encode()
        self._not_contains = None if expect.not_contains is None else expect.not_contains.encode()
        self._matches = None if expect.matches is None else find(expect.matches)
        self._of_body = expect.of_body

    def problem(self, status: int, headers: Mapping[str, str], body: bytes | None) -> Finding | None:
        """What is wrong with an answer; `body` is None when it was too long to be read."""
        problem = self.problem_of_head(status, headers)
        return self._wrong_body(body) if problem is None and self._of_body else problem

    def problem_of_head(self, status: int, headers: Mapping[str, str]) -> Finding | None:
        """What is wrong with it, whatever its body is."""
        if status not in self._statuses:
            return wrong_status(status, self._expected, headers)
        for name, matches in self._headers:
            value = headers.get(name)
            if value is None:
                return failed(Reason.WRONG_ANSWER, f"the header {name} is missing")
            if not matches(value):
                return failed(Reason.WRONG_ANSWER, f"the header {name} does not match what is expected")
        return None

    def _wrong_body(self, body: bytes | None) -> Finding | None:
        if body is None:
            return failed(Reason.WRONG_ANSWER, f"the body is longer than {BODY_LIMIT} bytes")
        if self._contains is not None and self._contains not in body:
            return failed(Reason.WRONG_ANSWER, "the body does not contain the expected text")
        if self._not_contains is not None and self._not_contains in body:
            return failed(Reason.WRONG_ANSWER, "the body contains the text that it must not contain")
        if self._matches is not None and not _any_line(body, self._matches):
            return failed(Reason.WRONG_ANSWER, "no line of the body matches what is expected")
        return self._wrong_json(body) if self._json else None

    def _wrong_json(self, body: bytes) -> Finding | None:
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            return failed(Reason.WRONG_ANSWER, "the body is not JSON")
        for key, path, wanted in self._json:
            if (problem := wanted.problem(_value_at(document, path))) is not None:
                return failed(Reason.WRONG_ANSWER, f"the JSON key {key} {problem}")
        return None


def _any_line(body: bytes, matches: Callable[[str], bool]) -> bool:
    return any(map(matches, body.decode(errors="replace").splitlines()))


def _value_at(document: Any, path: tuple[str, ...]) -> Any:
    for step in path:
        if isinstance(document, dict):
            document = document.get(step, _MISSING)
        elif isinstance(document, list) and step.isascii() and step.isdigit() and int(step) < len(document):
            document = document[int(step)]
        else:
            return _MISSING
    return document


def _in_words(statuses: frozenset[int]) -> str:
    """`2xx`, `200 to 204`, `200 or 503`."""
    if statuses == _SUCCESS:
        return "2xx"
    known = sorted(statuses)
    if len(known) > 2 and known[-1] - known[0] == len(known) - 1:
        return f"{known[0]} to {known[-1]}"
    return " or ".join(map(str, known)) if len(known) <= 5 else "one of the policy's statuses"
