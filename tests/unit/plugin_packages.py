"""Packages with plugins, installed for real into a folder: code and a dist-info, as an installer leaves them."""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Mapping
from pathlib import Path

EXAMPLE = Path(__file__).parents[1] / "example_plugin"


def install(folder: Path, name: str, entries: str, modules: Mapping[str, str] | None = None) -> None:
    """A distribution with this `entry_points.txt` and these modules, by name of the module."""
    info = folder / f"{name.replace('-', '_')}-1.0.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(entries, encoding="utf-8")
    for module, text in (modules or {}).items():
        (folder / f"{module}.py").write_text(text, encoding="utf-8")


def install_example(folder: Path) -> None:
    """The example package, by what its own pyproject.toml says: no network and no build backend is needed."""
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = []
    for group, entries in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {value}" for name, value in entries.items())]
    install(folder, project["name"], "\n".join(lines) + "\n")
    package = project["name"].replace("-", "_")
    shutil.copytree(EXAMPLE / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))


def probe(name: str, value: str) -> str:
    """The `entry_points.txt` that offers one probe."""
    return f"[nemo_watchdog.probes]\n{name} = {value}\n"


def action(name: str, value: str) -> str:
    """The `entry_points.txt` that offers one action."""
    return f"[nemo_watchdog.actions]\n{name} = {value}\n"
