"""Records from what the journal keeps of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

from nemo_watchdog.errors import JournalError
from nemo_watchdog.records import TYPES, Record


def from_body(body: Mapping[str, Any]) -> Record:
    """The record that `Record.body` made. Unknown fields are ignored.

    Raises `JournalError` for an unknown type or a missing field: state that cannot be read fails closed.
    """
    kind = TYPES.get(str(body.get("type")))
    if kind is None:
        raise JournalError(f"the journal holds a record of the unknown type {body.get('type')!r}")
    values = {field.name: body[field.name] for field in fields(kind) if field.name in body}
    needed = [f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING]
    missing = [name for name in needed if name not in values]
    if missing:
        raise JournalError(f"a {kind.TYPE} record in the journal lacks {', '.join(missing)}")
    return kind(**values)
