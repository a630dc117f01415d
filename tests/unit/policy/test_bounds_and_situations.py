"""Comparisons with numbers; and whatever is in a file of situations, it becomes situations or a PolicyError."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from nemo_watchdog.actions.catalog import ACTIONS
from nemo_watchdog.errors import PolicyError
from nemo_watchdog.policy.loader import load_policy
from nemo_watchdog.policy.situation import load_situations, parse_situations
from nemo_watchdog.policy.when import parse_bound
from nemo_watchdog.ports import Catalog
from nemo_watchdog.probes import PROBES

FOLDER = Path(__file__).parents[2] / "situations"
POLICY = load_policy(FOLDER / "conditions.policy.yaml", Catalog(PROBES, ACTIONS), environ={})
TABLE = (FOLDER / "conditions.yaml").read_text("utf-8")
SNIPPETS = [
    "- ",
    ": ",
    "{",
    "}",
    "[",
    "]",
    "\n",
    "\n  ",
    "'",
    '"',
    "&a",
    "*a",
    "!!x",
    "---\n",
    "\t",
    "null",
    "-1",
    "down",
    "${A}",
]


@pytest.mark.parametrize(
    ("written", "holds", "does_not"),
    [
        ("> 100", 100.5, 100),
        (">100", 101, 99),
        (">= 90%", 0.9, 0.89),
        ("< 150%", 1.49, 1.5),
        ("<= -3", -3, -2),
        ("= 0", 0, 1),
    ],
)
def test_a_comparison(written: str, holds: float, does_not: float) -> None:
    """With or without a space; a percentage is a hundredth, and may be more than a whole."""
    bound = parse_bound(written)
    assert bound.holds(holds)
    assert not bound.holds(does_not)


@pytest.mark.parametrize("written", [100, "100", "", "> ", ">> 1", "!= 1", "> 1e3", "> many", "=> 1", None, True])
def test_what_is_no_comparison(written: object) -> None:
    """It says what one looks like."""
    with pytest.raises(PydanticCustomError) as caught:
        parse_bound(written)
    assert "`> 100`" in caught.value.message()


@given(
    cut=st.integers(0, len(TABLE)),
    length=st.integers(0, 40),
    put=st.lists(st.sampled_from(SNIPPETS) | st.text(max_size=3), max_size=3).map("".join),
)
def test_a_table_with_anything_in_it(cut: int, length: int, put: str) -> None:
    """Situations, or every problem with its place."""
    text = TABLE[:cut] + put + TABLE[cut + length :]
    with contextlib.suppress(PolicyError):
        assert parse_situations(text, "situations.yaml", POLICY)


def test_a_table_that_is_no_text(tmp_path: Path) -> None:
    """As with a policy."""
    file = tmp_path / "situations.yaml"
    file.write_bytes(b"- name: caf\xe9\n")
    with pytest.raises(PolicyError, match=r":1:12: not UTF-8 text"):
        load_situations(file, POLICY)
