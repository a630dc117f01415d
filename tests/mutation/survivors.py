"""What is known of the mutants that no test notices: each with why that is right. A text file beside this one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from tests.mutation.mutants import Mutant
from tests.mutation.trying import Fate

FILE = Path(__file__).with_name("survivors.txt")
"""A line for each, `NAME | WHY`, where a name may have the bar, too; a line that begins with `#` is a heading."""

_ALIVE = (Fate.SURVIVED, Fate.UNREACHED)


def read(path: Path = FILE) -> dict[str, str]:
    """Why each known survivor survives, by its name."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    pairs = (line.rpartition(" | ") for line in lines if line.strip() and not line.startswith("#"))
    return {name: why for name, _, why in pairs}


def report(fates: Mapping[Mutant, Fate], known: Mapping[str, str], *, at_least: float, write: bool, whole: bool) -> int:
    """Prints what became of all; 1 where fewer than `at_least` were killed, or one survives that nobody explained."""
    alive = sorted((m for m, fate in fates.items() if fate in _ALIVE), key=lambda m: (m.module, m.line, m.number))
    counted = Counter(fates.values())
    tried = len(fates) - counted[Fate.AT_IMPORT]
    share = counted[Fate.KILLED] / tried if tried else 0.0
    new = [mutant for mutant in alive if mutant.name not in known]
    _print_modules(fates)
    for mutant in new:
        reached = "" if fates[mutant] is Fate.SURVIVED else "  (no test reaches it)"
        print(f"survived, and nobody has said why: line {mutant.line}: {mutant.name}{reached}")
    gone = [name for name in known if whole and name not in {mutant.name for mutant in alive}]
    for name in gone:
        print(f"known as a survivor, and is none: {name}")
    print(
        f"{counted[Fate.KILLED]} of {tried} mutants killed ({share:.1%}); {counted[Fate.SURVIVED]} survived, "
        f"{counted[Fate.UNREACHED]} not reached by any test; {len(new)} unexplained. "
        f"{counted[Fate.AT_IMPORT]} more stand where only the import passes."
    )
    if write and new:
        with FILE.open("a", encoding="utf-8") as file:
            file.writelines(f"{mutant.name} | ?\n" for mutant in new)
    return int(share < at_least or bool(new or gone))


def _print_modules(fates: Mapping[Mutant, Fate]) -> None:
    by_module: dict[str, Counter[Fate]] = {}
    for mutant, fate in fates.items():
        by_module.setdefault(mutant.module, Counter())[fate] += 1
    for module, counted in sorted(by_module.items()):
        tried = counted.total() - counted[Fate.AT_IMPORT]
        if tried:
            print(f"{counted[Fate.KILLED] / tried:6.1%} of {tried:4}  {module}")
