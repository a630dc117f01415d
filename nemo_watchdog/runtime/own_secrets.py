"""The daemon's own secrets, such as its token: each in a file, made once, readable by the daemon's user alone."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from nemo_watchdog.errors import NemoWatchdogError
from nemo_watchdog.regular_file import read_regular
from nemo_watchdog.state_dir import TOKEN_BYTES


def own_secret(path: Path, what: str) -> str:
    """What stands in the file, and something new where there is none. Raises `NemoWatchdogError`."""
    try:
        if not path.exists():
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
                file.write(secrets.token_urlsafe(32))
        secret = read_regular(path, TOKEN_BYTES).decode("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise NemoWatchdogError(f"the {what} {path} cannot be used: {error}") from error
    if not secret:
        raise NemoWatchdogError(f"the {what} {path} is empty: delete it, and the next start makes a new one")
    return secret
