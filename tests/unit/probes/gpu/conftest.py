"""A stand-in for NVIDIA's library, which the real pynvml loads in the real child process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.nvml_stub.build import build_stub

Control = Callable[..., None]


@pytest.fixture(scope="session")
def stub(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_stub(tmp_path_factory.mktemp("nvml"))


@pytest.fixture
def control(stub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Control:
    """Sets what the stand-in answers from now on; children inherit the way to it."""
    file = tmp_path / "control"
    file.write_text("")
    monkeypatch.setenv("NVML_STUB_CONTROL", str(file))
    monkeypatch.setenv("LD_LIBRARY_PATH", str(stub))

    def write(**answers: object) -> None:
        # Replaced in one step: a child may be reading it.
        fresh = file.with_suffix(".new")
        fresh.write_text("".join(f"{name}={answer}\n" for name, answer in answers.items()))
        fresh.replace(file)

    return write
