"""Takes secrets out of text and of JSON-like data: `[redacted]` stands in their place, all else stays.

What has nothing suspicious in it is told so by one search in linear time (RE2) and is given back as it is. The rest is
read rule by rule; each takes each character once. What is known goes first, for a rule may end within it. Again until
nothing changes: what was redacted once is never redacted further.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import re2

from nemo_watchdog.redaction.assigned import without_assigned
from nemo_watchdog.redaction.documents import secrets_in, without_secrets
from nemo_watchdog.redaction.keylike import SHORTEST, without_keylike
from nemo_watchdog.redaction.known import Known
from nemo_watchdog.redaction.places import RULES as PLACED
from nemo_watchdog.redaction.shapes import SHAPES, without_private_keys, without_shapes

_WORDS = "pass pw secret token key cred auth cookie sess sid sig dsn jwt otp connection"
_OPTIONS = re2.Options()
_OPTIONS.never_capture = True
_OPTIONS.log_errors = False
_OPTIONS.max_mem = 64 << 20


def _any_of(words: Iterable[str]) -> str:
    return f"(?i:{'|'.join(map(re2.escape, words))})"


_CALLED = _any_of((*_WORDS.split(), "code=", "hash="))
_SHAPED = "|".join(re2.escape(shape.sign) for shape in SHAPES)
_KEYLIKE = rf"[A-Za-z0-9+/_-]{{{SHORTEST}}}"
_ALL = (
    ("PRIVATE KEY", without_private_keys),
    (_CALLED, without_assigned),
    *PLACED,
    (_SHAPED, without_shapes),
    (_KEYLIKE, without_keylike),
)
"""With what must be in a text for a rule to change it."""
_SIGNS = tuple(sign for sign, _ in _ALL)
_RULES = tuple((re2.compile(sign.encode(), _OPTIONS), rule) for sign, rule in _ALL)


class Redactor:
    """`values` are secrets that are known; those in `keep` are none, whoever says so. Frozen: see `knowing`."""

    def __init__(self, values: Iterable[str] = (), keep: Collection[str] = ()) -> None:
        self._keep = frozenset(keep)
        self._known = Known(values, self._keep)
        self._suspicious = _pattern(self._known.forms if self._known.few() else ())

    def knowing(self, more: Iterable[str]) -> Redactor:
        """One that knows these as well; itself where that is nothing new."""
        values = {*self._known.values, *more}
        known = Known(values, self._keep)
        return self if known.values == self._known.values else Redactor(values, self._keep)

    def text(self, text: str) -> str:
        """Without secrets. Never raises, whatever the text; the same text where there are none."""
        while self._may_hold_one(text):
            before, text = text, self._known.without(text)
            for sign, rule in _RULES:
                if sign.search(text.encode("utf-8", "replace")) is not None:
                    text = rule(text)
            if text == before:
                break
        return text

    def document(self, value: Any) -> Any:
        """Of JSON-like data, such as `docker inspect`: by its keys, in lists of `NAME=value`, and in command lines."""
        return without_secrets(value, self.text)

    def secrets_in(self, inspection: Mapping[str, Any]) -> frozenset[str]:
        """What of a container's environment and command line (`docker inspect`) it would take out."""
        return secrets_in(inspection, self.text)

    def _may_hold_one(self, text: str) -> bool:
        if self._suspicious.search(text.encode("utf-8", "replace")) is not None:
            return True
        return (not self._known.few() and self._known.may_be_in(text)) or text.endswith("…")


def _pattern(forms: Iterable[str]) -> Any:
    literals = [re2.escape(form.encode("utf-8", "replace").decode()) for form in forms]
    return re2.compile("|".join((*_SIGNS, *literals)).encode(), _OPTIONS)
