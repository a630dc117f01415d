"""The mutants of a small module: which there are, that each is alive alone, and that tests kill those that they see."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from tests.mutation.mutants import Mutant, Numbering, instrument
from tests.mutation.survivors import read, report
from tests.mutation.switch import NONE, switch
from tests.mutation.trying import Fate

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _nobody_is_alive_afterwards() -> Iterator[None]:
    yield
    switch.alive, switch.reached = NONE, set()


def made(source: str) -> tuple[dict[str, Any], list[Mutant]]:
    numbering, names = Numbering(), dict[str, Any]()
    exec(compile(instrument(dedent(source), "shop", numbering), "shop.py", "exec"), names)  # noqa: S102
    return names, numbering.mutants


def changes(source: str) -> set[tuple[str, str]]:
    return {(mutant.before, mutant.after) for mutant in made(source)[1]}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("return a < b", {("a < b", "a <= b"), ("return a < b", "return None")}),
        ("return a < b <= 3", {("a < b <= 3", "a <= b <= 3"), ("a < b <= 3", "a < b < 3"), ("3", "4")}),
        ("return a is b", {("a is b", "a is not b")}),
        ("return a in b", {("a in b", "a not in b")}),
        ("return a and b", {("a and b", "a or b")}),
        ("return not a", {("not a", "bool(a)")}),
        ("return a - b", {("a - b", "a + b")}),
        ("return a | b", {("a | b", "a & b")}),
        ("return True", {("True", "False")}),
        ("return min(a, b)", {("min(a, b)", "max(a, b)")}),
        ("if a:\n        return b", {("if a", "if not a"), ("return b", "return None")}),
        ("return [x for x in a if x]", {("if x", "if not x")}),
        ("return a if b else a", {("if b", "if not b")}),
        ("a.x = b", {("a.x = b", "pass")}),
        ("a.pop()", {("a.pop()", "pass")}),
        ("a += b", {("a += b", "pass")}),
        ("raise ValueError", {("raise ValueError", "pass")}),
        ("for x in a:\n        break", {("break", "continue")}),
        ("match a:\n        case 1 if b:\n            return a", {("if b", "if not b")}),
        ("return lambda: a == b", {("a == b", "a != b")}),
        ("return f'{a + b}'", {("a + b", "a - b")}),
    ],
)
def test_what_is_changed(body: str, expected: set[tuple[str, str]]) -> None:
    """Each kind of change, wherever such an expression may stand."""
    assert changes(f"def f(a, b):\n    {body}\n") >= expected


@pytest.mark.parametrize(
    "source",
    ["LIMIT = 3 < 4", "def f(a=1): pass", "@g(1 + 1)\ndef f(): 'text'", "def f():\n    return 'a' + 'b'"],
)
def test_what_is_not(source: str) -> None:
    """What runs at the import runs before any test, and text is held by its own tests."""
    assert not {
        change for change in changes(f"def g(n): return lambda f: f\n{source}\n") if "f: f" not in change[0]
    } - {
        ("return lambda f: f", "return None"),
        ("return 'a' + 'b'", "return None"),
    }


def test_one_is_alive_and_no_other() -> None:
    """With none alive it is the module as it was written; a decorated method has mutants like any other."""
    names, mutants = made(
        """
        class Shelf:
            @property
            def rest(self):
                return 5 - 2
        """
    )
    shelf = names["Shelf"]()
    assert shelf.rest == 3
    assert switch.reached == {mutant.number for mutant in mutants}
    results = {}
    for mutant in mutants:
        switch.alive = mutant.number
        results[mutant.after] = shelf.rest
    assert results == {"5 + 2": 7, "6": 4, "3": 2, "return None": None}


def test_names_outlive_what_stands_around() -> None:
    """A survivor that was explained is known again when lines come before it; the same change twice has numbers."""
    one = made("def f(a):\n    a.x(1)\n    a.x(1)\n")[1]
    two = made("import os\n\ndef g(): return 1\n\ndef f(a):\n    a.x(1)\n    a.x(1)\n")[1]
    assert {mutant.name for mutant in one} <= {mutant.name for mutant in two}
    assert {mutant.name for mutant in one} == {"shop:f: 1 -> 2", "shop:f: 1 -> 2 #2"} | {
        f"shop:f: a.x(1) -> pass{nth}" for nth in ("", " #2")
    }


def test_tests_kill_what_they_see(tmp_path: Path) -> None:
    """A package of its own with one weak test: what it notices is killed, and so is what never ends."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__init__.py").touch()
    source = """
    def price(n):
        total = 0
        while n > 0:
            n -= 1
            total += 3
        return total

    def unused():
        return 1

    def at_import():
        return 1

    at_import()
    """
    (tmp_path / "shop" / "till.py").write_text(dedent(source))
    (tmp_path / "test_till.py").write_text("from shop.till import price\n\ndef test_it():\n    assert price(0) == 0\n")
    script = """
    import json, sys
    from tests.mutation import trying
    trying.PATIENCE = 1.0
    trial = trying.try_mutants(["shop"], [sys.argv[1]], lambda mutant: True, jobs=2)
    print(json.dumps({mutant.name: fate.name for mutant, fate in trial.fates.items()}))
    """
    command = [sys.executable, "-c", dedent(script), str(tmp_path / "test_till.py")]
    environment = {"PYTHONPATH": f"{ROOT}:{tmp_path}", "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True, timeout=100
    )
    fates = json.loads(done.stdout.splitlines()[-1])
    assert fates == {
        "shop.till:price: 0 -> 1": "KILLED",
        "shop.till:price: n > 0 -> n >= 0": "KILLED",
        "shop.till:price: 0 -> 1 #2": "SURVIVED",
        "shop.till:price: return total -> return None": "KILLED",
        "shop.till:price: n -= 1 -> pass": "UNREACHED",
        "shop.till:price: 1 -> 2": "UNREACHED",
        "shop.till:price: total += 3 -> pass": "UNREACHED",
        "shop.till:price: 3 -> 4": "UNREACHED",
        "shop.till:unused: 1 -> 2": "UNREACHED",
        "shop.till:at_import: 1 -> 2": "AT_IMPORT",
    }


def test_what_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Too few killed, a survivor that nobody explained, or an explanation of what is killed by now: an error."""
    mutants = [Mutant(number, "shop", "f", number, "a", f"b{number}", 1) for number in range(1, 11)]
    fates = dict.fromkeys(mutants, Fate.KILLED) | {mutants[0]: Fate.SURVIVED}
    known = tmp_path / "survivors.txt"
    known.write_text("# shop\nshop:f: a -> b1 | it is the same\nshop:f: a | b -> a & b | a set of bits\n")
    assert read(known).pop("shop:f: a | b -> a & b") == "a set of bits"
    known.write_text("# shop\nshop:f: a -> b1 | it is the same\n")
    assert report(fates, read(known), at_least=0.9, write=False, whole=True) == 0
    assert "9 of 10 mutants killed (90.0%)" in capsys.readouterr().out
    assert report(fates, {}, at_least=0.9, write=False, whole=True) == 1
    assert "nobody has said why: line 1: shop:f: a -> b1" in capsys.readouterr().out
    assert report(fates, read(known) | {"shop:f: a -> b2": "once"}, at_least=0.9, write=False, whole=True) == 1
    assert (
        report(
            fates | {mutants[1]: Fate.UNREACHED},
            {m.name: "x" for m in mutants[:2]},
            at_least=0.9,
            write=False,
            whole=True,
        )
        == 1
    )
