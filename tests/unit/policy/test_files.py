"""Each file in tests/policies/invalid holds one mistake and, in `# expect` lines at its top, what is said of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from nemo_watchdog.errors import PolicyError
from nemo_watchdog.policy.lint import lint
from nemo_watchdog.policy.loader import load_policy
from tests.unit.policy.fakes import CATALOG, POLICIES

INVALID = sorted((POLICIES / "invalid").glob("*.yaml"))
VALID = sorted((POLICIES / "valid").glob("*.yaml"))
EXPECT = "# expect "


@pytest.mark.parametrize("path", INVALID, ids=lambda path: path.stem)
def test_a_mistake_gives_exactly_its_message(path: Path) -> None:
    """Every problem is told with file, line, column, path and what would be right, and nothing else is told."""
    lines = path.read_text("utf-8").splitlines()
    expected = [f"{path}:{line.removeprefix(EXPECT)}" for line in lines if line.startswith(EXPECT)]
    assert expected
    with pytest.raises(PolicyError) as caught:
        load_policy(path, CATALOG, environ={})
    assert str(caught.value).splitlines() == expected


TELL_NOBODY = {"smallest", "empty-sections"}


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_a_valid_policy_loads_without_advice(path: Path) -> None:
    """What the language allows loads, and these files are wise as well, but for two with next to nothing in them."""
    advised = [advice.path for advice in lint(load_policy(path, CATALOG, environ={}))]
    assert advised == (["contacts"] if path.stem in TELL_NOBODY else [])


def test_there_are_enough_files() -> None:
    """A wrong folder does not pass as a folder without mistakes."""
    assert len(INVALID) > 60
    assert len(VALID) >= 6
