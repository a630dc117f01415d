"""Places that hold a secret without a name for it: an address's password, SQL, and options of well-known programs."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator

from nemo_watchdog.redaction.keylike import looks_like_a_key
from nemo_watchdog.redaction.mark import hide

_USERINFO = re.compile(
    r"://(?P<user>[^\s/:@\"'<>`?#\\]{0,256}+)"
    r"(?::(?P<value>(?:[^\s/@\"'<>`\\]|@(?=[^\s/\"'<>`\\]{0,256}@)){1,1024}+))?@"
)
_SQL = re.compile(
    r"(?i)\b(?:password|identified by|identified with \w{1,40} by)\s{1,8}+'(?P<value>(?:[^'\n]|''){1,1024}+)'"
)
_CONFIGURED = re.compile(
    r"(?i)\b(?:requirepass|masterauth|sentinel auth-pass \S{1,64})[ \t]{1,8}+(?![=:])(?P<value>[^\s\"']{1,512}+)"
)
_BEARER = re.compile(r"(?i)\bbearer[ \t]{1,8}+(?P<value>[A-Za-z0-9._~+/=-]{8,8192}+)")
_BASIC = re.compile(r"(?i)\bbasic[ \t]{1,8}+(?P<value>[A-Za-z0-9+/_-]{6,4096}+={0,2})")


def _passwords_of_addresses(text: str) -> str:
    return hide(text, map(_userinfo, _USERINFO.finditer(text)))


def _passwords_in_sql(text: str) -> str:
    return hide(text, (found.span("value") for found in _SQL.finditer(text)))


def _redis_settings(text: str) -> str:
    return hide(text, (found.span("value") for found in _CONFIGURED.finditer(text)))


def _bearers(text: str) -> str:
    return hide(text, (each.span("value") for each in _BEARER.finditer(text) if looks_like_a_key(each["value"])))


def _basics(text: str) -> str:
    return hide(text, (each.span("value") for each in _BASIC.finditer(text) if _is_basic(each["value"])))


def _options_of(program: str, option: str) -> Callable[[str], str]:
    """Hides what the group `value` of an option has, on the line of that program and behind its name."""
    begin, secret = re.compile(rf"\b(?:{program})", re.IGNORECASE), re.compile(rf"(?<=[\s\"',]){option}")

    def places(text: str) -> Iterator[tuple[int, int]]:
        done = 0
        for found in begin.finditer(text):
            if found.end() < done:
                continue
            done = text.find("\n", found.end()) + 1 or len(text) + 1
            yield from (each.span("value") for each in secret.finditer(text, found.end(), done - 1))

    return lambda text: hide(text, places(text))


RULES: tuple[tuple[str, Callable[[str], str]], ...] = (
    (r"://[^\s/]*@", _passwords_of_addresses),
    (r"(?i:password|identified)[^\n']{0,64}\s'", _passwords_in_sql),
    ("(?i:requirepass|masterauth|auth-pass)", _redis_settings),
    ("(?i:bearer)", _bearers),
    ("(?i:basic)", _basics),
    ("(?i:mysql|mariadb|sshpass)", _options_of("mysql|mariadb|sshpass", r"-p(?P<value>[^\s\"',]{1,512}+)")),
    ("sshpass", _options_of("sshpass", r"-p\s{1,8}+(?P<value>[^\s\"']{1,512}+)")),
    ("redis-cli", _options_of("redis-cli", r"-a[\s\"',]{1,8}+(?P<value>[^\s\"']{1,512}+)")),
    (
        "(?i:curl)",
        _options_of(
            "curl",
            r"-(?:u|U|-user|-proxy-user)[\s=\"',]{0,6}+[^\s:\"']{1,128}+:(?P<value>[^\s\"']{1,512}+)",
        ),
    ),
)
"""Each with what must be in a text for it to change something (RE2)."""


def _userinfo(found: re.Match[str]) -> tuple[int, int]:
    """Its password; of a user without one, who has a key for a name, that."""
    if found["value"] is not None:
        return found.span("value")
    user = found["user"]
    return found.span("user") if len(user) >= 16 and looks_like_a_key(user) else (found.end(), found.end())


def _is_basic(value: str) -> bool:
    try:
        said = base64.b64decode(value + "=" * (-len(value) % 4), validate=True)
    except (ValueError, binascii.Error):
        return False
    return b":" in said and said.isascii()
