"""Builds what writes down the connections of a process and lets none leave loopback, for LD_PRELOAD."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.parts import need

_SOURCE = Path(__file__).with_name("connects_stub.c")


def build_stub(folder: Path) -> Path:
    """Compiles it into the folder and returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    library = folder / "connects.so"
    flags = ["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror"]
    subprocess.run([need("gcc"), *flags, "-o", str(library), str(_SOURCE), "-ldl"], check=True)
    return library
