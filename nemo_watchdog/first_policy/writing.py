"""A new file, whole or not at all, and never over one that somebody wrote."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

MODE = 0o644
"""The service's own user reads it; secrets stand elsewhere."""


def write_new(path: Path, text: str, instead_of: str | None = None) -> None:
    """Raises `FileExistsError` where something is there by now that does not say `instead_of`, and `OSError`."""
    descriptor, beside = tempfile.mkstemp(dir=path.absolute().parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fchmod(file.fileno(), MODE)
            os.fsync(file.fileno())
        if instead_of is not None and path.is_file() and path.read_text(encoding="utf-8") == instead_of:
            Path(beside).replace(path)
        else:
            os.link(beside, path)  # unlike a rename, it takes nobody's place
    finally:
        Path(beside).unlink(missing_ok=True)
