"""No circle of imports anywhere in the repository, and no file of the package that is too long to be read at once.

An import below `if TYPE_CHECKING:` or inside a function counts: who needs another's names is above it.
"""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TREES = ("nemo_watchdog", "tests", "benchmarks")
TOOLS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
ROOTS = [*(ROOT / folder for folder in TOOLS["pytest"]["ini_options"]["pythonpath"]), ROOT / "benchmarks", ROOT]
"""Where Python finds modules, the innermost folder first."""

LONGEST = 400
"""Lines of a file."""
LONGEST_OF = {"engine/engine.py": 220}


def sources() -> dict[str, str]:
    """The text of every module of the repository, by its full name."""
    paths = [path for tree in TREES for path in (ROOT / tree).rglob("*.py")]
    return {_name(path): path.read_text(encoding="utf-8") for path in paths}


def _name(path: Path) -> str:
    root = next(root for root in ROOTS if root in path.parents)
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(module: str, source: str, known: frozenset[str]) -> Iterator[str]:
    """The modules among the known ones that this one names in an import.

    Source: Python's language reference, "Package Relative Imports".
    """
    package = module if any(name.startswith(f"{module}.") for name in known) else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name in known)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package.split(".")[: -(node.level - 1) or None]) if node.level else ""
            origin = ".".join(part for part in (base, node.module) if part)
            for name in node.names:
                yield from [each for each in (f"{origin}.{name.name}", origin) if each in known][:1]


def circle(modules: Mapping[str, str]) -> list[str]:
    """Modules of which each imports the next, the first one last again; none where there is no circle."""
    known = frozenset(modules)
    graph = {name: set(imported(name, source, known)) for name, source in modules.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])[::-1]
    return []


def test_nobody_imports_in_a_circle() -> None:
    """Of two modules that need each other neither can be read, tested or moved alone."""
    modules = sources()
    assert {"nemo_watchdog.demo.policy", "nemo_watchdog_file_age", "tests.parts", "cost.processes"} <= set(modules)
    assert circle(modules) == []


@pytest.mark.parametrize(
    "modules",
    [
        {"p.a": "import p.b", "p.b": "from p import a"},
        {
            "p.a": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from p.b import B",
            "p.b": "from p.a import A",
        },
        {"p.a": "def late():\n    from p.b import B", "p.b": "from p import c", "p.c": "import p.a"},
        {"p": "from p.a import A", "p.a": "from p import A"},
        {"p.q": "", "p.q.a": "from . import b", "p.q.b": "from .a import A"},
        {"p.q.a": "from ..r import R", "p.r": "from .q.a import A"},
    ],
)
def test_a_planted_circle_is_found(modules: dict[str, str]) -> None:
    """Whichever way its imports are written; each module of it is named."""
    found = circle(modules)
    assert found[0] == found[-1]
    known = frozenset(modules)
    assert all(after in imported(before, modules[before], known) for before, after in pairwise(found))


def test_what_is_no_circle_is_let_through() -> None:
    """Two ways to the same module, and a package that offers what its modules have."""
    modules = {
        "p": "from p.a import A",
        "p.a": "from p import c\nimport p.b",
        "p.b": "from p.c import C",
        "p.c": "import p_else",
    }
    assert circle(modules) == []


def test_no_file_of_the_package_is_too_long() -> None:
    """A limit that a file has for itself is one that it needs."""
    package = ROOT / "nemo_watchdog"
    lines = {
        str(path.relative_to(package)): len(path.read_text(encoding="utf-8").splitlines())
        for path in package.rglob("*.py")
    }
    assert {name: count for name, count in lines.items() if count > LONGEST_OF.get(name, LONGEST)} == {}
    assert [name for name in LONGEST_OF if name not in lines] == []
