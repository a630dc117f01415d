"""What of a policy a message may repeat: what is known to be harmless, and never what is only not known to be secret.

A password stands at any key, in a key's own place, or in a file that is no policy at all, and problems are logged and
shown to whoever asks for the status. So of values there are repeated: quantities where one is wanted, a mistyped word
where one of a few is wanted, and names where names stand. Of all else it is said what it is and how long.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable
from typing import Any

from nemo_watchdog.policy.document import Path
from nemo_watchdog.policy.secret_value import Secret
from nemo_watchdog.policy.secrets import FromOutside

HIDDEN = "***"

_SECRET_KEY = re.compile(
    r"passw|secret|token|bearer|credential|dsn|auth|api_?key|contacts|headers|environment", re.IGNORECASE
)
_OF_A_CONTACT = frozenset(
    {
        *("addresses", "rota", "weekly", "daily", "zone", "calendar", "fallback"),
        *("pagerduty", "opsgenie", "slack", "webhook"),
        *("channel", "invite", "key", "rooms", "secret", "token", "url"),
    }
)
"""The keys that may stand in an entry of `contacts`; any other may be an address."""
_ONE_EXPANSION = re.compile(r"\$\{(?:file:|credential:)?[A-Za-z0-9_./-]+\}", re.ASCII)

_SECTIONS_OF_NAMES = frozenset({"dependencies", "remedies", "severities", "classification", "maintenance"})
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}", re.ASCII)
_NAME_WITH_SPACES = re.compile(r"(?=.{1,40}\Z)(?:[A-Za-z]+|[0-9]{1,3})(?:[ _.-](?:[A-Za-z]+|[0-9]{1,3}))*", re.ASCII)
_KEY = re.compile(r"[A-Za-z0-9_-]{1,40}", re.ASCII)
_WORD = re.compile(r"[A-Za-z]+(?:[_-][A-Za-z]+)*", re.ASCII)
_LONGEST_WORD = 24
_UNIT = r"(?:ms|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|%|[kKMGT]?i?B)"
_AMOUNT = rf"(?:-?[0-9]{{1,9}}(?:[.:][0-9]{{1,9}})?(?: ?{_UNIT})?|(?:[0-9]{{1,9}}{_UNIT}){{2,4}})"
_QUANTITY = re.compile(rf"{_AMOUNT}(?: (?:of|per) {_AMOUNT})?", re.ASCII)
_LONGEST_QUANTITY = 24


def is_quantity(text: str) -> bool:
    """A number, with or without a unit, as people write and mistype them: `10`, `5 mins`, `1h30m`, `3 of 5`."""
    return len(text) <= _LONGEST_QUANTITY and _QUANTITY.fullmatch(text) is not None


def is_name(text: str) -> bool:
    """What a dependency, a remedy, a contact, a tag or a container could be called; an address is none."""
    return _NAME.fullmatch(text) is not None


def is_meant_as(text: str, choices: Iterable[str]) -> bool:
    """A word of letters, or one that is much like one of the choices."""
    if len(text) > _LONGEST_WORD or not is_name(text):
        return False
    known = [choice.lower() for choice in choices]
    return _WORD.fullmatch(text) is not None or bool(difflib.get_close_matches(text.lower(), known, n=1))


def names_among(words: Iterable[str]) -> list[str]:
    """Those that may be listed."""
    return [word for word in words if is_name(word)]


def name_or(word: str, otherwise: str) -> str:
    return f"`{word}`" if is_name(word) else otherwise


def is_secret(path: Path) -> bool:
    """Whether what stands there may be one: who knows where an action posts may do so as well."""
    if path[:2] == ("deadman", "url") or (path[:1] == ("remedies",) and path[4:5] in (("url",), ("command",))):
        return True
    return any(isinstance(key, str) and _SECRET_KEY.search(key) for key in path)


def shown(value: Any, path: Path) -> str:
    """What a valid policy has at this path: as it stands where that is known to be harmless, else what it is."""
    if is_secret(path):
        return HIDDEN
    if isinstance(value, FromOutside):
        return value.written if _ONE_EXPANSION.fullmatch(value.written) else HIDDEN
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str) and (is_quantity(value) or is_name(value)):
        return value
    return (Secret(value).where if isinstance(value, str) else "") or kind_of(value).replace("`", "")


def kind_of(value: Any) -> str:
    """What stands there, without what it says."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, int | float):
        return "a number"
    length = len(str(value))
    return f"a text of {length} character{'s' if length != 1 else ''}" if length else "an empty text"


def format_path(path: Path) -> str:
    """`remedies.x.steps[0].attempts`; a key that is no plain word stands in quotes, one that may be secret as `***`."""
    text = ""
    for index, item in enumerate(path):
        if isinstance(item, int):
            text += f"[{item}]"
        elif _may_show_key(path[:index], item):
            plain = _KEY.fullmatch(item) or (_named(path[:index]) and is_name(item) and "." not in item)
            text += (f".{item}" if text else item) if plain else f"[{json.dumps(item)}]"
        else:
            text += f'["{HIDDEN}"]'
    return text


def _may_show_key(above: Path, key: str) -> bool:
    if len(above) > 1 and above[0] == "contacts":
        return key in _OF_A_CONTACT
    if _named(above) and (is_name(key) or _NAME_WITH_SPACES.fullmatch(key)):
        return True
    return _KEY.fullmatch(key) is not None or (above[-1:] in {("measure",), ("steps",)} and is_name(key))


def _named(above: Path) -> bool:
    """Whether the keys below are names that the operator gives."""
    return len(above) == 1 and above[0] in _SECTIONS_OF_NAMES
