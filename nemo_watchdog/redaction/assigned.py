"""`NAME=value`, `NAME: value`, `"name": "value"`, `--name value`: hides the value where the name says what it is.

A value ends with its quote; without one at white space, at a quote, `&`, `<` or `>`, and at `,`, `;` or a closing
bracket behind which another name or nothing follows: a password with a comma in it is rather hidden whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from nemo_watchdog.redaction.keylike import looks_like_a_key
from nemo_watchdog.redaction.mark import MARK, hide
from nemo_watchdog.redaction.names import Says, says

_ASSIGNED = re.compile(
    r"(?<![A-Za-z0-9_.-])"
    r"-{0,2}+(?P<name>[A-Za-z_][A-Za-z0-9_.-]{1,79}+)"
    r"(?P<close>\\{0,3}[\"'])?"
    r"(?P<sep>[ \t]{0,8}+(?:=>|:=|==?|:)[ \t]{0,8}+)"
    r"(?P<open>\\{0,3}[\"'])?"
)
_OPTION = re.compile(
    r"(?<![A-Za-z0-9_.-])--(?P<name>[A-Za-z][A-Za-z0-9_.-]{1,79}+)(?P<sep>[ \t]{1,8}+)(?!-)(?P<open>[\"'])?"
)
_BARE = re.compile(
    r"(?:[^\s\"'`&<>,;)\]}\\]++"
    r"|\\(?![nrt\"'])"
    r"|[,;)\]}]++(?!\s|$|[\"'`]|[\w.-]{1,40}+\\?[\"']?\s{0,2}[=:]))++"
)
_TO_THE_END = re.compile(r"[^\n\r\"'\\]*+")
_SCHEME = re.compile(r"(?:Bearer|Basic|Digest|Token|ApiKey|Negotiate|NTLM|AWS4-HMAC-SHA256)[ \t]{1,8}+", re.IGNORECASE)
_HEADERS = ("authorization", "cookie")
_LONGEST_QUOTED = 16 * 1024
_QUOTED = {quote: re.compile(rf"(?:[^{quote}\\]|\\.)*+(?={quote})", re.DOTALL) for quote in "\"'"}
_KEY = re.compile(r"[^\s\"'`&<>]{8}")
_PARTS = frozenset({"key", "string", "code", "hash"})
"""What only with the word or the sign before it is a name of a secret."""
_ENDS = ("", " ", "\n", "&", ",", ";", '"', "'", ")", "}", "\\")
_LAST = MARK[-1]
_NOTHING = re.compile(
    r"(?i:true|false|yes|no|on|off|none|null|nil|undefined|unset|empty|required|optional|string|str|bytes)"
    r"|\*{1,64}|<[^<>]{0,64}>|\$\{?[A-Za-z_]\w{0,80}\}?|%[sdr]|\{\w{0,40}\}|[.]{3}|…"
)
"""What stands in the place of a secret and is none."""
_NUMBER = re.compile(r"[0-9][0-9.,:]{0,12}[a-zA-Z/%]{0,3}")
_NAME_BEFORE_KEY = re.compile(r"(?i:\b(api|access|private|secret|encryption|signing|connection)[ \t])$")


def without_assigned(text: str) -> str:
    """With `[redacted]` in the place of each value."""
    text = hide(text, _places(text, _ASSIGNED))
    return hide(text, _places(text, _OPTION)) if "--" in text else text


def _places(text: str, pattern: re.Pattern[str]) -> Iterator[tuple[int, int]]:
    done = 0
    for found in pattern.finditer(text):
        name, begin = found["name"], found.end()
        said = says(name)
        if said <= Says.MAYBE and (_KEY.match(text, begin) is None or (said is Says.NO and name.lower() not in _PARTS)):
            continue
        if found.start() < done:
            continue
        if text.startswith(MARK, begin) and text[begin + len(MARK) : begin + len(MARK) + 1] in _ENDS:
            continue
        if (place := _value(text, found)) is not None:
            yield place
            done = place[1]


def _value(text: str, found: re.Match[str]) -> tuple[int, int] | None:
    """From where to where the secret is; None where there is none."""
    name, opened, begin = found["name"], found["open"], found.end()
    said = _said(text, found)
    if said is Says.NO:
        return None
    if opened:
        end = _end_of_quoted(text, begin, opened)
        if scheme := _SCHEME.match(text, begin, end):
            begin = scheme.end()
    elif name.lower().endswith(_HEADERS):
        return _header(text, begin)
    else:
        bare = _BARE.match(text, begin)
        if bare is None:
            return None
        end = bare.end()
        if text.startswith(_LAST, end) and text.endswith(MARK[:-1], begin, end):
            end += 1  # of a mark, and not of what is around it
    value = text[begin:end]
    return (begin, end) if is_secret_value(name, said, value) else None


def _end_of_quoted(text: str, begin: int, opened: str) -> int:
    """Where it is closed; the end of the line where it is not."""
    last = begin + _LONGEST_QUOTED
    if len(opened) == 1:
        return (_QUOTED[opened].match(text, begin, last) or _TO_THE_END.match(text, begin, last)).end()  # type: ignore[union-attr]
    end = text.find(opened, begin, last)
    return end if end >= 0 else _TO_THE_END.match(text, begin, last).end()  # type: ignore[union-attr]


def _said(text: str, found: re.Match[str]) -> Says:
    name = found["name"]
    said = says(name)
    if said is Says.NO and name.lower() in {"key", "string"} and text[max(0, found.start() - 1)] == " ":
        return Says.TOKEN if _NAME_BEFORE_KEY.search(text, max(0, found.start() - 16), found.start()) else said
    if said is Says.NO and name.lower() in {"key", "code", "hash"} and text[max(0, found.start() - 1)] in "?&":
        return Says.MAYBE  # of an address
    if said is Says.TOKEN and (found["open"] or found["sep"].strip() in {"=", "=>", ":="}):
        return Says.YES
    return Says.MAYBE if said is Says.TOKEN and found["sep"].strip() else said


def is_secret_value(name: str, said: Says, value: str) -> bool:
    """Whether that is worth hiding behind a name of which that is said."""
    if said <= Says.MAYBE:
        return said is Says.MAYBE and looks_like_a_key(value)
    if not value.strip() or _NOTHING.fullmatch(value):
        return False
    if said is Says.TOKEN and _NUMBER.fullmatch(value):
        return False
    return not (name.lower() in {"pwd", "oldpwd"} and value.startswith("/"))


def _header(text: str, begin: int) -> tuple[int, int] | None:
    """Of `Authorization` all behind its scheme, of a cookie all."""
    if scheme := _SCHEME.match(text, begin):
        begin = scheme.end()
    end = _TO_THE_END.match(text, begin).end()  # type: ignore[union-attr]  # as above
    value = text[begin:end].rstrip()
    plain = scheme is None and "=" not in value and not looks_like_a_key(value.partition(" ")[0])
    return None if not value or plain else (begin, begin + len(value))
