"""Values that never print. Only the adapter that needs one calls `reveal()`."""

from __future__ import annotations

import re

_CREDENTIAL = re.compile("pass|pwd|token|secret|key|sig|auth|cert|cred|user", re.IGNORECASE)
"""In the name of an address's parameter: it says who asks, not where."""


class Secret:
    """A value that never prints. Equality compares the value, so that a reload can tell what changed."""

    __slots__ = ("_value", "_written")

    def __init__(self, value: str, written: str | None = None) -> None:
        """`written` is what the policy says in its place, such as `${file:/run/secrets/password}`."""
        self._value = value
        self._written = value if written is None else written

    def reveal(self) -> str:
        return self._value

    @property
    def leads_to(self) -> tuple[str, str]:
        """The same as long as it leads to the same place: a password that is rotated in its file changes neither.

        What the policy has written, before any file was read, and where it is.
        """
        return self._written, self.where

    @property
    def where(self) -> str:
        """What of an address says where, not who asks; empty for what is no address. No secret is in it."""
        scheme, _, rest = self._value.partition("://")
        before, mark, asked = rest.partition("?")
        kept = [each for each in asked.split("&") if not _CREDENTIAL.search(each.partition("=")[0])]
        return f"{scheme}://{before.rpartition('@')[2]}{mark if kept else ''}{'&'.join(kept)}" if rest else ""

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __bool__(self) -> bool:
        return bool(self._value)
