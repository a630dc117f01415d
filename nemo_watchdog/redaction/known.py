"""Secrets that are known: which of them may be replaced wherever they stand, and in which forms they stand there.

A value is replaced blindly when it has at least 6 characters and is no plain word: no word of a few letters of one
case (`postgres`, `localhost`), no number of fewer than 8 digits (a port, a year), none that what is shown needs
(`keep`: names of dependencies and containers). Those are hidden where a name says that they are secrets.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Collection, Iterable, Iterator

from nemo_watchdog.redaction.mark import MARK, outside

SHORTEST = 6
_SHORTEST_INSIDE = 8
"""Of a piece of base64, and of a line of a value that has several."""
_PLAIN = re.compile(r"[A-Za-z]?[a-z]{0,9}|[A-Z]{0,10}|[0-9]{0,7}|[0-9.:]{0,21}|[0-9]{1,6}[A-Za-z]{1,3}")
_FEW = 256
"""So many forms are looked for one by one; more by how they begin."""


def is_plain(value: str) -> bool:
    """Whether it must not be replaced wherever it stands."""
    return len(value) < SHORTEST or not value.strip() or _PLAIN.fullmatch(value) is not None or value in MARK


def forms(value: str) -> Iterator[str]:
    """As it is, and as addresses, JSON, HTML, Python and base64 have it; of several lines each."""
    yield value
    data = value.encode("utf-8", "surrogateescape")
    yield from (_in_address(data), _in_address(data, b"/"), _in_address(data, b" ").replace(" ", "+"))
    yield re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), _in_address(data))
    yield from (json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1], repr(value)[1:-1])
    yield html.escape(value)
    for before in range(3):
        # Base64 of a longer text has it in one of three ways; what shares a character with its neighbours is left out.
        coded = base64.b64encode(b"\0" * before + data).decode("ascii")
        whole = coded[-(-before * 8 // 6) : (before + len(data)) * 8 // 6]
        if len(whole) >= _SHORTEST_INSIDE:
            yield from (whole, whole.translate(_URLSAFE))
    lines = value.splitlines()
    if len(lines) > 1:
        yield from (line.strip() for line in lines if len(line.strip()) >= _SHORTEST_INSIDE)


def _in_address(data: bytes, also: bytes = b"") -> str:
    """RFC 3986, 2.3: what is not unreserved is written with a percent sign."""
    return "".join(chr(each) if each in _UNRESERVED or each in also else f"%{each:02X}" for each in data)


_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_URLSAFE = str.maketrans("+/", "-_")


class Known:
    """`forms` are what is looked for, the longest first."""

    def __init__(self, values: Iterable[str], keep: Collection[str] = ()) -> None:
        self.values = frozenset(value for value in values if not is_plain(value) and value not in keep)
        made = {form for value in self.values for form in forms(value) if not is_plain(form) and form not in keep}
        self.forms: tuple[str, ...] = tuple(sorted(made, key=lambda form: (-len(form), form)))
        self._begins: dict[str, list[str]] = {}
        for form in self.forms if len(self.forms) > _FEW else ():
            self._begins.setdefault(form[:SHORTEST], []).append(form)

    def few(self) -> bool:
        return not self._begins

    def may_be_in(self, text: str) -> bool:
        """For many: whether any begins in it."""
        begins = self._begins
        return any(text[at : at + SHORTEST] in begins for at in range(len(text) - SHORTEST + 1))

    def without(self, text: str) -> str:
        for form in self._at_hand(text):
            if form in text:
                text = outside(text, form)
        return self._without_a_cut_one(text) if text.endswith("…") else text

    def _at_hand(self, text: str) -> Iterable[str]:
        if self.few():
            return self.forms
        found = {text[at : at + SHORTEST] for at in range(len(text) - SHORTEST + 1)} & self._begins.keys()
        return sorted((form for begin in found for form in self._begins[begin]), key=len, reverse=True)

    def _without_a_cut_one(self, text: str) -> str:
        """A text that was cut (`…`) in the middle of one ends with its beginning."""
        for form in self._at_hand(text):
            at = text.rfind(form[:SHORTEST], max(0, len(text) - len(form) - 1))
            if at >= 0 and form.startswith(text[at:-1]):
                return f"{text[:at]}{MARK}…"
        return text
