"""What came with the program is printed as it stands in the repository; the wheel has all of it."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from nemo_watchdog import shipped
from nemo_watchdog.shipped import CONSTRAINTS, PLACES, Example
from tests.unit.cli.calling import Call

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("name", PLACES)
def test_it_prints_what_is_shipped(call: Call, name: Example) -> None:
    result = call("example", name)
    assert (result.code, result.err) == (0, "")
    assert result.out == (ROOT / PLACES[name]).read_text(encoding="utf-8")


def test_the_wheel_has_all_that_is_printed() -> None:
    """From the same places, below the folder where it is looked for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    included = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert included == {place: f"nemo_watchdog/shipped_files/{place}" for place in (CONSTRAINTS, *PLACES.values())}


def test_an_installation_that_is_not_whole_says_so(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped, "_IN_THE_WHEEL", tmp_path)
    result = call("example", "policy")
    assert (result.code, result.out) == (1, "")
    assert "this installation has no policy: install it again" in result.err


def test_what_is_not_shipped_is_named_with_what_is(call: Call) -> None:
    result = call("example", "dashboard")
    assert result.code == 2
    assert "alertmanager" in result.err
