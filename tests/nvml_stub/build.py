"""Builds the stand-in for NVIDIA's library with gcc, into a folder for LD_LIBRARY_PATH."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.parts import need

_SOURCE = Path(__file__).with_name("nvml_stub.c")


def build_stub(folder: Path, *defines: str) -> Path:
    """Compiles `libnvidia-ml.so.1` into the folder and returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    flags = ["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", *(f"-D{name}" for name in defines)]
    subprocess.run([need("gcc"), *flags, "-o", str(folder / "libnvidia-ml.so.1"), str(_SOURCE)], check=True)
    return folder
