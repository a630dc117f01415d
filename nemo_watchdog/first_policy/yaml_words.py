"""Values as YAML that every reader takes for what they are: the policy's own, and those of editors."""

from __future__ import annotations

import re
from typing import Any

import yaml

from nemo_watchdog.policy.document import read_document

_EASY = re.compile(r"[A-Za-z_./][A-Za-z0-9_./@+-]*", re.ASCII)
_UNLIKE_A_WORD = re.compile(r"(?i)(y|n|yes|no|on|off|true|false|null|~)", re.ASCII)
_LIKE_A_NUMBER = re.compile(
    r"[-+.]?[0-9][0-9_]*([.:eE+-][0-9eE:_.+-]*)?|0[xo][0-9A-Fa-f]+|\.(inf|nan)", re.ASCII | re.IGNORECASE
)
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def written(value: Any, *, inside: bool = False) -> str:
    """In one line; `inside` a list or a mapping, where some characters mean more."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.15f}".rstrip("0") + ("0" if value.is_integer() else "")
    if isinstance(value, int):
        return str(value)
    if isinstance(value, dict):
        return (
            "{"
            + ", ".join(
                f"{written(str(key), inside=True)}: {written(item, inside=True)}" for key, item in value.items()
            )
            + "}"
        )
    if isinstance(value, list | tuple):
        return "[" + ", ".join(written(item, inside=True) for item in value) + "]"
    return _text(str(value), inside=inside)


def comment(text: str) -> str:
    """Text for a comment: one line, and nothing in it that cannot be printed."""
    return "".join(each if each.isprintable() else "?" for each in " ".join(text.split()))


def _text(text: str, *, inside: bool) -> str:
    if _UNLIKE_A_WORD.fullmatch(text) or _LIKE_A_NUMBER.fullmatch(text):
        return _quoted(text)
    if _EASY.fullmatch(text) or (not inside and _is_plain(text)):
        return text
    return _quoted(text)


def _is_plain(text: str) -> bool:
    """Whether both readers take it for this text without quotes."""
    if not text.isprintable() or not text.isascii():
        return False
    document = read_document(f"key: {text}", None)
    if document.issues or document.value != {"key": text}:
        return False
    try:
        return bool(yaml.safe_load(f"key: {text}") == {"key": text})
    except (yaml.YAMLError, ValueError):
        return False


def _quoted(text: str) -> str:
    if text.isprintable() and '"' in text and "'" not in text:
        return f"'{text}'"
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(letter: str) -> str:
    if letter in _ESCAPES:
        return _ESCAPES[letter]
    if letter.isprintable():
        return letter
    number = ord(letter)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
