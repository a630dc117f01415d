"""Rows as text: columns stand below each other, and nothing from outside can break them."""

from __future__ import annotations

import pytest

from nemo_watchdog.probes.shared.table import and_more, cell, table


def test_columns_are_as_wide_as_what_is_in_them() -> None:
    """The last one is not filled up."""
    assert table(("pid", "query"), [("1", "select 1"), ("12345", "x")]) == "pid    query\n1      select 1\n12345  x\n"
    assert table(("pid", "query"), []) == "pid  query\n"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "-"),
        ("", "-"),
        (" \n ", "-"),
        (0, "0"),
        ("select *\n  from  t", "select * from t"),
        ("\x1b[31mred\x00", "\\x1b[31mred\\x00"),
        ("a" * 21, f"{'a' * 19}…"),
    ],
)
def test_a_cell_is_one_line_and_bounded(value: object, shown: str) -> None:
    """Control characters are shown as such; of what is not there is a dash."""
    assert cell(value, 20) == shown


def test_what_is_left_out_is_counted() -> None:
    """And nothing is said when all is shown."""
    assert and_more(3, 5, "sessions") == "and 2 more sessions\n"
    assert and_more(3, 3, "sessions") == ""
