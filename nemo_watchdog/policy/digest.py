"""What a dependency is known by: a digest of its probe, its container, its address and what is expected there.

It is kept in the journal, so it must be the same after every start and with every Python: only what the policy gives
is in it, and no default, which a later version may change. No secret is in it: a password that was rotated is the same
address.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

from pydantic import BaseModel

from nemo_watchdog.policy.secret_value import Secret


def digest_of(probe: str, container: str | None, options: BaseModel) -> str:
    """Hexadecimal, of what the policy says beyond the defaults."""
    return hashlib.sha256(_text({"probe": probe, "container": container, "options": options}).encode()).hexdigest()


def _text(value: Any) -> str:
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"))


def _plain(value: Any) -> Any:
    """As JSON. What no rule here knows counts by its type alone: its text may differ from one start to the next."""
    if isinstance(value, Secret):
        return value.where
    if isinstance(value, BaseModel):
        return {name: _plain(getattr(value, name)) for name in value.model_fields_set}
    if isinstance(value, Enum):
        return _plain(value.value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, AbstractSet):
        return sorted(map(_text, value))
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    return type(value).__name__
