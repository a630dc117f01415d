"""Modules that are imported with all of their mutants in them, from now on in this process."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder, SourceLoader
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import spec_from_loader
from pathlib import Path
from types import ModuleType

from tests.mutation.mutants import Numbering, instrument


class Instrumenting(MetaPathFinder):
    """Finds the modules of some packages; the mutants of each are added to `numbering` when it is imported."""

    def __init__(self, packages: Sequence[str]) -> None:
        self.numbering = Numbering()
        self._packages = tuple(packages)

    def install(self) -> None:
        """Before anything of these packages is imported."""
        early = [name for name in sys.modules if self._is_ours(name)]
        if early:
            raise RuntimeError(f"imported before it could be instrumented: {', '.join(early)}")
        sys.meta_path.insert(0, self)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """None for what is not ours, and for packages, which hold no decisions."""
        spec = PathFinder.find_spec(fullname, path, target) if self._is_ours(fullname) else None
        if spec is None or spec.origin is None or spec.submodule_search_locations is not None:
            return None
        return spec_from_loader(fullname, _Loader(Path(spec.origin), self.numbering), origin=spec.origin)

    def _is_ours(self, name: str) -> bool:
        return any(name == each or name.startswith(f"{each}.") for each in self._packages)


class _Loader(SourceLoader):
    def __init__(self, path: Path, numbering: Numbering) -> None:
        self._path = path
        self._numbering = numbering

    def get_filename(self, fullname: str) -> str:
        return str(self._path)

    def get_data(self, path: str) -> bytes:
        return Path(path).read_bytes()

    def exec_module(self, module: ModuleType) -> None:
        tree = instrument(self._path.read_text(encoding="utf-8"), module.__name__, self._numbering)
        exec(compile(tree, str(self._path), "exec"), module.__dict__)  # noqa: S102 - it is the module itself
