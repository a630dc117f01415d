"""Quantities as people write them, in base units: seconds, ratios from 0 to 1, bytes.

`Duration`, `Ratio`, `Size` and `SecretText` are annotated types for the fields of pydantic models. A default is given
in base units (`timeout: Duration = 3.0`); what a policy gives is text with its unit (`timeout: 3s`), because a bare
number says nothing. Messages never repeat the value: the loader adds it where it may be shown.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from nemo_watchdog.durations import duration
from nemo_watchdog.policy.policy import Budget, Threshold
from nemo_watchdog.policy.secret_value import Secret

ERROR = "policy"
"""The pydantic error type of a message of ours, written for people; the loader may add the value to it."""
SECRET_ERROR = "policy_secret"  # noqa: S105 - the name of an error type
"""The same, of a value that must never be shown."""

EXPANSION = r"\$\{.+\}"
"""What a JSON Schema must let pass for any text, because the value comes later from the environment or a file."""

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(?:[0-9]{1,9}(?:\.[0-9]{1,6})?(?:ms|s|m|h|d))+", re.ASCII)
_DURATION_PART = re.compile(r"([0-9.]+)(ms|s|m|h|d)", re.ASCII)
_LONGEST = 366 * 86400.0

_BYTES = {"B": 1, "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_BYTES |= {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
_SIZE = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?) ?([kKMGT]i?B|B)", re.ASCII)
_PERCENT = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?) ?%", re.ASCII)
_PLAIN_RATIO = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?", re.ASCII)
_WHOLE = re.compile(r"-?[0-9]{1,15}", re.ASCII)
_THRESHOLD = re.compile(r"([0-9]{1,9})(?: of ([0-9]{1,9}))?", re.ASCII)
_BUDGET = re.compile(r"([0-9]{1,9}) per (\S+)", re.ASCII)

_DURATION_HELP = "expected a duration such as `90s`, `5m` or `1h30m`"
_RATIO_HELP = "expected a ratio such as `97%` or `0.97`"
_SIZE_HELP = "expected a size such as `512MiB` or `2GB`"
_THRESHOLD_HELP = "expected a number of failures in a row such as `3`, or `3 of 5`, of at most 100 looks"
_BUDGET_HELP = "expected a budget such as `5 per 1h`"


def wrong(message: str) -> PydanticCustomError:
    """The error to raise from a validator: what would be right, without the value."""
    return PydanticCustomError(ERROR, "{text}", {"text": message})


def wrong_secret(message: str) -> PydanticCustomError:
    """The same about a value that nobody may show: an address may hold a password."""
    return PydanticCustomError(SECRET_ERROR, "{text}", {"text": message})


def parse_duration(value: object) -> float:
    """Seconds from text such as `750ms`, `90s`, `1h30m`, `1d`; the number 0 needs no unit."""
    if isinstance(value, bool):
        raise wrong(_DURATION_HELP)
    if isinstance(value, int | float):
        if value == 0:
            return 0.0
        raise wrong(f"{_DURATION_HELP}: a number needs its unit")
    if not isinstance(value, str):
        raise wrong(_DURATION_HELP)
    if value == "0":
        return 0.0
    if not _DURATION.fullmatch(value):
        raise wrong(_DURATION_HELP)
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in _DURATION_PART.findall(value))
    if seconds > _LONGEST:
        raise wrong(f"{_DURATION_HELP}: it is longer than a year")
    return seconds


def parse_ratio(value: object) -> float:
    """A ratio from 0 to 1 from `97%`, `0.97` or the number 0.97."""
    if isinstance(value, bool):
        raise wrong(_RATIO_HELP)
    if isinstance(value, int | float):
        ratio = float(value)
    elif isinstance(value, str) and (match := _PERCENT.fullmatch(value)):
        ratio = float(match[1]) / 100
    elif isinstance(value, str) and _PLAIN_RATIO.fullmatch(value):
        ratio = float(value)
    else:
        raise wrong(_RATIO_HELP)
    if not 0 <= ratio <= 1:
        raise wrong(f"{_RATIO_HELP}, from 0 to 1 (0% to 100%)")
    return ratio


def parse_size(value: object) -> int:
    """Bytes from `512MiB`, `2GB` or `100B`; the number 0 needs no unit."""
    if value == 0 and isinstance(value, int) and not isinstance(value, bool):
        return 0
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise wrong(f"{_SIZE_HELP}: a number needs its unit")
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if match is None or match[2] not in _BYTES:
        raise wrong(_SIZE_HELP)
    return round(float(match[1]) * _BYTES[match[2]])


def parse_secret(value: object) -> Secret:
    if isinstance(value, Secret):
        return value
    if not isinstance(value, str):
        raise PydanticCustomError(SECRET_ERROR, "expected text: put it in quotes")
    return Secret(value, getattr(value, "written", None))


def parse_whole(value: object) -> int:
    """A whole number, also as the text that an expansion gives."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        return int(value)
    raise wrong("expected a whole number")


