"""What every command prints the same way. Results go to stdout, complaints to stderr."""

from __future__ import annotations

import json
import sys
from typing import Any

GOOD, WRONG, USAGE, UNREACHABLE = 0, 1, 2, 3


def fail(message: str) -> None:
    print(message, file=sys.stderr)


def as_json(value: Any) -> None:
    print(json.dumps(value, indent=2, default=str))