def parse_threshold(value: object) -> Threshold:
    """`3` is 3 in a row; `3 of 5` is 3 among the last 5."""
    match = _THRESHOLD.fullmatch(str(value))
    if match is None:
        raise wrong(_THRESHOLD_HELP)
    count = int(match[1])
    window = int(match[2]) if match[2] else count
    if not 1 <= count <= window <= 100:
        raise wrong(_THRESHOLD_HELP)
    return Threshold(count, window)


LONGEST_WINDOW = 31 * 86400.0
"""Seconds. What was spent is remembered for so long: of a longer window the oldest would be forgotten in it."""


def parse_budget(value: object) -> Budget:
    """`5 per 1h`: at least one action, in at least one second."""
    match = _BUDGET.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise wrong(_BUDGET_HELP)
    count = int(match[1])
    try:
        window = parse_duration(match[2])
    except PydanticCustomError:
        raise wrong(_BUDGET_HELP) from None
    if not 1 <= count <= 10_000:
        raise wrong(f"{_BUDGET_HELP}: from 1 to 10000 actions")
    if not 1 <= window <= LONGEST_WINDOW:
        raise wrong(f"{_BUDGET_HELP}: in 1s to {duration(LONGEST_WINDOW)}")
    return Budget(count, window)


def duration_within(shortest: float, longest: float) -> Callable[[float], float]:
    """A validator of seconds that lets pass what lies between the two, ends included."""

    def check(seconds: float) -> float:
        if not shortest <= seconds <= longest:
            raise wrong(f"expected a duration from {duration(shortest)} to {duration(longest)}")
        return seconds

    return check


def number_within(smallest: float, largest: float) -> Callable[[float], float]:
    """A validator of numbers that lets pass what lies between the two, ends included."""

    def check(number: float) -> float:
        if not smallest <= number <= largest:
            raise wrong(f"expected a number from {smallest:g} to {largest:g}")
        return number

    return check


def _text(pattern: str, **more: object) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": f"^{pattern}$|{EXPANSION}", **more})


def _number_or_text(kind: str, pattern: str, **more: object) -> WithJsonSchema:
    text = {"type": "string", "pattern": f"^{pattern}$|{EXPANSION}"}
    return WithJsonSchema({"anyOf": [{"type": kind, **more}, text]})


Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    _number_or_text("number", r"([0-9]+(\.[0-9]+)?(ms|s|m|h|d))+", const=0),
]
"""Seconds, written `750ms`, `90s`, `1h30m`, `1d` or 0."""

Ratio = Annotated[
    float,
    BeforeValidator(parse_ratio),
    _number_or_text("number", r"[0-9]+(\.[0-9]+)? ?%", minimum=0, maximum=1),
]
"""From 0 to 1, written `97%` or 0.97."""

Size = Annotated[
    int,
    BeforeValidator(parse_size),
    _number_or_text("integer", r"[0-9]+(\.[0-9]+)? ?([kKMGT]B|[KMGT]iB|B)", const=0),
]
"""Bytes, written `512MiB` or `2GB`."""

SecretText = Annotated[Secret, PlainValidator(parse_secret), WithJsonSchema({"type": "string"})]
"""Text that never prints."""

Whole = Annotated[int, BeforeValidator(parse_whole)]
"""A whole number; true and 2.5 are none."""

ThresholdText = Annotated[
    Threshold,
    PlainValidator(parse_threshold),
    _number_or_text("integer", r"[0-9]+( of [0-9]+)?", minimum=1, maximum=100),
]
BudgetText = Annotated[Budget, PlainValidator(parse_budget), _text(r"[0-9]+ per [0-9.a-z]+")]

Interval = Annotated[Duration, AfterValidator(duration_within(0.1, 86400.0))]
